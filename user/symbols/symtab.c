/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/symtab.h"

#define MAX_SYMBOLS (4u << 20) /* a browser with all of its symbols has some 1 M */
#define CHUNK       2048       /* symbols read at once */
#define MAX_WORK    (16u << 20)

static struct symbol symbol_read(const struct image *image, const void *entry)
{
	Elf64_Sym wide;
	Elf32_Sym narrow;

	if (image->is_64) {
		memcpy(&wide, entry, sizeof(wide));
		return (struct symbol){
			.value = wide.st_value,
			.size = wide.st_size,
			.name = wide.st_name,
			.section = wide.st_shndx,
			.type = ELF64_ST_TYPE(wide.st_info),
			.binding = ELF64_ST_BIND(wide.st_info),
		};
	}
	memcpy(&narrow, entry, sizeof(narrow));
	return (struct symbol){
		.value = narrow.st_value,
		.size = narrow.st_size,
		.name = narrow.st_name,
		.section = narrow.st_shndx,
		.type = ELF32_ST_TYPE(narrow.st_info),
		.binding = ELF32_ST_BIND(narrow.st_info),
	};
}

/* Is it code? Assembly often gives its labels neither type nor size. */
static bool symbol_is_code(const struct image *image, const struct symbol *symbol)
{
	bool function = symbol->type == STT_FUNC || symbol->type == STT_GNU_IFUNC;

	if (symbol->section == SHN_UNDEF || !symbol->name)
		return false;
	if (symbol->section >= SHN_LORESERVE && symbol->section != SHN_XINDEX)
		return false;
	if (function)
		return true;
	/* "$x" and the like of other machines mark code and data, and name nothing. */
	if (symbol->type != STT_NOTYPE || (symbol->binding == STB_LOCAL && !symbol->size &&
					   image->machine != EM_X86_64 && image->machine != EM_386))
		return false;
	return symbol->section < image->section_count &&
	       image->sections[symbol->section].flags & SHF_EXECINSTR;
}

uint8_t symbol_rank(const struct symbol *symbol)
{
	return (uint8_t)((symbol->type == STT_NOTYPE ? 0 : 2) +
			 (symbol->binding == STB_LOCAL ? 0 : 1));
}

void name_unversion(char *name)
{
	char *version = *name ? strchr(name + 1, '@') : NULL;

	if (version)
		*version = '\0';
}

bool name_is_plainer(const char *a, const char *b)
{
	size_t lead_a = strspn(a, "_"), lead_b = strspn(b, "_");

	if (lead_a != lead_b)
		return lead_a < lead_b;
	if (strlen(a) != strlen(b))
		return strlen(a) < strlen(b);
	return strcmp(a, b) < 0;
}

static bool hit_text(const struct symtab_scan *scan, const struct symtab_hit *hit,
		     char text[SYMTAB_NAME])
{
	const struct symtab_table *table = &scan->tables[hit->table - 1];
	size_t length = SYMTAB_NAME - 1;

	if (hit->name >= table->text_end - table->text)
		return false;
	if (table->text_end - table->text - hit->name < length)
		length = (size_t)(table->text_end - table->text - hit->name);
	if (!image_read(table->image, table->text + hit->name, text, length))
		return false;
	text[length] = '\0';
	name_unversion(text);
	return *text;
}

static bool text_is_plainer(struct symtab_scan *scan, const struct symtab_hit *a,
			    const struct symtab_hit *b)
{
	char text_a[SYMTAB_NAME], text_b[SYMTAB_NAME];

	scan->work -= scan->work < 1000 ? scan->work : 1000;
	if (!hit_text(scan, a, text_a))
		return false;
	return !hit_text(scan, b, text_b) || name_is_plainer(text_a, text_b);
}

/* The function that begins last is the innermost, so the best. */
static bool hit_is_better(struct symtab_scan *scan, const struct symtab_hit *a,
			  const struct symtab_hit *b)
{
	if (!b->table || a->start != b->start)
		return !b->table || a->start > b->start;
	if (a->rank != b->rank)
		return a->rank > b->rank;
	return text_is_plainer(scan, a, b);
}

