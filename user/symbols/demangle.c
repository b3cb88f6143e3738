/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/demangle.h"

/*
 * libsupc++'s demangler, part of every GNU C++ installation (CXXABI 1.3.1), as __cxa_demangle() but
 * with the text given out in pieces. Substitutions let a short symbol stand for gigabytes of text:
 * here the output is left at a limit, whatever its length would be.
 */
int __gcclibcxx_demangle_callback(const char *mangled,
				  void (*write)(const char *text, size_t length, void *context),
				  void *context);

struct output {
	char *text;
	size_t length;
	jmp_buf full;
};

void demangle_cut(char out[DEMANGLE_TEXT])
{
	memcpy(&out[DEMANGLE_TEXT - 4], "...", 4);
}

static void output_write(const char *text, size_t length, void *context)
{
	struct output *out = context;
	size_t left = DEMANGLE_TEXT - 1 - out->length;

	memcpy(out->text + out->length, text, length < left ? length : left);
	if (length > left) {
		demangle_cut(out->text);
		longjmp(out->full, 1);
	}
	out->length += length;
	out->text[out->length] = '\0';
}

static bool cxx_demangle(const char *symbol, char out[DEMANGLE_TEXT])
{
	struct output output = {.text = out};

	/* The demangler holds no memory of the heap, so it may be left this way. */
	if (setjmp(output.full))
		return true;
	return !__gcclibcxx_demangle_callback(symbol, output_write, &output) && output.length;
}

/* ---- Rust's older mangling: C++'s, with a hash at its end and escapes in it ---- */

static bool is_rust_hash(const char *tail)
{
	return strlen(tail) == 19 && !strncmp(tail, "::h", 3) &&
	       strspn(tail + 3, "0123456789abcdef") == 16;
}

/* "$LT$" and so on, as rustc writes them. Returns the escape's length, 0 if it is none. */
static size_t rust_escape(const char *text, char *out)
{
	static const struct {
		const char *from;
		char to;
	} escapes[] = {{"$SP$", '@'}, {"$BP$", '*'}, {"$RF$", '&'}, {"$LT$", '<'},
		       {"$GT$", '>'}, {"$LP$", '('}, {"$RP$", ')'}, {"$C$", ','}};
	unsigned long code;
	char *end;

	for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++)
		if (!strncmp(text, escapes[i].from, strlen(escapes[i].from))) {
			*out = escapes[i].to;
			return strlen(escapes[i].from);
		}
	/* "$u20$": a character by its number; what is not printable ASCII stays as it is */
	if (strncmp(text, "$u", 2) != 0)
		return 0;
	code = strtoul(text + 2, &end, 16);
	if (*end == '$' && end - text <= 4 && code >= 0x20 && code < 0x7f) {
		*out = (char)code;
		return (size_t)(end - text) + 1;
	}
	return 0;
}

static void rust_unescape(char *text)
{
	char *to = text;

	for (const char *at = text; *at;) {
		size_t length = *at == '$' ? rust_escape(at, to) : 0;

		if (length) {
			at += length;
			to++;
		} else if (at[0] == '.' && at[1] == '.') {
			*to++ = ':';
			*to++ = ':';
			at += 2;
		} else if (at[0] == '_' && at[1] == '$' && (to == text || to[-1] == ':')) {
			at++; /* put before an escape that begins a name */
		} else {
			*to++ = *at++;
		}
	}
	*to = '\0';
}

static bool cxx_or_rust_demangle(const char *symbol, char out[DEMANGLE_TEXT])
{
	const char *suffix = strstr(symbol, ".llvm.");
	char plain[2 * DEMANGLE_TEXT];
	size_t length = suffix ? (size_t)(suffix - symbol) : 0;

	/* LLVM tells the local functions of joined modules apart by a number: of no use to people.
	 */
	if (suffix && length < sizeof(plain)) {
		memcpy(plain, symbol, length);
		plain[length] = '\0';
		symbol = plain;
	}
	if (!cxx_demangle(symbol, out))
		return false;
	length = strlen(out);
	if (length > 19 && is_rust_hash(out + length - 19)) {
		out[length - 19] = '\0';
		rust_unescape(out);
	}
	return true;
}

void symbol_demangle(const char *symbol, char out[DEMANGLE_TEXT])
{
	size_t length;

	if (!strncmp(symbol, "_R", 2) && rust_demangle(symbol, out))
		return;
	if (!strncmp(symbol, "_Z", 2) && cxx_or_rust_demangle(symbol, out))
		return;
	length = strlen(symbol);
	if (length < DEMANGLE_TEXT) {
		memcpy(out, symbol, length + 1);
		return;
	}
	memcpy(out, symbol, DEMANGLE_TEXT - 4);
	demangle_cut(out);
}
