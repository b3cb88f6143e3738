/* SPDX-License-Identifier: BSD-2-Clause */
/* strait monitor: watch for ever. */
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/observe.h"
#include "cli/show.h"
#include "cli/signals.h"
#include "monitor/history.h"
#include "monitor/lines.h"
#include "monitor/monitor.h"
#include "monitor/window.h"
#include "util/output.h"

#define STORE_DEFAULT "/var/lib/strait/monitor.db"
#define HOUR_NS       (3600 * OBSERVE_SECOND)
#define KEEP_NS       (7 * 24 * HOUR_NS)
#define KEEP_BYTES    (1ULL << 30)
#define SLICES        10 /* of an interval, each a second or longer */
#define SAMPLE_HZ     49 /* enough for the first bottleneck of ten seconds */
#define NEED          3

/*
 * The programs are loaded anew when the names that were learned take so much memory, or are so old:
 * a host that starts many programs would fill memory and maps over weeks.
 */
#define RENEW_BYTES (32ULL << 20)
#define RENEW_NS    (6 * HOUR_NS)
#define RENEW_TEXT  "STRAIT_RENEW" /* of the environment: seconds in the place of that */
#define RETRY_S     10             /* after loading failed */

static const char what[] =
	"Watches until it is told to stop. Every interval it prints one line: the figures that "
	"have a "
	"limit, and the first thing in the way. Where a limit is exceeded for some intervals in a "
	"row "
	"an alert begins, and ends when it is kept for as many: each is one line of JSON. Figures, "
	"bottlenecks and alerts are kept in an SQLite file.\n"
	"Ctrl-C and SIGTERM end it.";

static const char examples[] =
	"  sudo strait monitor\n"
	"  sudo strait monitor -i 60 --threshold 'cpu_usage>85' --threshold 'disk_read_ms.p95>20'\n"
	"  sudo strait monitor -q --alerts /var/log/strait-alerts.json\n";

struct retention {
	uint64_t keep_ns, keep_bytes;
};

struct monitoring {
	struct observe_options observe;
	struct limits limits;
	uint64_t interval_ns, length_ns;
	uint32_t need;
	const char *store, *alerts;
	bool store_off, json, quiet;
	struct retention retention;

	struct monitor *monitor;
	struct history *history;
	bool history_failed; /* and was said */
	uint64_t last_ns;    /* CLOCK_MONOTONIC at the end of the last interval, 0 = none yet */
	uint64_t opened_ns;  /* when the programs were loaded */
	uint64_t renew_ns;   /* when they are again, after that */
	bool first;          /* the next interval is the first of a window */
	uint64_t window_begin_ns; /* CLOCK_MONOTONIC, as far as it is known */
	uint64_t finish_ns;       /* -d: when to stop, 0 = never */
	int output_err;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * OBSERVE_SECOND + (uint64_t)now.tv_nsec;
}

/* ---- options ---- */

static int option_limit(const struct option *option, const char *text, struct error *error)
{
	struct limit limit;
	int err = limit_parse(text, &limit, error);

	return err ? err : limits_set(option->value, &limit, error);
}

/* "12h", "7d", "2w": an age; "500M", "2G": a size. */
static int option_retain(const struct option *option, const char *text, struct error *error)
{
	static const struct {
		char unit;
		double ns, bytes;
	} units[] = {
		{'h', 3600e9, 0},  {'d', 86400e9, 0}, {'w', 7 * 86400e9, 0},
		{'M', 0, 1 << 20}, {'G', 0, 1 << 30},
	};
	struct retention *retention = option->value;
	size_t length = strlen(text);
	char digits[24];
	double number;

	for (size_t i = 0; length && i < sizeof(units) / sizeof(units[0]); i++) {
		if (text[length - 1] != units[i].unit || length > sizeof(digits))
			continue;
		snprintf(digits, sizeof(digits), "%.*s", (int)length - 1, text);
		if (!decimal_parse(digits, &number) || number <= 0 || number > 100000)
			break;
		if (units[i].bytes > 0)
			retention->keep_bytes = (uint64_t)(number * units[i].bytes);
		else
			retention->keep_ns = (uint64_t)(number * units[i].ns);
		return 0;
	}
	return error_set(error, -EINVAL, "'%.40s' is no age (12h, 7d, 2w) and no size (500M, 2G)",
			 text);
}

/* ---- output ---- */

static void line_put(struct monitoring *m, char *line)
{
	char *whole = NULL;
	int length = line ? asprintf(&whole, "%s\n", line) : -1;

	if (length > 0 && !m->output_err)
		m->output_err = output_write(stdout, whole, (size_t)length);
	free(whole);
	free(line);
}