size_t lookups_from(const struct lookup *lookups, size_t count, uint64_t address)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (lookups[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void symbol_take(struct symtab_scan *scan, const struct symbol *symbol)
{
	struct symtab_hit hit = {
		.start = symbol->value,
		.name = symbol->name,
		.table = (uint8_t)scan->table_count,
		.rank = symbol_rank(symbol),
		.section = symbol->section,
	};
	size_t i = lookups_from(scan->lookups, scan->count, symbol->value);

	if (i == scan->count)
		return;
	/*
	 * What is filed at the first lookup above it holds for the later ones too; symtab_end()
	 * carries it on to them.
	 */
	if (!symbol->size) {
		if (hit_is_better(scan, &hit, &scan->lookups[i].bare))
			scan->lookups[i].bare = hit;
		return;
	}
	if (symbol->value > scan->lookups[i].near)
		scan->lookups[i].near = symbol->value;
	for (; i < scan->count && scan->lookups[i].address - symbol->value < symbol->size; i++) {
		struct lookup *lookup = &scan->lookups[i];

		if (!scan->work)
			return;
		scan->work--;
		if (!hit_is_better(scan, &hit, &lookup->sized))
			continue;
		lookup->sized = hit;
		lookup->sized_end = symbol->value + symbol->size;
	}
}

void symtab_begin(struct symtab_scan *scan, struct lookup *lookups, size_t count)
{
	*scan = (struct symtab_scan){.lookups = lookups, .count = count, .work = MAX_WORK};
}

/* The table, if it and its string table are as they should be. */
static const struct image_section *table_find(const struct image *image, uint32_t type)
{
	size_t entry = image->is_64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	const struct image_section *section = image_section_of_type(image, type);

	return section && section->link < image->section_count && section->entry_size == entry &&
			       image->sections[section->link].type == SHT_STRTAB
		       ? section
		       : NULL;
}

const struct image_section *symtab_text(const struct image *image, uint32_t type)
{
	const struct image_section *section = table_find(image, type);

	return section ? &image->sections[section->link] : NULL;
}

bool symtab_each(const struct image *image, uint32_t type,
		 bool (*visit)(void *context, const struct symbol *symbol), void *context)
{
	const struct image_section *section = table_find(image, type);
	size_t entry = image->is_64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	bool wanted = true;
	uint64_t count;
	char *chunk;

	if (!section)
		return false;
	count = section->size / entry;
	if (count > MAX_SYMBOLS)
		count = MAX_SYMBOLS;
	chunk = malloc(CHUNK * entry);
	for (uint64_t i = 0; chunk && i < count && wanted; i += CHUNK) {
		size_t n = count - i < CHUNK ? (size_t)(count - i) : CHUNK;

		if (!image_read(image, section->offset + i * entry, chunk, n * entry))
			break;
		for (size_t j = 0; j < n && wanted; j++) {
			struct symbol symbol = symbol_read(image, chunk + j * entry);

			/* Between exported symbols there are others, not shown: no reaching over.
			 */
			if (!symbol.size && type == SHT_DYNSYM)
				continue;
			if (symbol_is_code(image, &symbol))
				wanted = visit(context, &symbol);
		}
	}
	free(chunk);
	return true;
}

static bool symbol_scan(void *context, const struct symbol *symbol)
{
	struct symtab_scan *scan = context;

	symbol_take(scan, symbol);
	return scan->work;
}

bool symtab_add(struct symtab_scan *scan, const struct image *image, uint32_t type)
{
	const struct image_section *text = symtab_text(image, type);

	if (!text || scan->table_count == SYMTAB_TABLES)
		return false;
	scan->tables[scan->table_count++] =
		(struct symtab_table){image, text->offset, text->offset + text->size};
	if (scan->work)
		symtab_each(image, type, symbol_scan, scan);
	return true;
}

/* A symbol without a size reaches to the next one, but not out of its section. */
static bool bare_covers(const struct symtab_scan *scan, const struct lookup *lookup)
{
	const struct image *image;
	const struct image_section *section;

	if (!lookup->bare.table || lookup->bare.start <= lookup->near)
		return false;
	image = scan->tables[lookup->bare.table - 1].image;
	if (lookup->bare.section >= image->section_count)
		return false;
	section = &image->sections[lookup->bare.section];
	return lookup->address >= section->address &&
	       lookup->address - section->address < section->size;
}

void symtab_end(struct symtab_scan *scan, struct text_arena *arena)
{
	const struct lookup *before = NULL;
	char text[SYMTAB_NAME];

	for (size_t i = 0; i < scan->count; before = &scan->lookups[i++]) {
		struct lookup *lookup = &scan->lookups[i];
		const struct symtab_hit *hit;

		if (before && before->near > lookup->near)
			lookup->near = before->near;
		if (before && before->bare.table &&
		    (!lookup->bare.table || before->bare.start > lookup->bare.start))
			lookup->bare = before->bare;
		hit = lookup->sized.table ? &lookup->sized : &lookup->bare;
		if (hit == &lookup->bare && !bare_covers(scan, lookup))
			continue;
		lookup->start = hit->start;
		lookup->end = lookup->sized.table ? lookup->sized_end : 0;
		if (before && before->function && before->start == lookup->start &&
		    before->end == lookup->end)
			lookup->function = before->function;
		else if (hit_text(scan, hit, text))
			lookup->function = text_copy(arena, text, strlen(text));
	}
}

/* ---- the procedure linkage table ---- */

static bool plt_symbol(const struct image *image, const struct image_section *relocations,
		       uint64_t entry, char text[SYMTAB_NAME])
{
	const struct image_section *symbols, *names;
	Elf64_Rela relocation;
	Elf64_Sym symbol;
	uint64_t position;

	if (relocations->type != SHT_RELA || entry >= relocations->size / sizeof(relocation) ||
	    relocations->link >= image->section_count)
		return false;
	symbols = &image->sections[relocations->link];
	if (symbols->type != SHT_DYNSYM || symbols->link >= image->section_count)
		return false;
	names = &image->sections[symbols->link];
	if (names->type != SHT_STRTAB ||
	    !image_read(image, relocations->offset + entry * sizeof(relocation), &relocation,
			sizeof(relocation)))
		return false;
	position = ELF64_R_SYM(relocation.r_info);
	if (!position || position >= symbols->size / sizeof(symbol) ||
	    !image_read(image, symbols->offset + position * sizeof(symbol), &symbol,
			sizeof(symbol)) ||
	    symbol.st_name >= names->size)
		return false;
	return image_read_text(image, names->offset + symbol.st_name, names->offset + names->size,
			       text, SYMTAB_NAME - 8) &&
	       *text;
}

/* Entries follow the order of .rela.plt; the classic table begins with a header of its own. */
void plt_name(const struct image *image, struct lookup *lookups, size_t count,
	      struct text_arena *arena)
{
	const struct image_section *relocations = image_section(image, ".rela.plt");
	const struct image_section *table = image_section(image, ".plt.sec");
	uint64_t header = 0, size = 16;
	char text[SYMTAB_NAME];

	if (!table) {
		table = image_section(image, ".plt");
		header = image->machine == EM_AARCH64 ? 32 : 16;
	}
	if (!relocations || !table || !image->is_64 ||
	    (image->machine != EM_X86_64 && image->machine != EM_AARCH64))
		return;
	for (size_t i = 0; i < count; i++) {
		struct lookup *lookup = &lookups[i];
		uint64_t offset = lookup->address - table->address;
		size_t length;

		if (lookup->function || lookup->address < table->address || offset >= table->size ||
		    offset < header ||
		    !plt_symbol(image, relocations, (offset - header) / size, text))
			continue;
		length = strlen(text);
		memcpy(text + length, "@plt", 5);
		lookup->function = text_copy(arena, text, length + 4);
		lookup->start = lookup->address - (offset - header) % size;
		lookup->end = lookup->start + size;
	}
}
