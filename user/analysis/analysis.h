/* SPDX-License-Identifier: BSD-2-Clause */
/* The five phases over one recording → one report document. */
#ifndef STRAIT_ANALYSIS_H
#define STRAIT_ANALYSIS_H

#include "model/document.h"
#include "model/recording.h"

/* Never NULL. Depends on the recording alone: live and replayed give the same document. */
struct document *analysis_run(const struct recording *rec);

#endif
