/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cap-ng.h>
#include <cmocka.h>

#include "util/rights.h"

/* Runs `body` in a child that has these capabilities and no other: it may give them up. */
static void in_child(const int *capabilities, size_t count, int (*body)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		capng_clear(CAPNG_SELECT_CAPS);
		for (size_t i = 0; i < count; i++)
			capng_update(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
				     (unsigned int)capabilities[i]);
		_exit(capng_apply(CAPNG_SELECT_CAPS) ? 99 : body());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int none_body(void)
{
	char text[600];

	return !(rights_missing(text, sizeof(text)) && !strcmp(text, "CAP_BPF, CAP_PERFMON") &&
		 rights_lost(text, sizeof(text)) && strstr(text, "without CAP_SYS_PTRACE ") &&
		 strstr(text, "; without CAP_DAC_READ_SEARCH ") && !rights_have(CAP_BPF));
}

static void all_are_missing(void **state)
{
	(void)state;
	in_child(NULL, 0, none_body);
}

static int cut_body(void)
{
	char text[10];

	return !(rights_missing(text, sizeof(text)) && !strcmp(text, "CAP_BPF, ") &&
		 rights_lost(text, sizeof(text)) && strlen(text) == 9);
}

static void text_is_cut(void **state)
{
	(void)state;
	in_child(NULL, 0, cut_body);
}

static int perfmon_body(void)
{
	char text[80];

	return !(rights_missing(text, sizeof(text)) && !strcmp(text, "CAP_PERFMON") &&
		 rights_have(CAP_BPF));
}

static void one_is_missing(void **state)
{
	(void)state;
	if (!rights_have(CAP_BPF))
		skip();
	in_child((const int[]){CAP_BPF}, 1, perfmon_body);
}

/* It still has what was split off it, but not what it never had. */
static int admin_body(void)
{
	char text[600];

	return !(!rights_missing(text, sizeof(text)) && rights_lost(text, sizeof(text)) &&
		 strstr(text, "without CAP_SYS_PTRACE ") &&
		 !strstr(text, "CAP_CHECKPOINT_RESTORE"));
}

static void admin_does_as_well(void **state)
{
	(void)state;
	if (!rights_have(CAP_SYS_ADMIN))
		skip();
	in_child((const int[]){CAP_SYS_ADMIN}, 1, admin_body);
}

/* ---- giving up ---- */

static uint64_t held(capng_type_t which)
{
	uint64_t set = 0;

	capng_get_caps_process();
	for (unsigned int i = 0; i <= CAP_LAST_CAP; i++)
		if (capng_have_capability(which, i))
			set |= 1ULL << i;
	return set;
}

#define BIT(capability) (1ULL << (capability))

static const int many[] = {CAP_BPF,    CAP_PERFMON,   CAP_SYS_ADMIN,   CAP_KILL,
			   CAP_SETUID, CAP_NET_ADMIN, CAP_DAC_OVERRIDE};

static int watch_body(void)
{
	uint64_t uses = BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_KILL);
	bool good = !rights_enter(RIGHTS_OPEN, 0) && rights_have(CAP_NET_ADMIN) &&
		    !rights_enter(RIGHTS_WATCH, RIGHTS_CHILD) && held(CAPNG_EFFECTIVE) == uses &&
		    held(CAPNG_PERMITTED) == (uses | BIT(CAP_SYS_ADMIN)) &&
		    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;

	good = good && rights_raise(CAP_SYS_ADMIN) && rights_have(CAP_SYS_ADMIN) &&
	       !rights_raise(CAP_SYS_ADMIN);
	rights_lower(CAP_SYS_ADMIN);
	good = good && held(CAPNG_EFFECTIVE) == uses && !rights_raise(CAP_NET_ADMIN);
	/* The next window opens with what is left. */
	good = good && !rights_enter(RIGHTS_OPEN, 0) &&
	       held(CAPNG_EFFECTIVE) == (uses | BIT(CAP_SYS_ADMIN));
	return !(good && !rights_enter(RIGHTS_NONE, 0) && !held(CAPNG_EFFECTIVE) &&
		 !held(CAPNG_PERMITTED) && !rights_enter(RIGHTS_OPEN, 0) && !held(CAPNG_EFFECTIVE));
}

static void phases_give_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		if (!rights_have((unsigned int)many[i]))
			skip();
	in_child(many, sizeof(many) / sizeof(many[0]), watch_body);
}

/* Before 5.8, and where a container was given nothing newer. */
static int admin_only_body(void)
{
	return !(!rights_enter(RIGHTS_TABLES, 0) && held(CAPNG_EFFECTIVE) == BIT(CAP_SYS_ADMIN));
}

static void admin_stands_in(void **state)
{
	(void)state;
	if (!rights_have(CAP_SYS_ADMIN))
		skip();
	in_child((const int[]){CAP_SYS_ADMIN}, 1, admin_only_body);
}

/* ---- what it takes none for ---- */

static int spared_body(void)
{
	char ours[] = "/tmp/rights_XXXXXX", theirs[] = "/tmp/rights_XXXXXX";
	bool good = mkdtemp(ours) && mkdtemp(theirs) && !chown(theirs, 12345, 12345);

	good = good && rights_spared(ours) && !rights_spared(theirs) &&
	       !access(theirs, R_OK | W_OK | X_OK) &&
	       held(CAPNG_EFFECTIVE) == (BIT(CAP_DAC_OVERRIDE) | BIT(CAP_CHOWN));
	rmdir(ours);
	rmdir(theirs);
	return !good;
}

static void folders_spare_rights(void **state)
{
	(void)state;
	if (geteuid() || !rights_have(CAP_DAC_OVERRIDE) || !rights_have(CAP_CHOWN))
		skip();
	in_child((const int[]){CAP_DAC_OVERRIDE, CAP_CHOWN}, 2, spared_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_missing),      cmocka_unit_test(text_is_cut),
		cmocka_unit_test(one_is_missing),       cmocka_unit_test(admin_does_as_well),
		cmocka_unit_test(phases_give_up),       cmocka_unit_test(admin_stands_in),
		cmocka_unit_test(folders_spare_rights),
	};

	return cmocka_run_group_tests_name("rights", tests, NULL, NULL);
}
