/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "report/number.h"

static void check(double value, const char *unit, const char *expected)
{
	assert_string_equal(number_with_unit(value, unit).text, expected);
}

static void units(void **state)
{
	(void)state;
	check(950, "ns", "950 ns");
	check(1500, "ns", "1.50 µs");
	check(0.0241, "s", "24.1 ms");
	check(3.2, "ms", "3.20 ms");
	check(125, "s", "125 s");
	check(4000, "s", "4,000 s");
	check(512, "bytes", "512 B");
	check(1536, "bytes", "1.50 KiB");
	check(2.0 * 0x1p30, "bytes/s", "2.00 GiB/s");
	check(99.64, "percent", "99.6 %");
	check(99.64, "%", "99.6 %");
	check(0.973, "share", "97.3 %");
	check(12345, "count", "12,345");
	check(12345678, "1/s", "12.3 M/s");
	check(7, "", "7");
	check(7, NULL, "7");
	check(2, "CPUs", "2 CPUs");
	check(0.31, "threads", "0.31 threads");
	check(0, "ms", "0 ms");
	check(-1500, "ns", "-1.50 µs");
	check(NAN, "ms", "not observed");
	check(INFINITY, "", "not observed");
}

static void digits(void **state)
{
	static const struct scale measured = {.factor = 1, .measured = true}, count = {.factor = 1};

	(void)state;
	assert_string_equal(number_format(11, &measured).text, "11.0");
	assert_string_equal(number_format(11, &count).text, "11");
	assert_string_equal(number_format(9.996, &measured).text, "10.0");
	assert_string_equal(number_format(99.96, &measured).text, "100");
	assert_string_equal(number_format(999.6, &measured).text, "1,000");
	assert_string_equal(number_format(1234567.4, &measured).text, "1,234,567");
	assert_string_equal(number_format(0.0123, &measured).text, "0.012");
	assert_string_equal(number_format(0.0001, &measured).text, "<0.001");
	assert_string_equal(number_format(0, &measured).text, "0");
	assert_string_equal(number_format(-0.0, &measured).text, "0");
	assert_string_equal(number_format(NAN, &measured).text, NOT_OBSERVED);
	assert_string_equal(number_format(1e300, &measured).text, "1e+300");
	assert_string_equal(count_format(UINT64_MAX).text, "1.84e+19");
	assert_string_equal(count_format(1980).text, "1,980");
}

static void shares(void **state)
{
	(void)state;
	assert_string_equal(share_format(0.468).text, "47 %");
	assert_string_equal(share_format(0.0612).text, "6.1 %");
	assert_string_equal(share_format(0.0995).text, "10 %");
	assert_string_equal(share_format(0.0002).text, "<0.1 %");
	assert_string_equal(share_format(0).text, "0 %");
	assert_string_equal(share_format(1).text, "100 %");
	assert_string_equal(share_format(-0.12).text, "-12 %");
	assert_string_equal(share_format(NAN).text, NOT_OBSERVED);
	assert_string_equal(share_interval(0.41, 0.523).text, "41–52 %");
	assert_string_equal(share_interval(NAN, 0.5).text, "");
	assert_string_equal(share_interval(0.4, 0.4).text, "");
	/* what is not all never reads as all */
	assert_string_equal(part_format(0.998).text, "99.8 %");
	assert_string_equal(part_format(0.99999).text, ">99.9 %");
	assert_string_equal(part_format(1).text, "100 %");
	assert_string_equal(part_format(NAN).text, "not observed");
}

static void gains(void **state)
{
	(void)state;
	assert_string_equal(speedup_format(1.786).text, "1.8×");
	assert_string_equal(speedup_format(1.03).text, "1.03×");
	assert_string_equal(speedup_format(5000).text, ">1000×");
	assert_string_equal(speedup_format(NAN).text, "");
	assert_string_equal(hours_format((const double[]){0.25, 1}).text, "0.25–1 h");
	assert_string_equal(hours_format((const double[]){2, 2}).text, "2 h");
	assert_string_equal(hours_format((const double[]){0, 0}).text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units),
		cmocka_unit_test(digits),
		cmocka_unit_test(shares),
		cmocka_unit_test(gains),
	};

	return cmocka_run_group_tests_name("report/number", tests, NULL, NULL);
}
