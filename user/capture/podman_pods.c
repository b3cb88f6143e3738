/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which container is in which pod is in podman's database alone: a SQLite file (from 4.8 on), or a
 * bolt file (before, and where it is there already). Sources: libpod/sqlite_state_internal.go and
 * libpod/boltdb_state_internal.go of podman.
 */
#include "capture/podman_pods.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "util/bolt.h"

struct pod {
	char name[CONTAINER_NAME];
	bool infra; /* the container is the pod's own */
};

/* ---- SQLite ---- */

static const char pod_query[] =
	"SELECT pod.Name, state.InfraContainerID = container.ID FROM ContainerConfig AS container "
	"JOIN PodConfig AS pod ON pod.ID = container.PodID "
	"LEFT JOIN PodState AS state ON state.ID = pod.ID WHERE container.ID = ?";

static bool query_run(sqlite3 *db, const char *id, struct pod *pod)
{
	sqlite3_stmt *query = NULL;
	bool found = false;

	if (sqlite3_prepare_v2(db, pod_query, -1, &query, NULL) == SQLITE_OK &&
	    sqlite3_bind_text(query, 1, id, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_step(query) == SQLITE_ROW) {
		const unsigned char *name = sqlite3_column_text(query, 0);

		found = name && *name;
		if (found)
			snprintf(pod->name, sizeof(pod->name), "%s", name);
		pod->infra = sqlite3_column_int(query, 1);
	}
	sqlite3_finalize(query);
	return found;
}

/*
 * The file as it is ("immutable"): nothing is locked, so podman does not wait for us, and nothing
 * is written beside it. Read while podman writes, it may have no answer. Only root's: a schema is a
 * program that SQLite runs, and a user's would be run here.
 */
static bool sqlite_find(const struct state_source *source, const char *store, const char *id,
			struct pod *pod)
{
	char path[PATH_MAX], name[PATH_MAX + 32];
	sqlite3 *db = NULL;
	struct stat st;
	bool found = false;
	int fd;

	snprintf(path, sizeof(path), "%s/db.sql", store);
	fd = state_file_open(source, path, &st);
	if (fd < 0)
		return false;
	snprintf(name, sizeof(name), "file:/proc/self/fd/%d?immutable=1", fd);
	if (sqlite3_open_v2(name, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) == SQLITE_OK)
		found = query_run(db, id, pod);
	sqlite3_close(db);
	close(fd);
	return found;
}

/* ---- bolt ---- */

/* What a pod's "state" is, is an object of few members. */
static bool infra_is(int fd, const char *pod, const char *id)
{
	char text[4096];
	json_t *state;
	const char *infra;
	bool is;

	if (!bolt_get(fd, (const char *[]){"pod", pod, "state", NULL}, text, sizeof(text)))
		return false;
	state = json_loads(text, 0, NULL);
	infra = json_string_value(json_object_get(state, "InfraContainerID"));
	is = infra && !strcmp(infra, id);
	json_decref(state);
	return is;
}

static bool bolt_find(const struct state_source *source, const char *store, const char *id,
		      struct pod *pod)
{
	char path[PATH_MAX], its[CONTAINER_NAME];
	struct stat st;
	bool found;
	int fd;

	snprintf(path, sizeof(path), "%s/libpod/bolt_state.db", store);
	fd = state_file_open(source, path, &st);
	if (fd < 0)
		return false;
	found = bolt_get(fd, (const char *[]){"ctr", id, "pod-id", NULL}, its, sizeof(its)) &&
		bolt_get(fd, (const char *[]){"allPods", its, NULL}, pod->name, sizeof(pod->name));
	if (found)
		pod->infra = infra_is(fd, its, id);
	close(fd);
	return found;
}

/* ---- any ---- */

void podman_pod_find(const struct state_source *source, const char *store, const char *id,
		     struct container_names *names)
{
	struct pod pod = {};

	if (!(!source->uid && sqlite_find(source, store, id, &pod)) &&
	    !bolt_find(source, store, id, &pod))
		return;
	snprintf(names->pod, sizeof(names->pod), "%s", pod.name);
	if (!pod.infra)
		return;
	snprintf(names->alias, sizeof(names->alias), "%s", names->name);
	names->name[0] = 0;
}
