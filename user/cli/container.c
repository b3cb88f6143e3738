/* SPDX-License-Identifier: BSD-2-Clause */
/* Containers, pods and units by name or id, of those that have a process. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/cgroups.h"
#include "capture/containers.h"
#include "cli/target.h"

#define NAMED_MAX 4  /* of several, in an error */
#define WORD_MAX  63 /* bytes of names that are compared for likeness */

/* How well something fits what is asked for. */
enum fit { FIT_NONE, FIT_POD, FIT_ID, FIT_NAME, FITS };

static bool is_digits(const char *text)
{
	size_t length = strspn(text, "0123456789abcdef-");

	return length > 0 && !text[length];
}

/* "space/pod"; podman's pods are in no space. */
static bool pod_matches(const struct container_names *names, const char *asked)
{
	size_t length = strlen(names->space);

	if (!names->pod[0])
		return false;
	if (!length)
		return !strcmp(asked, names->pod);
	return !strncmp(asked, names->space, length) && asked[length] == '/' &&
	       !strcmp(asked + length + 1, names->pod);
}

static enum fit running_fit(const struct running *running, const char *asked)
{
	const struct container_names *names = &running->place.names;
	const char *id = running->place.part.id, *colon = strchr(running->label, ':');
	bool pod = running->place.part.kind == CGROUP_POD;
	bool nameless = !names->name[0] && !names->pod[0] && cgroup_is_id(id);

	if (!strcmp(running->label, asked) ||
	    (colon && !strcmp(colon + 1, asked) && (pod || names->name[0] || !names->pod[0])))
		return nameless ? FIT_ID : FIT_NAME;
	if (!strcmp(id, asked) || (names->name[0] && !strcmp(names->name, asked)) ||
	    (names->alias[0] && !strcmp(names->alias, asked)) ||
	    (pod && !strcmp(names->pod, asked)))
		return FIT_NAME;
	if (running->place.part.kind != CGROUP_UNIT && is_digits(asked) && is_digits(id) &&
	    !strncmp(id, asked, strlen(asked)))
		return FIT_ID;
	return !pod && pod_matches(names, asked) ? FIT_POD : FIT_NONE;
}

/*
 * Whatever fits of root's comes before what users run, and that before what is in a container:
 * their names are their own affair, and one may be the beginning of another's id. A container
 * stands for its pod only where nothing fits better, which is where the pod has no cgroup.
 */
static int running_weight(const struct running *running, const char *asked)
{
	enum fit fit = running_fit(running, asked);

	if (fit == FIT_NONE)
		return 0;
	return (int)fit + FITS * (running->place.nested ? 0 : running->place.owner ? 1 : 2);
}

/* ---- what to say of others ---- */

struct text {
	char at[300];
	size_t used, count;
};

static void text_add(struct text *text, const struct running *running, bool path)
{
	size_t left = sizeof(text->at) - text->used;
	int length;

	if (text->count++ >= NAMED_MAX)
		return;
	length = snprintf(text->at + text->used, left, "%s%.90s%s%.60s", text->used ? ", " : "",
			  running->label, path ? " in " : "", path ? running->path : "");
	text->used += length < (int)left ? (size_t)length : left - 1;
}

static const char *text_end(struct text *text)
{
	if (text->count > NAMED_MAX)
		snprintf(text->at + text->used, sizeof(text->at) - text->used, " and %zu more",
			 text->count - NAMED_MAX);
	return text->at;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many bytes are to be changed, put in or left out to make one word of the other. */
static size_t word_distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], length = strlen(b);

	if (strlen(a) > WORD_MAX || length > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			size_t changed = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = least(changed, least(row[j], row[j - 1]) + 1);
		}
	}
	return row[length];
}

static bool is_near(const char *name, const char *asked)
{
	if (!*name || !*asked)
		return false;
	return strstr(name, asked) || (strlen(name) > 2 && strstr(asked, name)) ||
	       word_distance(name, asked) <= least(2 + strlen(asked) / 8, (strlen(asked) + 1) / 2);
}

static bool running_near(const struct running *running, const char *asked)
{
	const struct container_names *names = &running->place.names;
	const char *colon = strchr(running->label, ':');

	if (running->place.part.kind == CGROUP_UNIT && running->place.nested)
		return false;
	return is_near(colon ? colon + 1 : running->label, asked) || is_near(names->name, asked) ||
	       is_near(names->alias, asked) || is_near(names->pod, asked);
}

static int none_said(const struct running_list *list, const char *asked, struct error *error)
{
	size_t containers = 0, units = 0;
	struct text near = {};

	vec_each(&list->at, running) {
		if (running_near(running, asked))
			text_add(&near, running, false);
		units += running->place.part.kind == CGROUP_UNIT && !running->place.nested;
		containers += running->place.part.kind == CGROUP_CONTAINER;
	}
	if (near.count)
		return error_set(error, -ENOENT, "no running container '%.100s': there is %s",
				 asked, text_end(&near));
	return error_set(error, -ENOENT,
			 "no running container '%.100s', nor a pod or unit, nor one near it among "
			 "%zu containers and %zu units: give a name, the beginning of an id, or "
			 "its cgroup with -c",
			 asked, containers, units);
}

/* ---- the choice ---- */

int container_choose(const struct running_list *list, const char *asked,
		     const struct running **chosen, struct error *error)
{
	const struct running *first = NULL;
	struct text several = {};
	bool alike = false;
	int best = 0;

	vec_each(&list->at, running) {
		int weight = running_weight(running, asked);

		if (weight <= best)
			continue;
		best = weight;
		first = running;
	}
	if (!first)
		return none_said(list, asked, error);
	vec_each(&list->at, running)
		alike |= running != first && running_weight(running, asked) == best &&
			 !strcmp(running->label, first->label);
	vec_each(&list->at, running)
		if (running_weight(running, asked) == best)
			text_add(&several, running, alike);
	if (several.count == 1) {
		*chosen = first;
		return 0;
	}
	if (running_fit(first, asked) == FIT_POD)
		return error_set(error, -ENOTUNIQ,
				 "pod '%.100s' has no cgroup of its own: choose one of its "
				 "containers: %s",
				 asked, text_end(&several));
	return error_set(error, -ENOTUNIQ, "more than one fits '%.100s': %s: choose one%s", asked,
			 text_end(&several), alike ? " with -c" : "");
}

int container_find(const char *name, uint64_t *cgroup, char *shown, size_t size,
		   struct error *error)
{
	const struct running *chosen = NULL;
	struct running_list list = {};
	int err = running_read("", &list, error);

	if (!err)
		err = container_choose(&list, name, &chosen, error);
	if (!err && !chosen->rank)
		err = error_set(error, -ENOTSUP,
				"%.200s has no cgroup of its own in the hierarchies that can be "
				"watched: version 2, memory, or cpu",
				chosen->label);
	if (!err && !cgroup_find_at(chosen->hierarchy, chosen->path, cgroup))
		err = error_set(error, -ENOENT,
				"the cgroup of %.100s, '%.150s', is not to be seen from here: it "
				"has ended, or its hierarchy is not mounted",
				chosen->label, chosen->path);
	if (!err)
		snprintf(shown, size, "%s",
			 running_fit(chosen, name) == FIT_ID ? chosen->label : name);
	running_free(&list);
	return err;
}
