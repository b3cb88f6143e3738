/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/names_image.h"
#include "symbols/symtab.h"
#include "util/vec.h"

#define MOST_SYMBOLS (256u << 10) /* libLLVM has 100,000 */
#define MOST_TABLE   (24u << 20)  /* bytes: a million entries, most of them data */
#define MOST_TEXT    (32u << 20)

enum {
	NOTE = 1, /* sections; those with code follow */
	SYMTAB,
	STRTAB,
	CODE,
};

struct maker {
	const struct image *image, *source;
	char *names; /* of the source, all of them, with a NUL behind */
	size_t names_size;
	VEC(char) text;              /* of those that are kept */
	VEC(struct symbol) symbols;  /* .name: in text */
	VEC(Elf64_Shdr) code;        /* the source's sections with code, without contents */
	VEC(uint16_t) code_position; /* in `code`, + 1, by the source's number; 0 = no code */
	bool too_many;
};

/* ---- reading ---- */

static bool names_load(struct maker *m)
{
	const struct image_section *table = image_section_of_type(m->source, SHT_SYMTAB);
	const struct image_section *text = symtab_text(m->source, SHT_SYMTAB);

	m->too_many = text && (text->size > MOST_TEXT || table->size > MOST_TABLE);
	if (!text || m->too_many)
		return false;
	m->names = malloc(text->size + 1);
	m->names_size = text->size;
	if (!m->names || !image_read(m->source, text->offset, m->names, text->size))
		return false;
	m->names[text->size] = '\0';
	return true;
}

static void code_sections_find(struct maker *m)
{
	for (size_t i = 0; i < m->source->section_count; i++) {
		const struct image_section *section = &m->source->sections[i];
		bool code = section->flags & SHF_EXECINSTR;

		if (code)
			vec_push(&m->code, (Elf64_Shdr){
						   .sh_type = SHT_NOBITS,
						   .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
						   .sh_addr = section->address,
						   .sh_size = section->size,
					   });
		vec_push(&m->code_position, code ? (uint16_t)m->code.len : 0);
	}
}

static bool symbol_take(void *context, const struct symbol *symbol)
{
	struct maker *m = context;
	struct symbol kept = *symbol;
	const char *name, *version;
	size_t length;

	if (symbol->name >= m->names_size || !m->names[symbol->name] ||
	    symbol->section >= m->code_position.len || !m->code_position.at[symbol->section] ||
	    !image_executable(m->image, symbol->value))
		return true;
	name = m->names + symbol->name;
	length = strnlen(name, SYMTAB_NAME - 1);
	version = memchr(name + 1, '@', length - 1);
	if (version)
		length = (size_t)(version - name);
	m->too_many = m->symbols.len == MOST_SYMBOLS || m->text.len + length + 1 > MOST_TEXT;
	if (m->too_many)
		return false;
	kept.name = (uint32_t)m->text.len;
	kept.section = (uint16_t)(CODE + m->code_position.at[symbol->section] - 1);
	memcpy(vec_extend(&m->text, length + 1), name, length);
	vec_push(&m->symbols, kept);
	return true;
}

/* The best name of a place comes first. */
static int symbol_compare(const void *left, const void *right, void *text)
{
	const struct symbol *a = left, *b = right;
	const char *name_a = (char *)text + a->name, *name_b = (char *)text + b->name;

	if (a->value != b->value)
		return a->value < b->value ? -1 : 1;
	if (a->size != b->size)
		return a->size < b->size ? -1 : 1;
	if (symbol_rank(a) != symbol_rank(b))
		return symbol_rank(a) > symbol_rank(b) ? -1 : 1;
	if (name_is_plainer(name_a, name_b))
		return -1;
	return name_is_plainer(name_b, name_a);
}

/* One name a place, and the text of no other. */
static void symbols_sort(struct maker *m)
{
	VEC(char) text = {};
	size_t kept = 0;

	qsort_r(m->symbols.at, m->symbols.len, sizeof(*m->symbols.at), symbol_compare, m->text.at);
	vec_push(&text, '\0');
	vec_each(&m->symbols, symbol) {
		const char *name = m->text.at + symbol->name;
		size_t size = strlen(name) + 1;

		if (kept && m->symbols.at[kept - 1].value == symbol->value &&
		    m->symbols.at[kept - 1].size == symbol->size)
			continue;
		symbol->name = (uint32_t)text.len;
		memcpy(vec_extend(&text, size), name, size);
		m->symbols.at[kept++] = *symbol;
	}
	m->symbols.len = kept;
	vec_free(&m->text);
	m->text.at = text.at;
	m->text.len = text.len;
	m->text.cap = text.cap;
}

