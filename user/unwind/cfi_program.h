/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of cfi: runs the program of one entry and turns its states into rules. */
#ifndef STRAIT_UNWIND_CFI_PROGRAM_H
#define STRAIT_UNWIND_CFI_PROGRAM_H

#include "symbols/cursor.h"
#include "symbols/eh_frame.h"
#include "unwind/cfi.h"

/* Compilers nest remembered states once, hand-written code a few times. */
#define CFI_STATES 16

enum cfi_kind {
	CFI_UNSPECIFIED, /* nothing said: unchanged, as the ABI's saved registers are */
	CFI_UNDEFINED,
	CFI_SAME,
	CFI_OFFSET,           /* saved at CFA + offset */
	CFI_VALUE,            /* is CFA + offset */
	CFI_REGISTER,         /* in another register; the CFA: register + offset */
	CFI_EXPRESSION,       /* saved at what an expression says; the CFA: is what it says */
	CFI_VALUE_EXPRESSION, /* is what an expression says */
};

struct cfi_value {
	enum cfi_kind kind;
	uint32_t length; /* of the expression */
	uint64_t number; /* of the register */
	int64_t offset;
	const uint8_t *expression;
};

/* The registers that are followed; all others may become what they like. */
enum { CFI_FP, CFI_SP, CFI_RA, CFI_BASE, CFI_FOLLOWED };

struct cfi_state {
	struct cfi_value cfa;
	struct cfi_value saved[CFI_FOLLOWED];
};

/* What the entries of a common information entry (CIE) share. */
struct cfi_common {
	uint64_t offset; /* in the section */
	bool good;
	struct eh_augmentation augmentation;
	uint64_t code_unit;
	int64_t data_unit;
	struct cfi_state initial;
};

/* An address in the encoding; sets `bad` where that is not known here. */
uint64_t cfi_address(struct cursor *c, const struct cfi_section *section, uint8_t encoding);

/* Runs a CIE's own program and sets `common->initial`; false: it is broken. */
bool cfi_run_common(struct cfi_common *common, const struct cfi_machine *machine,
		    const struct cfi_section *section, struct cursor program);

/* Runs an entry's program over the code [begin, end), which gives at least one row. */
bool cfi_run(const struct cfi_common *common, const struct cfi_machine *machine,
	     const struct cfi_section *section, struct cursor program, uint64_t begin, uint64_t end,
	     const struct cfi_sink *sink);

/* The rule that a state makes. */
struct unwind_rule cfi_rule(const struct cfi_common *common, const struct cfi_machine *machine,
			    const struct cfi_state *state);

#endif
