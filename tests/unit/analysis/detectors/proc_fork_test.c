/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts on which a program starts others: for next to nothing, or for a job worth it. */
#include "analysis/report.h"
#include "analysis/stacks.h"

/* 100 processes a second; all run the executable /bin/job. */
#define JOBS_PER_SLICE 100

struct job {
	uint64_t cpu_ns;                     /* of each */
	uint64_t exec, load, end, own, fork; /* CPU samples of 10 ms, in all */
};

static uint32_t job_start(struct recording *rec, uint32_t parent, uint32_t number, uint32_t slice,
			  const struct job *job)
{
	uint32_t pid = 20000 + number;
	uint64_t start = (slice + 1) * SECOND + number;
	uint32_t process = process_intern(rec, pid, start), thread;
	struct process *p = &rec->processes.at[process];

	p->parent = parent;
	p->comm = string_intern(rec, "job");
	p->exe = string_intern(rec, "/bin/job");
	p->exe_id = 77;
	p->cgroup = NONE;
	p->targeted = p->born = p->exited = true;
	thread = thread_intern(rec, pid, start, process);
	recording_ledger(rec, slice, thread, STATE_RUN_KERNEL, job->cpu_ns / 2);
	recording_ledger(rec, slice, thread, STATE_RUN_USER, job->cpu_ns - job->cpu_ns / 2);
	return thread;
}

static void cpu_sample(struct recording *rec, uint32_t thread, uint32_t stack, uint64_t count)
{
	if (count)
		recording_sample(rec, SAMPLE_CPU, thread, stack, count, count * 10000000);
}

/* A shell that runs a tenth of the time, and the jobs it starts. */
static struct recording *host_with(const struct job *job)
{
	struct recording *rec = host_new(0.5);
	uint32_t shell = host_process(rec, "shell"), thread = NONE;
	uint32_t parent = rec->processes.at[rec->threads.at[shell].process].pid;

	host_spend(rec, shell, STATE_RUN_KERNEL, 0.1);
	host_spend(rec, shell, STATE_WAIT_OTHER, 0.9);
	for (uint32_t slice = 0; slice < SLICES; slice++)
		for (uint32_t i = 0; i < JOBS_PER_SLICE; i++)
			thread = job_start(rec, parent, slice * JOBS_PER_SLICE + i, slice, job);
	cpu_sample(rec, shell,
		   stack_make(rec, "copy_page_range copy_process kernel_clone", "/bin/shell",
			      "fork run_line main _start"),
		   job->fork);
	cpu_sample(rec, shell, stack_make(rec, "", "/bin/shell", "expand run_line main _start"),
		   100 - job->fork);
	cpu_sample(rec, thread,
		   stack_make(rec, "load_elf_binary bprm_execve do_execveat_common.isra.0",
			      "/bin/job", ""),
		   job->exec);
	cpu_sample(rec, thread,
		   stack_make(rec, "asm_exc_page_fault", "/lib/loader", "relocate begin"),
		   job->load);
	cpu_sample(rec, thread, stack_make(rec, "exit_mmap do_exit do_group_exit", "/bin/job", ""),
		   job->end);
	cpu_sample(rec, thread, stack_make(rec, "", "/bin/job", "compute main _start"), job->own);
	return rec;
}

static void starting_takes_most_of_it(void **state)
{
	/* 1,000 jobs of 5 ms: 500 samples; the shell's second: 100. */
	const struct job job = {5000000, 200, 100, 100, 100, 80};
	struct recording *rec = host_with(&job);
	struct document *doc = host_report(rec);
	const struct bottleneck *found = finding_of(doc, "proc.fork");

	(void)state;
	assert_non_null(found);
	assert_int_equal(found->rank, 1);
	assert_string_equal(found->where.process, "shell");
	/* Both modules are the test's: what asked is the function that called fork(). */
	assert_non_null(found->where.function);
	/* 4 of 5 s of the jobs, 0.8 of the shell's second, of 10 s that the window is at least. */
	assert_near(found->impact.share, 0.48, 0.005);
	assert_true(found->impact.low > 0.4 && found->impact.low < 0.48);
	assert_near(evidence_of(found, "processes started"), 100, 0.01);
	assert_near(evidence_of(found, "CPU time of one"), 5, 0.01);
	assert_near(evidence_of(found, "CPU time of creating one"), 0.8, 0.01);
	assert_near(evidence_of(found, "of their CPU time: exec"), 40, 0.01);
	assert_near(evidence_of(found, "of their CPU time: the dynamic loader, before main()"), 20,
		    0.01);
	assert_near(evidence_of(found, "of their CPU time: exit"), 20, 0.01);
	assert_string_equal(found->chain.at[1].where.process, "job");
	/* 4.8 of the 6 s that the two take together. */
	assert_int_equal(doc->steps.at[0].bottleneck, 1);
	assert_near(doc->steps.at[0].predicted.saved_share, 0.8, 0.01);
	document_free(doc);
}

static void processes_that_compute_are_jobs(void **state)
{
	/* As many, but most of their time is their own. */
	const struct job mostly_own = {5000000, 50, 50, 20, 380, 20};
	/* 12 ms each, however they spend it. */
	const struct job longer = {12000000, 600, 300, 200, 100, 80};

	(void)state;
	assert_silent(host_with(&mostly_own), "proc.fork");
	assert_silent(host_with(&longer), "proc.fork");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starting_takes_most_of_it),
		cmocka_unit_test(processes_that_compute_are_jobs),
	};

	return cmocka_run_group_tests_name("analysis/detectors/proc_fork", tests, NULL, NULL);
}
