/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts on which threads wait for memory, each for another reason. */
#include "analysis/report.h"

/* A service that works all the time, two fifths of it in reclaim. */
static struct recording *host_reclaiming(uint64_t cgroup_ns, uint64_t host_ns)
{
	struct recording *rec = host_new(0.5);
	uint32_t thread = host_process(rec, "service");

	host_spend(rec, thread, STATE_RUN_USER, 0.6);
	host_spend(rec, thread, STATE_WAIT_RECLAIM, 0.4);
	host_count(rec, thread, "memory.reclaim_cgroup_ns", "", cgroup_ns);
	host_count(rec, thread, "memory.reclaim_direct_ns", "", host_ns);
	return rec;
}

static void check_reclaim(struct recording *rec, const char *id, const char *other,
			  const char *title, double share)
{
	struct document *doc = host_report(rec);
	const struct bottleneck *top = finding_of(doc, id);

	assert_non_null(top);
	assert_int_equal(top->rank, 1);
	assert_null(finding_of(doc, other));
	assert_string_equal(top->where.process, "service");
	assert_non_null(strstr(top->title, title));
	assert_near(top->impact.share, share, 0.005);
	assert_int_equal(top->confidence, CONFIDENCE_HIGH);
	assert_true(top->action && *top->action);
	assert_string_equal(top->evidence.at[0].what, "time in reclaim");
	assert_int_equal(top->chain.len, 1);
	document_free(doc);
}

/* The ledger saw 4 s of 10 s of work in reclaim, the family 5 s: that times all of it. */
static void the_larger_kind_of_reclaim_is_the_cause(void **state)
{
	(void)state;
	check_reclaim(host_reclaiming(5 * SECOND, 0), "mem.cgroup-limit", "mem.reclaim",
		      "below the limit of its cgroup", 0.5);
	check_reclaim(host_reclaiming(1 * SECOND, 4 * SECOND), "mem.reclaim", "mem.cgroup-limit",
		      "the host is short of it", 0.5);
	/* Without the family only the waits are known. */
	check_reclaim(host_reclaiming(0, 0), "mem.reclaim", "mem.cgroup-limit",
		      "the host is short of it", 0.4);
}

static void pages_read_back_are_swap(void **state)
{
	struct recording *rec = host_new(0.5);
	uint32_t thread = host_process(rec, "service");
	const struct bottleneck *found;
	struct document *doc;

	(void)state;
	host_spend(rec, thread, STATE_RUN_USER, 0.7);
	host_spend(rec, thread, STATE_WAIT_FAULT, 0.3);
	host_count(rec, thread, "memory.major_faults", "", 500);
	doc = host_report(rec);
	found = finding_of(doc, "mem.swap");
	assert_non_null(found);
	assert_null(finding_of(doc, "mem.reclaim"));
	assert_near(found->impact.share, 0.3, 0.005);
	assert_true(found->evidence.at[found->evidence.len - 1].value == 50);
	document_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_larger_kind_of_reclaim_is_the_cause),
		cmocka_unit_test(pages_read_back_are_swap),
	};

	return cmocka_run_group_tests_name("analysis/detectors/mem", tests, NULL, NULL);
}
