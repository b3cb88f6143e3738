/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/siphash.h"

#include <endian.h>
#include <string.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

uint64_t siphash(const uint64_t key[2], const void *bytes, size_t length)
{
	/* "somepseudorandomlygeneratedbytes" */
	struct sip s = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
			key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
	uint64_t word, last = (uint64_t)length << 56;
	const unsigned char *at = bytes;

	for (; length >= 8; at += 8, length -= 8) {
		memcpy(&word, at, 8);
		sip_word(&s, le64toh(word));
	}
	for (size_t i = 0; i < length; i++)
		last |= (uint64_t)at[i] << (8 * i);
	sip_word(&s, last);
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
