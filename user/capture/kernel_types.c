/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "capture/kernel_types.h"
#include "util/index.h"

/* Structs within structs; the kernel's own go down some ten levels. */
#define DEPTH_MAX 64

/* `struct file___old` is another look at `struct file`. */
static size_t name_length(const char *name)
{
	const char *flavour = strstr(name, "___");

	return flavour ? (size_t)(flavour - name) : strlen(name);
}

static bool type_is_sought(const struct btf_type *type)
{
	return type->name_off && (btf_is_composite(type) || btf_is_any_enum(type));
}

/* ---- names ---- */

struct name {
	const char *at;
	size_t length;
};

struct names {
	const struct btf *object;
	struct index index; /* of type ids */
};

static struct name name_of(const struct btf *btf, const struct btf_type *type)
{
	const char *at = btf__name_by_offset(btf, type->name_off);

	return (struct name){at, name_length(at)};
}

static bool name_equal(const void *context, uint32_t position, const void *key)
{
	const struct names *names = context;
	const struct name *sought = key;
	struct name name = name_of(names->object, btf__type_by_id(names->object, position));

	return name.length == sought->length && !memcmp(name.at, sought->at, name.length);
}

static bool name_known(const struct names *names, struct name name)
{
	return index_find(&names->index, hash_bytes(name.at, name.length), name_equal, names,
			  &name) != INDEX_NONE;
}

static void names_collect(struct names *names)
{
	for (uint32_t id = 1; id < btf__type_cnt(names->object); id++) {
		const struct btf_type *type = btf__type_by_id(names->object, id);
		struct name name;

		if (!type_is_sought(type))
			continue;
		name = name_of(names->object, type);
		if (!name_known(names, name))
			index_add(&names->index, hash_bytes(name.at, name.length), id);
	}
}

/* ---- types ---- */

struct copy {
	const struct btf *from;
	struct btf *to;
	uint32_t *id; /* in `to`, by the id in `from`; 0 = not copied */
};

static int type_copy(struct copy *copy, uint32_t id, int depth);

/* The types of the members, in place; they come before the struct itself. */
static int members_copy(struct copy *copy, const struct btf_type *type, uint32_t *ids, int depth)
{
	const struct btf_member *member = btf_members(type);

	for (int i = 0; i < btf_vlen(type); i++) {
		int id = type_copy(copy, member[i].type, depth + 1);

		if (id < 0)
			return id;
		ids[i] = (uint32_t)id;
	}
	return 0;
}

static int struct_copy(struct copy *copy, const struct btf_type *type, int depth)
{
	uint32_t *ids = calloc(btf_vlen(type) + 1u, sizeof(*ids));
	int err = ids ? members_copy(copy, type, ids, depth) : -1;
	int made = err ? err : btf__add_type(copy->to, copy->from, type);

	for (int i = 0; made > 0 && i < btf_vlen(type); i++)
		btf_members((struct btf_type *)btf__type_by_id(copy->to, (uint32_t)made))[i].type =
			ids[i];
	free(ids);
	return made;
}

static int array_copy(struct copy *copy, const struct btf_type *type, int depth)
{
	const struct btf_array *array = btf_array(type);
	int index = type_copy(copy, array->index_type, depth + 1);
	int element = index < 0 ? index : type_copy(copy, array->type, depth + 1);

	return element < 0 ? element : btf__add_array(copy->to, index, element, (int)array->nelems);
}

/* The id of the copy; 0 = void, negative = it cannot be copied. */
static int type_copy(struct copy *copy, uint32_t id, int depth)
{
	const struct btf_type *type = btf__type_by_id(copy->from, id);
	int made = -1;

	if (!id || !type || depth > DEPTH_MAX)
		return id ? -1 : 0;
	if (copy->id[id])
		return (int)copy->id[id];
	if (btf_is_ptr(type))
		made = btf__add_ptr(copy->to, 0);
	else if (btf_is_composite(type))
		made = struct_copy(copy, type, depth);
	else if (btf_is_array(type))
		made = array_copy(copy, type, depth);
	else if (btf_is_mod(type) || btf_is_typedef(type) || btf_is_type_tag(type))
		/* Of no meaning for where something is, and how large. */
		made = type_copy(copy, type->type, depth + 1);
	else if (btf_is_int(type) || btf_is_any_enum(type) || btf_is_fwd(type) ||
		 btf_is_float(type))
		made = btf__add_type(copy->to, copy->from, type);
	if (made > 0)
		copy->id[id] = (uint32_t)made;
	return made;
}

static bool types_copy(struct copy *copy, const struct names *names)
{
	for (uint32_t id = 1; id < btf__type_cnt(copy->from); id++) {
		const struct btf_type *type = btf__type_by_id(copy->from, id);

		if (type_is_sought(type) && name_known(names, name_of(copy->from, type)) &&
		    type_copy(copy, id, 0) < 0)
			return false;
	}
	return true;
}

struct btf *kernel_types_needed(const struct btf *kernel, const struct btf *object)
{
	struct names names = {.object = object};
	struct copy copy = {
		.from = kernel,
		.to = btf__new_empty(),
		.id = calloc(btf__type_cnt(kernel), sizeof(*copy.id)),
	};

	names_collect(&names);
	if (!copy.to || !copy.id || !types_copy(&copy, &names)) {
		btf__free(copy.to);
		copy.to = NULL;
	}
	index_free(&names.index);
	free(copy.id);
	return copy.to;
}
