/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/allocators.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/probe_point.h"
#include "symbols/image.h"
#include "symbols/symtab.h"

/*
 * What a call that runs into a probe takes beside the program, by whether the kernel does the
 * instruction itself: on the machine of docs/performance.md.
 */
#define TRAP_NS 400
#define STEP_NS 11000
/* The names that libLLVM exports take 3 MB. */
#define NAMES_MOST (16u << 20)

#define MALLOC "malloc"

/* The order is that of the probes: those that are called most often come and go first. */
static const struct {
	const char *name;
	enum alloc_call call;
} functions[] = {
	{MALLOC, ALLOC_MALLOC},
	/* operator new and new[]. Those of libstdc++ call malloc(), which is in another file. */
	{"_Znwm", ALLOC_MALLOC},
	{"_Znam", ALLOC_MALLOC},
	{"_ZnwmRKSt9nothrow_t", ALLOC_MALLOC},
	{"_ZnamRKSt9nothrow_t", ALLOC_MALLOC},
	{"_ZnwmSt11align_val_t", ALLOC_MALLOC},
	{"_ZnamSt11align_val_t", ALLOC_MALLOC},
	{"calloc", ALLOC_CALLOC},
	{"realloc", ALLOC_REALLOC},
	{"posix_memalign", ALLOC_POSIX},
	{"aligned_alloc", ALLOC_ALIGNED},
	{"memalign", ALLOC_ALIGNED},
};
#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

_Static_assert(FUNCTIONS <= ALLOCATOR_PROBES, "room for all");

struct search {
	const char *names; /* the string table, a NUL behind it */
	size_t size;
	uint64_t address[FUNCTIONS]; /* 0 = not found */
	uint64_t length[FUNCTIONS];
};

/* The first one of a name: a library may have older versions of it. */
static bool symbol_compare(void *context, const struct symbol *symbol)
{
	struct search *search = context;

	if (symbol->type != STT_FUNC || symbol->name >= search->size || !symbol->value)
		return true;
	for (size_t i = 0; i < FUNCTIONS; i++)
		if (!search->address[i] &&
		    !strcmp(search->names + symbol->name, functions[i].name)) {
			search->address[i] = symbol->value;
			search->length[i] = symbol->size;
		}
	return true;
}

static bool functions_search(const struct image *image, uint32_t type, struct search *search)
{
	const struct image_section *text = symtab_text(image, type);
	char *names;

	if (!text || text->size > NAMES_MOST)
		return false;
	names = malloc(text->size + 1);
	if (!names)
		return false;
	names[text->size] = 0;
	if (image_read(image, text->offset, names, text->size)) {
		search->names = names;
		search->size = text->size;
		symtab_each(image, type, symbol_compare, search);
	}
	free(names);
	return true;
}

/* Two names of one function are one probe. */
static bool function_is_new(const struct search *search, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (search->address[i] == search->address[at])
			return false;
	return search->address[at];
}

static bool probe_place(const struct image *image, const struct search *search, size_t at,
			struct allocator_probe *out)
{
	uint64_t address = search->address[at], length = search->length[at], offset;
	uint8_t code[PROBE_CODE];
	struct probe_point point;
	size_t bytes = length && length < sizeof(code) ? length : sizeof(code);

	if (!image_executable(image, address) || !image_offset(image, address, &offset) ||
	    !image_read(image, offset, code, bytes))
		return false;
	point = probe_point_find(code, bytes);
	*out = (struct allocator_probe){
		.call = functions[at].call,
		.offset = offset + point.ahead,
		.point = {.ahead = point.ahead,
			  .length = length > bytes && length < UINT32_MAX ? (uint32_t)length
									  : (uint32_t)bytes,
			  .depth = point.depth,
			  .trap_ns = point.stepped ? STEP_NS : TRAP_NS},
	};
	return true;
}

static size_t image_probes(const struct image *image, struct allocator_probe out[ALLOCATOR_PROBES])
{
	struct search search = {};
	size_t count = 0;

	/* Arguments are where this machine's code of 64 bits has them. */
	if (!image->is_64 || image->machine != EM_X86_64)
		return 0;
	if (!functions_search(image, SHT_DYNSYM, &search))
		functions_search(image, SHT_SYMTAB, &search);
	if (!search.address[0])
		return 0;
	for (size_t i = 0; i < FUNCTIONS; i++)
		if (function_is_new(&search, i) && probe_place(image, &search, i, &out[count]))
			count++;
	return count;
}

bool allocator_probes_check(const struct allocator_probe *probes, size_t count, uint64_t bytes)
{
	for (size_t i = 0; i < count; i++) {
		const struct allocator_probe *probe = &probes[i];
		const struct alloc_point *point = &probe->point;

		if ((uint32_t)probe->call >= ALLOC_CALLS || probe->offset >= bytes ||
		    point->ahead >= PROBE_CODE || point->ahead > probe->offset ||
		    point->depth >= PROBE_DEPTH ||
		    (point->trap_ns != TRAP_NS && point->trap_ns != STEP_NS))
			return false;
	}
	return count <= ALLOCATOR_PROBES;
}

size_t allocator_probes(int fd, struct allocator_probe out[ALLOCATOR_PROBES])
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	struct image image;
	size_t count;

	if (own < 0)
		return 0;
	if (image_open(&image, own)) {
		close(own);
		return 0;
	}
	count = image_probes(&image, out);
	image_close(&image);
	return count;
}
