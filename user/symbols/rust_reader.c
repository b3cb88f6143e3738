/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "symbols/demangle.h"
#include "symbols/rust_reader.h"

/* Far more than real names need; references could make a short one endless. */
#define MAX_DEPTH 100
#define MAX_STEPS 20000

void rust_put_n(struct rust_reader *r, const char *text, size_t length)
{
	size_t left = DEMANGLE_TEXT - 1 - r->out_length;

	if (r->silent || r->failed)
		return;
	r->cut |= length > left;
	if (length > left)
		length = left;
	memcpy(r->out + r->out_length, text, length);
	r->out_length += length;
	r->out[r->out_length] = '\0';
}

void rust_put(struct rust_reader *r, const char *text)
{
	rust_put_n(r, text, strlen(text));
}

void rust_put_number(struct rust_reader *r, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	rust_put(r, text);
}

char rust_peek(const struct rust_reader *r)
{
	return r->at < r->length ? r->text[r->at] : '\0';
}

bool rust_take(struct rust_reader *r, char c)
{
	if (r->failed || rust_peek(r) != c)
		return false;
	r->at++;
	return true;
}

char rust_next(struct rust_reader *r)
{
	if (r->at >= r->length) {
		r->failed = true;
		return '\0';
	}
	return r->text[r->at++];
}

bool rust_enter(struct rust_reader *r)
{
	if (r->failed || r->depth >= MAX_DEPTH || ++r->steps > MAX_STEPS) {
		r->failed = true;
		return false;
	}
	r->depth++;
	return true;
}

uint64_t rust_base62(struct rust_reader *r)
{
	uint64_t value = 0;

	if (rust_take(r, '_'))
		return 0;
	while (!r->failed && !rust_take(r, '_')) {
		char c = rust_next(r);
		uint64_t digit = isdigit((unsigned char)c)   ? (uint64_t)(c - '0')
				 : islower((unsigned char)c) ? (uint64_t)(c - 'a') + 10
							     : (uint64_t)(c - 'A') + 36;

		/* Hashes of crates take all 64 bits. */
		if (!isalnum((unsigned char)c) || __builtin_mul_overflow(value, 62, &value) ||
		    __builtin_add_overflow(value, digit + (rust_peek(r) == '_'), &value))
			r->failed = true;
	}
	return value;
}

uint64_t rust_disambiguator(struct rust_reader *r)
{
	return rust_take(r, 's') ? rust_base62(r) + 1 : 0;
}

struct rust_name rust_name(struct rust_reader *r)
{
	struct rust_name id = {.punycode = rust_take(r, 'u')};

	if (!isdigit((unsigned char)rust_peek(r)))
		r->failed = true;
	if (!rust_take(r, '0'))
		while (isdigit((unsigned char)rust_peek(r)) && id.length < r->length)
			id.length = id.length * 10 + (size_t)(rust_next(r) - '0');
	rust_take(r, '_');
	if (id.length > r->length - r->at)
		r->failed = true;
	if (r->failed)
		return (struct rust_name){};
	id.text = r->text + r->at;
	r->at += id.length;
	return id;
}

struct rust_name rust_identifier(struct rust_reader *r)
{
	uint64_t disambiguator = rust_disambiguator(r);
	struct rust_name id = rust_name(r);

	id.disambiguator = disambiguator;
	return id;
}

void rust_put_identifier(struct rust_reader *r, const struct rust_name *id)
{
	if (id->punycode)
		rust_put(r, "punycode{");
	if (id->text)
		rust_put_n(r, id->text, id->length);
	if (id->punycode)
		rust_put(r, "}");
}

size_t rust_reference(struct rust_reader *r)
{
	size_t tag = r->at - 1, after;
	uint64_t target = rust_base62(r);

	after = r->at;
	if (target >= tag)
		r->failed = true;
	else
		r->at = (size_t)target;
	return after;
}
