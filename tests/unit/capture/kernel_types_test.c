/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/btf.h>

#include "capture/kernel_types.h"

#define FIELDS_KEPT 4

/*
 * A kernel with
 *   struct inner { int value; };
 *   struct outer { struct outer *next; struct inner in[3]; const int flag : 5; union { int a; }; };
 *   struct other { int unused; };
 *   enum choice { YES = 7 };
 */
static struct btf *kernel_make(void)
{
	struct btf *btf = btf__new_empty();
	int number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED), inner, outer, next, in, choice;

	btf__add_struct(btf, "other", 4);
	btf__add_field(btf, "unused", number, 0, 0);
	/* It points to itself, and comes before what it holds. */
	outer = btf__add_struct(btf, "outer", 32);
	next = outer + 1;
	btf__add_field(btf, "next", next, 0, 0);
	btf__add_field(btf, "in", next + 2, 64, 0);
	btf__add_field(btf, "flag", next + 3, 160, 5);
	btf__add_field(btf, NULL, next + 4, 192, 0);
	assert_int_equal(btf__add_ptr(btf, outer), next);
	inner = btf__add_struct(btf, "inner", 4);
	btf__add_field(btf, "value", number, 0, 0);
	in = btf__add_array(btf, number, inner, 3);
	assert_int_equal(in, next + 2);
	btf__add_const(btf, number);
	btf__add_union(btf, NULL, 4);
	btf__add_field(btf, "a", number, 0, 0);
	choice = btf__add_enum(btf, "choice", 4);
	btf__add_enum_value(btf, "YES", 7);
	assert_true(choice > 0);
	return btf;
}

static struct btf *object_make(void)
{
	struct btf *btf = btf__new_empty();

	btf__add_struct(btf, "outer___old", 8);
	btf__add_enum(btf, "choice", 4);
	btf__add_enum_value(btf, "YES", 1);
	btf__add_struct(btf, "nowhere", 8);
	return btf;
}

static void test_keeps_layout(void **state)
{
	static const struct {
		const char *name;
		uint32_t bits, size; /* where it begins; bytes of its type */
	} want[FIELDS_KEPT] = {{"next", 0, 8}, {"in", 64, 12}, {"flag", 160, 4}, {"", 192, 4}};
	struct btf *kernel = kernel_make(), *object = object_make();
	struct btf *types = kernel_types_needed(kernel, object);
	const struct btf_type *outer;
	int id;

	(void)state;
	assert_non_null(types);
	id = btf__find_by_name_kind(types, "outer", BTF_KIND_STRUCT);
	assert_true(id > 0);
	outer = btf__type_by_id(types, (uint32_t)id);
	assert_int_equal(outer->size, 32);
	assert_int_equal(btf_vlen(outer), FIELDS_KEPT);
	for (uint32_t i = 0; i < FIELDS_KEPT; i++) {
		const struct btf_member *member = btf_members(outer) + i;

		assert_string_equal(btf__name_by_offset(types, member->name_off), want[i].name);
		assert_int_equal(btf_member_bit_offset(outer, i), want[i].bits);
		assert_int_equal(btf__resolve_size(types, member->type), want[i].size);
	}
	assert_int_equal(btf_member_bitfield_size(outer, 2), 5);
	btf__free(types);
	btf__free(object);
	btf__free(kernel);
}

static void test_keeps_what_is_needed(void **state)
{
	struct btf *kernel = kernel_make(), *object = object_make();
	struct btf *types = kernel_types_needed(kernel, object);
	int choice = btf__find_by_name_kind(types, "choice", BTF_KIND_ENUM);

	(void)state;
	assert_true(choice > 0);
	/* The kernel's value, not the program's. */
	assert_int_equal(btf_enum(btf__type_by_id(types, (uint32_t)choice))->val, 7);
	assert_true(btf__find_by_name_kind(types, "inner", BTF_KIND_STRUCT) > 0);
	assert_true(btf__find_by_name_kind(types, "other", BTF_KIND_STRUCT) < 0);
	assert_true(btf__find_by_name_kind(types, "nowhere", BTF_KIND_STRUCT) < 0);
	btf__free(types);
	btf__free(object);
	btf__free(kernel);
}

/* A struct that holds itself is no type of a kernel. */
static void test_ends(void **state)
{
	struct btf *kernel = btf__new_empty(), *object = object_make();
	int outer = btf__add_struct(kernel, "outer", 8);

	(void)state;
	btf__add_field(kernel, "self", outer, 0, 0);
	assert_null(kernel_types_needed(kernel, object));
	btf__free(object);
	btf__free(kernel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps_layout),
		cmocka_unit_test(test_keeps_what_is_needed),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests_name("kernel_types", tests, NULL, NULL);
}
