/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that each handle jobs: a job is 200 µs of work on a number (step.h). In "apart" it is
 * done by another program that is started for it and ends with the answer, in "own" by the process
 * itself.
 *
 *   steps SECONDS RATE PROCESSES apart|own PROGRAM
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/wait.h>

#include "life.h"
#include "step.h"

enum { TABLE = 32 << 20 }; /* what a process that serves has in memory */

static char rate_text[32], *program;
static uint64_t rate;
static int own;

static __attribute__((noipa)) int step_take(uint64_t number)
{
	char text[32];
	int status;
	pid_t pid;

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	pid = fork();
	if (pid < 0)
		exit(1);
	if (pid == 0) {
		execl(program, program, rate_text, text, NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		exit(1);
	return WEXITSTATUS(status);
}

static void jobs_run(volatile uint64_t *done)
{
	char *table = malloc(TABLE);

	if (!table)
		exit(1);
	memset(table, 1, TABLE);
	for (uint64_t number = 0;; number++) {
		int answer = own ? step_work(rate, number) : step_take(number);

		if (answer == 127)
			exit(1);
		table[number % TABLE] = (char)answer;
		++*done;
	}
}

int main(int argc, char **argv)
{
	long seconds, processes;

	if (argc != 6)
		return 2;
	seconds = number_parse(argv[1], 1, 3600);
	rate = (uint64_t)number_parse(argv[2], 10, 10000000);
	processes = number_parse(argv[3], 1, 512);
	snprintf(rate_text, sizeof(rate_text), "%llu", (unsigned long long)rate);
	program = argv[5];
	own = argv[4][0] == 'o';
	life_bound((int)seconds);
	processes_run(seconds, processes, jobs_run);
	return 0;
}
