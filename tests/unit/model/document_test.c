/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/document.h"

static void new_is_not_observed(void **state)
{
	struct document *doc = document_new();

	(void)state;
	assert_int_equal(doc->bottlenecks.len, 0);
	assert_null(doc->verdict);
	assert_true(isnan(doc->total.saved_share));
	assert_true(isnan(doc->total.speedup));
	assert_true(isnan(doc->coverage.ledger_share));
	assert_true(isnan(doc->coverage.self_cpu_percent));
	document_free(doc);
	document_free(NULL);
}

/* Texts stay where they are while others are made; the sanitizer sees what is not freed. */
static void text_lives_with_the_document(void **state)
{
	struct document *doc = document_new();
	struct bottleneck *item;
	const char *first = document_text(doc, "%s %d", "burner", 7);
	char *longer = malloc(10001);

	(void)state;
	memset(longer, 'x', 10000);
	longer[10000] = '\0';
	for (int i = 0; i < 100; i++)
		document_text(doc, "%s %d", longer, i);
	assert_string_equal(first, "burner 7");
	assert_int_equal(strlen(doc->owned.at[100]), 10003);
	free(longer);

	item = vec_push(&doc->bottlenecks, (struct bottleneck){.rank = 1});
	vec_push(&item->chain, (struct link){.id = "cpu.antagonist"});
	vec_push(&item->evidence, (struct evidence){.what = "x", .value = 1, .unit = "s"});
	vec_push(&item->stacks, 3u);
	document_free(doc);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(severity_name(SEVERITY_LOW), "low");
	assert_string_equal(severity_name(SEVERITY_MEDIUM), "medium");
	assert_string_equal(severity_name(SEVERITY_HIGH), "high");
	assert_string_equal(severity_name(SEVERITY_CRITICAL), "critical");
	assert_string_equal(severity_name((enum severity)99), "unknown");
	assert_string_equal(confidence_name(CONFIDENCE_LOW), "low");
	assert_string_equal(confidence_name(CONFIDENCE_MEDIUM), "medium");
	assert_string_equal(confidence_name(CONFIDENCE_HIGH), "high");
	assert_string_equal(confidence_name((enum confidence)99), "unknown");
	assert_string_equal(effort_name(EFFORT_QUICK), "quick");
	assert_string_equal(effort_name(EFFORT_MEDIUM), "medium");
	assert_string_equal(effort_name(EFFORT_COMPLEX), "complex");
	assert_string_equal(effort_name((enum effort)99), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_is_not_observed),
		cmocka_unit_test(text_lives_with_the_document),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("model/document", tests, NULL, NULL);
}