/* The file is opened for every line, so that it can be rotated. */
static int line_append(const char *path, const char *line)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
		      0600);
	int err = 0;

	if (fd < 0)
		return -errno;
	/* One write: lines of two writers do not mix. */
	if (dprintf(fd, "%s\n", line) < 0)
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static void alert_put(struct monitoring *m, const struct alert *alert)
{
	char *line = alert_json(alert);
	int err;

	if (!m->alerts) {
		line_put(m, line);
		return;
	}
	err = line_append(m->alerts, line);
	if (err) /* an alert is not lost for want of its file */
		cli_say("cannot write to %.150s: %s: %.250s", m->alerts, strerror(-err), line);
	free(line);
}

static void alerts_put(struct monitoring *m, const struct monitor_interval *interval)
{
	vec_each(&interval->begun, alert)
		alert_put(m, alert);
	vec_each(&interval->ended, alert)
		alert_put(m, alert);
}

static char *interval_line(const struct monitoring *m, const struct monitor_interval *interval)
{
	struct winsize size = {};

	if (m->json)
		return interval_json(interval);
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	return interval_text(interval, size.ws_col, !strcmp(nl_langinfo(CODESET), "UTF-8"));
}

static void history_tell(struct monitoring *m, int err, const struct error *error)
{
	if (err && !m->history_failed)
		cli_say("%.300s; monitoring goes on and keeps trying", error->text);
	else if (!err && m->history_failed)
		cli_say("the history is written again");
	m->history_failed = err != 0;
}

/* ---- intervals ---- */

/*
 * Slices are timed from the begin of their window, which is not told. It lies before every slice's
 * end by as much as the slice says, and the least delay of a call is the best witness.
 */
static uint64_t last_slice_end(struct monitoring *m, const struct recording *rec, uint64_t now)
{
	uint64_t end = rec->slices.at[rec->slices.len - 1].end_ns;

	if (now - end < m->window_begin_ns)
		m->window_begin_ns = now - end;
	return m->window_begin_ns + end;
}

static uint64_t observed_ns(const struct recording *rec)
{
	return rec->slices.len
		       ? rec->slices.at[rec->slices.len - 1].end_ns - rec->slices.at[0].begin_ns
		       : 0;
}

static void interval_take(struct monitoring *m, struct recording *rec)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), end = last_slice_end(m, rec, now);
	uint64_t begin = end - observed_ns(rec), gap = 0;
	const struct monitor_interval *interval;
	struct error error;

	if (m->first && m->last_ns && begin > m->last_ns)
		gap = begin - m->last_ns;
	m->first = false;
	m->last_ns = end;
	interval = monitor_observe(m->monitor, rec, clock_ns(CLOCK_REALTIME) - (now - end), gap,
				   &error);
	if (!m->quiet)
		line_put(m, interval_line(m, interval));
	alerts_put(m, interval);
	if (m->history)
		history_tell(m, interval->history_err, &error);
}

static bool is_over(const struct monitoring *m)
{
	return *signals_stop() || m->output_err ||
	       (m->finish_ns && clock_ns(CLOCK_MONOTONIC) >= m->finish_ns);
}

static int slice_done(void *context, struct recording *rec, struct error *error)
{
	struct monitoring *m = context;
	uint64_t length = observed_ns(rec);

	/* A stump at the end says little and would end alerts: it is left out. */
	if (length + m->observe.slice_ns / 2 < m->interval_ns)
		return is_over(m) ? -ECANCELED : 0;
	interval_take(m, rec);
	if (is_over(m) || window_names_bytes(rec) > RENEW_BYTES ||
	    clock_ns(CLOCK_MONOTONIC) - m->opened_ns > m->renew_ns)
		return error_set(error, -ECANCELED, "the window is over");
	return 0;
}

/* For tests, which do not have six hours. */
static uint64_t renew_ns(void)
{
	const char *text = getenv(RENEW_TEXT);
	double seconds;

	if (!text || !decimal_parse(text, &seconds) || seconds < 1 || seconds > 1e6)
		return RENEW_NS;
	return (uint64_t)(seconds * (double)OBSERVE_SECOND);
}

/* Windows one after the other; the first must succeed. */
static int windows_run(struct monitoring *m, struct error *error)
{
	bool begun = false;

	while (!is_over(m)) {
		struct recording *rec = NULL;
		int err;

		m->opened_ns = clock_ns(CLOCK_MONOTONIC);
		m->renew_ns = renew_ns();
		m->first = true;
		m->window_begin_ns = UINT64_MAX;
		err = observe(&m->observe, &rec, error);
		begun |= rec != NULL;
		/* Filters add up, and one will do. */
		m->observe.confine &= !begun;
		recording_free(rec);
		malloc_trim(0);
		if (!err || err == -ECANCELED)
			continue;
		if (!begun)
			return err;
		cli_say("%.300s; trying again in %d s", error->text, RETRY_S);
		for (int i = 0; i < RETRY_S && !is_over(m); i++)
			sleep(1);
	}
	return 0;
}

