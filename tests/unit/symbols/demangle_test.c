/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "symbols/demangle.h"

static void check(const char *symbol, const char *expected)
{
	char text[DEMANGLE_TEXT];

	symbol_demangle(symbol, text);
	assert_string_equal(text, expected);
}

static void other_names_are_kept(void **state)
{
	(void)state;
	check("main", "main");
	check("_start", "_start");
	check("_Zork", "_Zork");
	check("_R", "_R");
	check("", "");
	check("runtime.mallocgc", "runtime.mallocgc");
	check("foo.constprop.0", "foo.constprop.0");
}

static void cxx(void **state)
{
	(void)state;
	check("_ZN3fooEv", "foo()");
	check("_ZNSt6vectorIiSaIiEE9push_backERKi",
	      "std::vector<int, std::allocator<int> >::push_back(int const&)");
	check("_ZN3app4workEi.part.0", "app::work(int) [clone .part.0]");
	check("_ZN3app4workEi.llvm.1234567", "app::work(int)");
}

/* Made by rustc 1.9x with the older mangling; the answers are what its own backtraces print. */
static void rust_legacy(void **state)
{
	(void)state;
	check("_ZN3std2rt10lang_start28_$u7b$$u7b$closure$u7d$$u7d$17h168e94e611939a97E",
	      "std::rt::lang_start::{{closure}}");
	check("_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar"
	      "17h930b740aa94f1d3aE",
	      "<Test + 'static as foo::Bar<Test>>::bar");
	check("_ZN42_$LT$$RF$T$u20$as$u20$core..fmt..Debug$GT$3fmt17h31cc1fd56ce943daE",
	      "<&T as core::fmt::Debug>::fmt");
}

/* Examples of RFC 2603 and names found in programs built with rustc -C symbol-mangling-version=v0,
 * the answers by llvm-cxxfilt. */
static void rust_v0(void **state)
{
	(void)state;
	check("_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar");
	check("_RNCNvCs4fqI2P2rA04_5crate4main0B3_", "crate::main::{closure#0}");
	check("_RINvNtC3std3mem8align_ofjdE", "std::mem::align_of::<usize, f64>");
	check("_RNvMsr_NtCs3ssYzQotkvD_3std4pathNtB5_7PathBuf3newCs15kBYyAo9fc_7mycrate",
	      "<std::path::PathBuf>::new");
	check("_RNvXs_NtC3foo3barNtB4_3BazNtNtC4core5clone5Clone5clone",
	      "<foo::bar::Baz as core::clone::Clone>::clone");
	check("_RINvC3foo3barTRhQcEAjj3_DNtC3foo5TraitEL_E",
	      "foo::bar::<(&u8, &mut char), [usize; 3], dyn foo::Trait>");
	check("_RINvMs1_NtNtCsgEmfK2I1SDS_4core3fmt8buildersNtB6_11DebugStruct10field_with"
	      "NCNvXsl_B8_PReNtB8_7Pointer3fmt0ECskK7mfDs1mzF_1m",
	      "<core::fmt::builders::DebugStruct>::field_with::<<*const &str as "
	      "core::fmt::Pointer>::fmt::{closure#0}>");
	check("_RNvC1a1b.llvm.99", "a::b");
	check("_RINvC1a1fFG_RL0_hEuE", "a::f::<for<'a> fn(&'a u8)>");
}

/* The number in a substitution or reference: digits, then letters in the given order. */
static char *number(char *to, unsigned int value, const char *digits)
{
	size_t base = strlen(digits);

	if (value >= base)
		to = number(to, (unsigned int)(value / base), digits);
	*to++ = digits[value % base];
	*to = '\0';
	return to;
}

/* Each type holds the one before it twice: 2^40 letters from 500. */
static void cxx_bomb_is_cut(void **state)
{
	char symbol[1024] = "_Z1f1aIiiE", text[DEMANGLE_TEXT], digits[8];

	(void)state;
	for (unsigned int i = 1; i < 40; i++) {
		number(digits, 2 * (i - 1), "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
		snprintf(symbol + strlen(symbol), 64, "1aIS%s_S%s_E", digits, digits);
	}
	symbol_demangle(symbol, text);
	assert_int_equal(strlen(text), DEMANGLE_TEXT - 1);
	assert_memory_equal(text, "f(a<int, int>, ", 15);
	assert_string_equal(text + DEMANGLE_TEXT - 4, "...");
}

static void rust_bomb_is_left_alone(void **state)
{
	char symbol[1024] = "_RINvC1a1fThhE", text[DEMANGLE_TEXT], digits[8];
	unsigned int last = 8; /* where the tuple begins, behind "_R" */

	(void)state;
	for (unsigned int i = 1; i < 40; i++) {
		unsigned int here = (unsigned int)strlen(symbol) - 2;

		number(digits, last - 1,
		       "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
		snprintf(symbol + strlen(symbol), 64, "TB%s_B%s_E", digits, digits);
		last = here;
		/* Small ones are still read: the references are right. */
		if (i != 2)
			continue;
		strcat(symbol, "E");
		check(symbol, "a::f::<(u8, u8), ((u8, u8), (u8, u8)), "
			      "(((u8, u8), (u8, u8)), ((u8, u8), (u8, u8)))>");
		symbol[strlen(symbol) - 1] = '\0';
	}
	strcat(symbol, "E");
	symbol_demangle(symbol, text);
	assert_string_equal(text, symbol);

	/* References nested in types, deeper than any stack should be. */
	memset(symbol, 'R', sizeof(symbol) - 1);
	memcpy(symbol, "_RINvC1a1f", 10);
	symbol[sizeof(symbol) - 1] = '\0';
	symbol_demangle(symbol, text);
	assert_memory_equal(text, "_RINvC1a1fRRRR", 14);
}

static void long_names_are_cut(void **state)
{
	char symbol[3000], text[DEMANGLE_TEXT];

	(void)state;
	memset(symbol, 'a', sizeof(symbol) - 1);
	symbol[sizeof(symbol) - 1] = '\0';
	symbol_demangle(symbol, text);
	assert_int_equal(strlen(text), DEMANGLE_TEXT - 1);
	assert_string_equal(text + DEMANGLE_TEXT - 5, "a...");
}

static void noise_is_survived(void **state)
{
	static const char letters[] = "_RZNvCMXYIKTSABEDFGLpsu0123456789abhijyEEBB__";
	char symbol[64], text[DEMANGLE_TEXT];

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		size_t length = 2 + (size_t)rand() % 60;

		strcpy(symbol, i % 2 ? "_R" : "_Z");
		for (size_t j = 2; j < length; j++)
			symbol[j] = letters[(size_t)rand() % (sizeof(letters) - 1)];
		symbol[length] = '\0';
		symbol_demangle(symbol, text);
		assert_true(strlen(text) < DEMANGLE_TEXT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_names_are_kept), cmocka_unit_test(cxx),
		cmocka_unit_test(rust_legacy),          cmocka_unit_test(rust_v0),
		cmocka_unit_test(cxx_bomb_is_cut),      cmocka_unit_test(rust_bomb_is_left_alone),
		cmocka_unit_test(long_names_are_cut),   cmocka_unit_test(noise_is_survived),
	};

	return cmocka_run_group_tests_name("symbols/demangle", tests, NULL, NULL);
}
