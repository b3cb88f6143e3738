/* SPDX-License-Identifier: BSD-2-Clause */
/* Phase 1: the servers of the host, found by their listening sockets. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "analysis/phases.h"

#define SERVICES 64 /* more are counted, not listed */

/* Processes of one group that share a socket (workers of one server) are one service. */
static bool listener_told(const struct analysis *a, size_t at)
{
	const struct listener *listener = &a->rec->listeners.at[at];

	for (size_t i = 0; i < at; i++) {
		const struct listener *other = &a->rec->listeners.at[i];

		if (other->family == listener->family && other->port == listener->port &&
		    other->address == listener->address &&
		    facts_process_group(a->facts, other->process) ==
			    facts_process_group(a->facts, listener->process))
			return true;
	}
	return false;
}

static const char *listener_address(struct analysis *a, const struct listener *listener)
{
	const char *address = string_get(a->rec, listener->address);

	if (listener->family == AF_UNIX)
		return document_text(a->doc, "unix:%s", address);
	return document_text(a->doc, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address,
			     listener->port);
}

void services_find(struct analysis *a)
{
	size_t n = a->rec->listeners.len;

	for (size_t i = 0; i < n && a->doc->services.len < SERVICES; i++) {
		const struct listener *listener = &a->rec->listeners.at[i];
		struct service *service;
		struct place place;

		if (facts_process_group(a->facts, listener->process) == NONE ||
		    listener_told(a, i) || !a->rec->processes.at[listener->process].targeted)
			continue;
		place = place_group(a, a->facts->process_group[listener->process]);
		service = vec_extend(&a->doc->services, 1);
		service->process = place.process;
		service->container = place.container;
		service->pid = a->rec->processes.at[listener->process].pid;
		service->address = listener_address(a, listener);
		service->throughput_per_s = service->error_percent = NAN;
		service->coverage = "found by its listening socket; its requests are not observed";
	}
}
