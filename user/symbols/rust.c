/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rust's symbol mangling "v0" (Rust RFC 2603): a prefix grammar read by recursive descent, in which
 * back references repeat earlier parts. Depth, steps and output are bounded, because references can
 * make a short symbol stand for endless text. Shown in the compact form of Rust's own backtraces:
 * without hashes of crates and types of constants.
 */
#include <ctype.h>
#include <string.h>

#include "symbols/demangle.h"
#include "symbols/rust_reader.h"

static void read_path(struct rust_reader *r, bool value);
static bool read_path_open(struct rust_reader *r, bool value, bool keep_open);
static void read_type(struct rust_reader *r);
static void read_constant(struct rust_reader *r);

/* ---- lifetimes ---- */

static void put_lifetime(struct rust_reader *r, uint64_t number)
{
	uint64_t depth = r->bound - number;

	rust_put(r, "'");
	if (!number) {
		rust_put(r, "_");
	} else if (number > r->bound) {
		r->failed = true;
	} else if (depth < 26) {
		rust_put_n(r, &"abcdefghijklmnopqrstuvwxyz"[depth], 1);
	} else {
		rust_put(r, "_");
		rust_put_number(r, depth);
	}
}

/* for<'a, 'b>: returns how many it bound; the caller takes them off again. */
static uint64_t read_binder(struct rust_reader *r)
{
	uint64_t count = rust_take(r, 'G') ? rust_base62(r) + 1 : 0;

	if (!count || r->failed)
		return 0;
	if (count > 64) {
		r->failed = true;
		return 0;
	}
	rust_put(r, "for<");
	for (uint64_t i = 0; i < count; i++) {
		if (i)
			rust_put(r, ", ");
		r->bound++;
		put_lifetime(r, 1);
	}
	rust_put(r, "> ");
	return count;
}

/* ---- types ---- */

static const char *basic_type(char tag)
{
	static const char *const names[26] = {
		['a' - 'a'] = "i8",   ['b' - 'a'] = "bool",  ['c' - 'a'] = "char",
		['d' - 'a'] = "f64",  ['e' - 'a'] = "str",   ['f' - 'a'] = "f32",
		['h' - 'a'] = "u8",   ['i' - 'a'] = "isize", ['j' - 'a'] = "usize",
		['l' - 'a'] = "i32",  ['m' - 'a'] = "u32",   ['n' - 'a'] = "i128",
		['o' - 'a'] = "u128", ['p' - 'a'] = "_",     ['s' - 'a'] = "i16",
		['t' - 'a'] = "u16",  ['u' - 'a'] = "()",    ['v' - 'a'] = "...",
		['x' - 'a'] = "i64",  ['y' - 'a'] = "u64",   ['z' - 'a'] = "!",
	};

	return tag >= 'a' && tag <= 'z' ? names[tag - 'a'] : NULL;
}

static size_t read_types(struct rust_reader *r)
{
	size_t count = 0;

	while (!r->failed && !rust_take(r, 'E')) {
		if (count++)
			rust_put(r, ", ");
		read_type(r);
	}
	return count;
}

static void read_function_type(struct rust_reader *r)
{
	uint64_t bound = read_binder(r);

	if (rust_take(r, 'U'))
		rust_put(r, "unsafe ");
	if (rust_take(r, 'K')) {
		rust_put(r, "extern \"");
		if (rust_take(r, 'C')) {
			rust_put(r, "C");
		} else {
			struct rust_name abi = rust_name(r);

			for (size_t i = 0; i < abi.length; i++)
				rust_put_n(r, abi.text[i] == '_' ? "-" : &abi.text[i], 1);
		}
		rust_put(r, "\" ");
	}
	rust_put(r, "fn(");
	read_types(r);
	rust_put(r, ")");
	if (!rust_take(r, 'u')) {
		rust_put(r, " -> ");
		read_type(r);
	}
	r->bound -= bound;
}

static void read_dyn_trait(struct rust_reader *r)
{
	bool open = read_path_open(r, false, true);

	while (rust_take(r, 'p')) {
		struct rust_name name = rust_name(r);

		rust_put(r, open ? ", " : "<");
		open = true;
		rust_put_identifier(r, &name);
		rust_put(r, " = ");
		read_type(r);
	}
	if (open)
		rust_put(r, ">");
}

static void read_dyn(struct rust_reader *r)
{
	uint64_t bound, lifetime;

	rust_put(r, "dyn ");
	bound = read_binder(r);
	for (size_t i = 0; !r->failed && !rust_take(r, 'E'); i++) {
		if (i)
			rust_put(r, " + ");
		read_dyn_trait(r);
	}
	r->bound -= bound;
	if (!rust_take(r, 'L')) {
		r->failed = true;
		return;
	}
	lifetime = rust_base62(r);
	if (lifetime) {
		rust_put(r, " + ");
		put_lifetime(r, lifetime);
	}
}

static void read_reference_type(struct rust_reader *r, bool mutable)
{
	rust_put(r, "&");
	if (rust_take(r, 'L')) {
		uint64_t lifetime = rust_base62(r);

		if (lifetime) {
			put_lifetime(r, lifetime);
			rust_put(r, " ");
		}
	}
	if (mutable)
		rust_put(r, "mut ");
	read_type(r);
}

