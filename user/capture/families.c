/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/families.h"

#define FAMILY_LINE(name) &family_##name,
const struct family *const families[] = {FAMILIES(FAMILY_LINE) NULL};

bool family_wanted(const struct family *family, const struct session_options *options)
{
	return !family->wanted || family->wanted(options);
}

size_t family_index(const struct family *family)
{
	size_t at = 0;

	while (families[at] != family)
		at++;
	return at;
}

int family_call(struct session *session, size_t at,
		int (*hook)(struct session *session, struct error *error), struct error *error)
{
	int err = hook && !session->family_off[at] ? hook(session, error) : 0;

	return err ? error_wrap(error, err, "family %s", families[at]->name) : 0;
}