static int monitoring_run(struct monitoring *m, struct error *error)
{
	struct history_options options = {m->retention.keep_ns, m->retention.keep_bytes};
	int err = 0, close_err;

	if (!m->store_off)
		err = history_open(&m->history, m->store, &options, error);
	if (err)
		return err == -EPERM || err == -ENOTSUP ? -EIO : err;
	m->monitor = monitor_new(&m->limits, m->need, m->history);
	if (!m->monitor)
		abort();
	signal(SIGHUP, SIG_IGN);
	signals_watch(0);
	err = windows_run(m, error);
	alerts_put(m, monitor_stop(m->monitor, clock_ns(CLOCK_REALTIME)));
	signals_release();
	monitor_free(m->monitor);
	close_err = history_close(m->history, err ? NULL : error);
	return err ? err : close_err;
}

int cli_monitor(int argc, char **argv)
{
	struct monitoring m = {
		.observe = OBSERVE_DEFAULTS,
		.interval_ns = 10 * OBSERVE_SECOND,
		.need = NEED,
		.store = STORE_DEFAULT,
		.retention = {KEEP_NS, KEEP_BYTES},
	};
	struct option_table target = {};
	const struct option limits[] = {
		{"threshold", 0, "LIMIT", option_limit, &m.limits,
		 "alert when this is so: METRIC[.STATISTIC][:LABEL] > or < VALUE, such as "
		 "'cpu_usage>85', 'runqueue_ms.p95>20' or 'disk_busy_percent:vda>90'. Metrics are "
		 "the default thresholds (response_time_p95, cpu_usage, memory_usage, error_rate, "
		 "throughput) and those of the report's baseline; statistics are avg (without "
		 "one), min, max, p50, p95, p99. May be given more than once"},
		{"for", 0, "N", option_count, &m.need,
		 "intervals in a row that begin an alert, and that end it; 3 without it",
		 "a number of intervals", 1, 1000},
		{}};
	const struct option how[] = {
		{"interval", 'i', "SECONDS", option_duration, &m.interval_ns,
		 "one line for so long, 10 without it", "an interval in seconds", 1, 3600},
		{"frequency", 'F', "HZ", option_count, &m.observe.sample_hz,
		 "CPU samples per second and CPU, 49 without it", "a rate in Hz", 1, 10000},
		OBSERVE_BUDGET_ROW(m.observe.budget),
		OBSERVE_BTF_ROW(m.observe.btf),
		{"duration", 'd', "SECONDS", option_duration, &m.length_ns,
		 "stop after so long; never without it", "a duration in seconds", 0.01, 31536000},
		{}};
	const struct option keep[] = {
		{"store", 0, "FILE", option_text, &m.store,
		 "where everything is kept; " STORE_DEFAULT " without it"},
		{"no-store", 0, NULL, option_flag, &m.store_off, "keep nothing"},
		{"retain", 0, "AGE|SIZE", option_retain, &m.retention,
		 "how long (12h, 7d, 2w) or how much (500M, 2G) is kept; 7d and 1G without it; may "
		 "be given for both"},
		{"alerts", 0, "FILE", option_text, &m.alerts,
		 "append alerts to this file; to stdout without it"},
		{"json", 0, NULL, option_flag, &m.json, "intervals as lines of JSON too"},
		{"quiet", 'q', NULL, option_flag, &m.quiet, "no line for every interval"},
		{}};
	const struct option_group groups[] = {
		{"What to watch (without any: the host)", target.rows},
		{"Alerts", limits},
		{"How", how},
		{"What to keep and print", keep},
		{}};
	const struct usage usage = {.name = "strait monitor",
				    .synopsis = "strait monitor [OPTIONS]",
				    .what = what,
				    .groups = groups,
				    .examples = examples};
	struct arguments rest;
	struct error error;
	int status, err;

	target_rows(&target, &m.observe.target);
	limits_default(&m.limits);
	m.observe.sample_hz = SAMPLE_HZ;
	m.observe.budget = 0.01;
	status = options_parse(&usage, argc, argv, &rest);
	if (status == OPTIONS_GO && observe_check(&m.observe, &error))
		status = options_wrong(&usage, "%s", error.text);
	if (status == OPTIONS_GO) {
		m.observe.endless = m.observe.quiet = m.observe.confine = true;
		m.observe.slice = slice_done;
		m.observe.context = &m;
		if (m.interval_ns > SLICES * OBSERVE_SECOND)
			m.observe.slice_ns = m.interval_ns / SLICES;
		if (m.length_ns)
			m.finish_ns = clock_ns(CLOCK_MONOTONIC) + m.length_ns;
		err = monitoring_run(&m, &error);
		status = err ? cli_failed(err, &error) : cli_written(m.output_err);
	}
	vec_free(&m.limits.at);
	return status;
}