static void read_compound_type(struct rust_reader *r, char tag)
{
	size_t after;

	switch (tag) {
	case 'A':
	case 'S':
		rust_put(r, "[");
		read_type(r);
		if (tag == 'A') {
			rust_put(r, "; ");
			read_constant(r);
		}
		rust_put(r, "]");
		return;
	case 'T':
		rust_put(r, "(");
		rust_put(r, read_types(r) == 1 ? ",)" : ")");
		return;
	case 'R':
	case 'Q':
		read_reference_type(r, tag == 'Q');
		return;
	case 'P':
	case 'O':
		rust_put(r, tag == 'P' ? "*const " : "*mut ");
		read_type(r);
		return;
	case 'F':
		read_function_type(r);
		return;
	case 'D':
		read_dyn(r);
		return;
	case 'B':
		after = rust_reference(r);
		read_type(r);
		r->at = after;
		return;
	default:
		r->at--;
		read_path(r, false);
	}
}

static void read_type(struct rust_reader *r)
{
	char tag;

	if (!rust_enter(r))
		return;
	tag = rust_next(r);
	if (basic_type(tag))
		rust_put(r, basic_type(tag));
	else
		read_compound_type(r, tag);
	r->depth--;
}

/* ---- constants: only what generic arguments hold in practice ---- */

static void read_constant_value(struct rust_reader *r, char type)
{
	bool negative = rust_take(r, 'n');
	uint64_t value = 0;
	size_t digits = 0;

	for (; !r->failed && !rust_take(r, '_'); digits++) {
		char c = rust_next(r);

		if (!isdigit((unsigned char)c) && !(c >= 'a' && c <= 'f'))
			r->failed = true;
		value = value << 4 | (uint64_t)(isdigit((unsigned char)c) ? c - '0' : c - 'a' + 10);
	}
	if (type == 'b') {
		rust_put(r, value ? "true" : "false");
	} else if (type == 'c' && value >= 0x20 && value < 0x7f) {
		char text[] = {'\'', (char)value, '\''};

		rust_put_n(r, text, sizeof(text));
	} else if (digits > 16) {
		rust_put(r, "_"); /* wider than 64 bits */
	} else {
		rust_put(r, negative ? "-" : "");
		rust_put_number(r, value);
	}
}

static void read_constant(struct rust_reader *r)
{
	size_t after;
	char tag;

	if (!rust_enter(r))
		return;
	tag = rust_next(r);
	if (tag == 'B') {
		after = rust_reference(r);
		read_constant(r);
		r->at = after;
	} else if (tag == 'p') {
		rust_put(r, "_");
	} else if (tag && strchr("abchijlmnostxy", tag)) {
		read_constant_value(r, tag);
	} else {
		r->failed = true;
	}
	r->depth--;
}

/* ---- paths ---- */

/* Where an impl stands says nothing to a reader. */
static void skip_impl_path(struct rust_reader *r)
{
	bool silent = r->silent;

	r->silent = true;
	rust_disambiguator(r);
	read_path(r, false);
	r->silent = silent;
}

static void read_nested(struct rust_reader *r, bool value)
{
	char space = rust_next(r);
	struct rust_name id;

	read_path(r, value);
	id = rust_identifier(r);
	if (isupper((unsigned char)space)) {
		rust_put(r, "::{");
		if (space == 'C' || space == 'S')
			rust_put(r, space == 'C' ? "closure" : "shim");
		else
			rust_put_n(r, &space, 1);
		if (id.length) {
			rust_put(r, ":");
			rust_put_identifier(r, &id);
		}
		rust_put(r, "#");
		rust_put_number(r, id.disambiguator);
		rust_put(r, "}");
	} else if (id.length) {
		rust_put(r, "::");
		rust_put_identifier(r, &id);
	}
}

static bool read_generic(struct rust_reader *r, bool value, bool keep_open)
{
	read_path(r, value);
	rust_put(r, value ? "::<" : "<");
	for (size_t i = 0; !r->failed && !rust_take(r, 'E'); i++) {
		if (i)
			rust_put(r, ", ");
		if (rust_take(r, 'L'))
			put_lifetime(r, rust_base62(r));
		else if (rust_take(r, 'K'))
			read_constant(r);
		else
			read_type(r);
	}
	if (!keep_open)
		rust_put(r, ">");
	return keep_open;
}

/* True when it ended in generic arguments whose ">" was left to the caller. */
static bool read_path_open(struct rust_reader *r, bool value, bool keep_open)
{
	struct rust_name id;
	bool open = false;
	size_t after;
	char tag;

	if (!rust_enter(r))
		return false;
	tag = rust_next(r);
	switch (tag) {
	case 'C':
		id = rust_identifier(r);
		rust_put_identifier(r, &id);
		break;
	case 'M':
	case 'X':
	case 'Y':
		if (tag != 'Y')
			skip_impl_path(r);
		rust_put(r, "<");
		read_type(r);
		if (tag != 'M') {
			rust_put(r, " as ");
			read_path(r, false);
		}
		rust_put(r, ">");
		break;
	case 'N':
		read_nested(r, value);
		break;
	case 'I':
		open = read_generic(r, value, keep_open);
		break;
	case 'B':
		after = rust_reference(r);
		open = read_path_open(r, value, keep_open);
		r->at = after;
		break;
	default:
		r->failed = true;
	}
	r->depth--;
	return open;
}

static void read_path(struct rust_reader *r, bool value)
{
	read_path_open(r, value, false);
}

bool rust_demangle(const char *symbol, char out[DEMANGLE_TEXT])
{
	struct rust_reader r = {.text = symbol + 2, .out = out};

	if (strncmp(symbol, "_R", 2) != 0)
		return false;
	/* Suffixes of LLVM, ".llvm.123", come behind. */
	r.length = strcspn(r.text, ".$");
	out[0] = '\0';
	read_path(&r, true);
	if (!r.failed && r.at < r.length) {
		r.silent = true; /* the crate in which it was instantiated */
		read_path(&r, false);
	}
	if (r.cut)
		demangle_cut(out);
	return !r.failed && r.at == r.length && r.out_length;
}