/* ---- writing ---- */

#define NOTE_SPACE 48 /* what follows is aligned */

struct note {
	Elf64_Nhdr header;
	char name[4];
	uint8_t id[(IMAGE_ID - 1) / 2];
};

static_assert(sizeof(struct note) <= NOTE_SPACE && NOTE_SPACE % 8 == 0, "it has space");

static bool note_make(const struct image *image, struct note *note, size_t *size)
{
	char id[IMAGE_ID];
	size_t length;

	if (!image_build_id(image, id))
		return false;
	length = strlen(id) / 2;
	*note = (struct note){{4, (Elf64_Word)length, NT_GNU_BUILD_ID}, "GNU", {}};
	for (size_t i = 0; i < length; i++)
		note->id[i] = (uint8_t)strtoul((char[]){id[2 * i], id[2 * i + 1], '\0'}, NULL, 16);
	*size = (sizeof(note->header) + sizeof(note->name) + length + 3) & ~(size_t)3;
	return true;
}

static void segments_write(const struct image *image, Elf64_Phdr *out)
{
	for (size_t i = 0; i < image->segment_count; i++)
		out[i] = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_flags = image->segments[i].flags,
			.p_offset = image->segments[i].offset,
			.p_vaddr = image->segments[i].address,
			.p_filesz = image->segments[i].file_size,
			.p_memsz = image->segments[i].file_size,
		};
}

static void symbols_write(const struct maker *m, Elf64_Sym *out)
{
	*out = (Elf64_Sym){};
	vec_each(&m->symbols, symbol)
		*++out = (Elf64_Sym){
			.st_name = symbol->name,
			.st_info = ELF64_ST_INFO(symbol->binding, symbol->type),
			.st_shndx = symbol->section,
			.st_value = symbol->value,
			.st_size = symbol->size,
		};
}

/* Headers, then sections in the order of their numbers. */
static int file_write(const struct maker *m, void **out, size_t *size)
{
	size_t segments = m->image->segment_count, sections = CODE + m->code.len, note_size, at;
	struct note note;
	Elf64_Ehdr *header;
	Elf64_Shdr *table;

	if (!note_make(m->image, &note, &note_size))
		return -ENOENT;
	at = sizeof(*header) + segments * sizeof(Elf64_Phdr) + sections * sizeof(*table);
	*size = at + NOTE_SPACE + (m->symbols.len + 1) * sizeof(Elf64_Sym) + m->text.len;
	header = calloc(1, *size);
	if (!header)
		return -ENOMEM;
	*header = (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB,
			    EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = m->image->machine,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(*header),
		.e_shoff = sizeof(*header) + segments * sizeof(Elf64_Phdr),
		.e_ehsize = sizeof(*header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)segments,
		.e_shentsize = sizeof(*table),
		.e_shnum = (Elf64_Half)sections,
	};
	segments_write(m->image, (Elf64_Phdr *)(header + 1));
	table = (Elf64_Shdr *)((char *)header + header->e_shoff);
	table[NOTE] = (Elf64_Shdr){.sh_type = SHT_NOTE, .sh_offset = at, .sh_size = note_size};
	memcpy((char *)header + at, &note, note_size);
	at += NOTE_SPACE;
	table[SYMTAB] = (Elf64_Shdr){
		.sh_type = SHT_SYMTAB,
		.sh_offset = at,
		.sh_size = (m->symbols.len + 1) * sizeof(Elf64_Sym),
		.sh_link = STRTAB,
		.sh_entsize = sizeof(Elf64_Sym),
	};
	symbols_write(m, (Elf64_Sym *)((char *)header + at));
	at += table[SYMTAB].sh_size;
	table[STRTAB] =
		(Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = at, .sh_size = m->text.len};
	memcpy((char *)header + at, m->text.at, m->text.len);
	memcpy(table + CODE, m->code.at, m->code.len * sizeof(*table));
	*out = header;
	return 0;
}

int names_image_make(const struct image *image, const struct image *source, void **out,
		     size_t *size)
{
	struct maker m = {.image = image, .source = source};
	int err = -ENOEXEC;

	if (names_load(&m)) {
		code_sections_find(&m);
		symtab_each(source, SHT_SYMTAB, symbol_take, &m);
		err = m.symbols.len ? 0 : -ENOENT;
	}
	if (m.too_many)
		err = -EFBIG;
	if (!err) {
		symbols_sort(&m);
		err = file_write(&m, out, size);
	}
	free(m.names);
	vec_free(&m.text);
	vec_free(&m.symbols);
	vec_free(&m.code);
	vec_free(&m.code_position);
	return err;
}
