#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Judges what one kernel left behind: judge.py NAME RELEASE SUITE DIRECTORY.

DIRECTORY/results is what tests/kernels/init wrote. Prints one line a check: good|bad TAB what TAB what
was seen. Writes DIRECTORY/result.json, what the table shows of this kernel:

  {"name", "release", "suite", "families": {NAME: {"status", "why": [...]}}, "programs": {NAME: N}}

A family works (all of its programs are attached), is in fallback (some are left out: what they would
tell comes from elsewhere, or is missing and said to be) or is skipped (none is attached).
"""
import importlib.util
import json
import os
import sqlite3
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.join(HERE, "..", "integration", "stacks")
sys.dont_write_bytecode = True  # of the other judge, in the sources
STATUS = {"ok": "works", "partial": "fallback", "skipped": "skipped"}
STEPS = {"before": 0, "verified": 0, "doctor": 0, "tree": 0, "signals": 0, "calls": 0, "faults": 0, "exchange": 0,
         "alloc": 0, "disk": 0, "timers": 0, "clock": 0, "jumps": 0, "replug": 0, "report": 0, "killed": 137,
         "after": 0}
ASKED_FOR = ("alloc",)  # families that a recording of their own name was made for
# How cgroups are mounted, and what /proc/self/cgroup shows then. Version 1 is what these kernels know.
MOUNTED = {"v1": {"memory", "cpu"}, "hybrid": {"memory", "cpu", ""}, "v2": {""}}
WITH_V1 = ("5.10", "6.1")


def load_stacks_judge():
    """The judge of known call trees, of the integration tests."""
    sys.path.insert(0, TREE)  # for the files that it imports
    spec = importlib.util.spec_from_file_location("stacks", os.path.join(TREE, "judge.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def good(ok, what, seen=""):
    """Prints one check; what was seen is one line of it, and shown where it is bad."""
    print("good" if ok else "bad", what, " ".join(str(seen).split())[:600], sep="\t")
    return ok


def equal(what, expected, seen):
    return good(expected == seen, what, f"expected {expected}, saw {seen}")


def within(what, low, high, seen):
    return good(seen is not None and low <= seen <= high, what,
                f"expected {low} to {high}, saw {seen}")


class Results:
    def __init__(self, directory):
        self.directory = directory

    def path(self, name):
        return os.path.join(self.directory, name)

    def read(self, name):
        try:
            with open(self.path(name), encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def numbers(self, name):
        try:
            return [int(word) for word in self.read(name).split()]
        except ValueError:
            return []

    def json(self, name):
        try:
            return json.loads(self.read(name))
        except ValueError:
            return None

    def ask(self, name, query):
        """The first value of the first row of a recording's answer."""
        try:
            with sqlite3.connect(f"file:{self.path(name)}.strait?mode=ro", uri=True) as db:
                row = db.execute(query).fetchone()
                return row[0] if row else None
        except sqlite3.Error as error:
            return f"({error})"

    def total(self, name, metric, condition="1"):
        return self.ask(name, "SELECT coalesce(sum(value), 0) FROM v_counts "
                              f"WHERE metric = '{metric}' AND {condition}")


# ---- what the table shows ----------------------------------------------------------------------

def read_families(results):
    """Of `strait doctor --json`."""
    report, families = results.json("doctor.out"), {}
    if not good(report and report.get("works"), "strait doctor: strait works here",
                results.read("doctor.out") + results.read("doctor.err")):
        return families
    for family in report["families"]:
        missing = [program for program in family["programs"] if not program["loaded"]]
        families[family["name"]] = {
            "status": STATUS.get(family["status"], "fails"),
            "why": sorted({program.get("why", "no reason is told") for program in missing}
                          if family["status"] != "ok" else [])}
    for name, family in families.items():
        good(family["status"] in STATUS.values() and
             (family["status"] == "works" or family["why"]),
             f"{name}: {'; '.join([family['status']] + family['why'])}", family)
    return families


def read_programs(results):
    programs, disagree = {}, []
    for line in results.read("verified.out").splitlines():
        name, by_log, by_info = line.split()
        programs[name] = int(by_log)
        if by_info not in ("0", by_log):
            disagree.append(line)
    good(programs and min(programs.values()) > 0 and not disagree,
         f"verifier: {len(programs)} programs, {sum(programs.values()):,} instructions in all",
         results.read("verified.err") or disagree or programs)
    return programs


# ---- known answers -----------------------------------------------------------------------------

def mounted_on(name):
    return list(MOUNTED) if name in WITH_V1 else ["v2"]


def judge_steps(results, name):
    seen = {}
    for line in results.read("steps").splitlines():
        step, status, _ = line.split()
        seen[step] = int(status)
    steps = STEPS | dict.fromkeys(mounted_on(name), 0)
    for step, status in steps.items():
        if step in ("clock", "jumps") and name == "no-btf":
            continue
        if seen.get(step) != status:
            good(False, f"the step {step} ended well",
                 f"status {seen.get(step, 'none: it did not end')}, {results.read(step + '.err')}")


def judge_tree(results):
    stacks = load_stacks_judge()
    source = os.path.join(TREE, "tree.c")
    recording = stacks.Recording(results.path("tree.strait"))
    answer = stacks.Answer(source, results.path("tree.out"))
    tally = stacks.Tally(recording, answer, "tree", "cpu")
    in_chains = sum(tally.count.values())
    # 796 by right. Timers of an emulated CPU come late, and those that are missed do not come again.
    within("cpu: samples of a program that burns 4 s, at 199 Hz", 400, 900, tally.total)
    good(tally.whole >= .95 * tally.total, f"unwind: {stacks.percent(tally.whole, tally.total):.1f} "
         "% of its stacks are complete, at least 95", tally.examples(tally.incomplete))
    good(in_chains >= .6 * tally.total and len(tally.count) == 4,
         f"unwind: {stacks.percent(in_chains, tally.total):.1f} % are its four call chains, by name, "
         "at least 60 (the rest is between them, and before main)", tally.count)
    good(not tally.wrong, "unwind: no stack that the program cannot have",
         tally.examples(tally.wrong))
    stacks.judge_split(answer, tally, "cpu")


def judge_signals(results):
    """A handler on a stack of its own, and what it interrupted at any instruction."""
    stacks = load_stacks_judge()
    recording = stacks.Recording(results.path("signals.strait"))
    answer = stacks.Answer(os.path.join(TREE, "signals.c"))
    tally = stacks.Tally(recording, answer, "signals", "cpu")
    good(tally.whole >= .95 * tally.total > 0, "unwind: "
         f"{stacks.percent(tally.whole, tally.total):.1f} % of the stacks with signal handlers are "
         "complete, at least 95", tally.examples(tally.incomplete))
    good(not tally.wrong, "unwind: no stack with signal handlers that the program cannot have",
         tally.examples(tally.wrong))
    stacks.judge_amounts(answer, tally, "unwind")


def judge_syscall(results):
    equal("syscall: 1000 reads", 1000, results.total("calls", "syscall.count", "label = 'read'"))
    equal("syscall: 77 opens failed", 77,
          results.total("calls", "syscall.errors", "label IN ('openat', 'open')"))
    equal("syscall: 50 receives would block", 50,
          results.total("calls", "syscall.again", "label = 'recvfrom'"))
    within("syscall: ns in 5 sleeps of 40 ms", 200e6, 400e6,
           results.total("calls", "syscall.ns", "label = 'clock_nanosleep'"))


def judge_sched(results):
    asleep = "SELECT sum(ns) FROM v_ledger WHERE process_comm = 'known' AND state = 'timer'"
    within("sched: ns that 5 sleeps of 40 ms are in the ledger", 190e6, 400e6,
           results.ask("calls", asleep))
    running = ("SELECT sum(ns) FROM v_ledger WHERE process_comm = 'tree' AND state IN "
               "('running user code', 'interrupted', 'taken by the hypervisor')")
    within("sched: ns that 4 s of computing are in the ledger", 3.6e9, 4.6e9,
           results.ask("tree", running))


def judge_memory(results, programs):
    pages = 4096
    of_load = "process_comm = 'known'"
    # Not every architecture traces faults; that the family says so was seen above.
    traced = "memory__fault_user" in programs
    for metric in ["memory.minor_faults"] + ["memory.faults_user"] * traced:
        within(f"memory: 4096 fresh pages are {metric}", pages, pages + 300,
               results.total("faults", metric, of_load))
    if not traced:
        return
    within("memory: faults that the samples stand for", pages * .6, pages * 1.5, results.ask(
        "faults", "SELECT coalesce(sum(weight), 0) FROM v_samples WHERE kind = 'fault'"))


def judge_alloc(results):
    """A program that waits for a while when it begins: its C library may be met only then."""
    told = [line.split() for line in results.read("alloc.out").splitlines()]
    for _, name, count, size in (words for words in told if words[0] == "call"):
        equal(f"alloc: {count} calls of {name}", int(count),
              results.total("alloc", "alloc.count", f"label = '{name}' AND process_comm = 'alloc'"))
        equal(f"alloc: {size} bytes of {name}", int(size),
              results.total("alloc", "alloc.bytes", f"label = '{name}' AND process_comm = 'alloc'"))
    size = sum(int(words[3]) for words in told if words[0] == "call")
    within("alloc: bytes that the samples stand for", size * .6, size * 1.5, results.ask(
        "alloc", "SELECT coalesce(sum(weight), 0) FROM v_samples WHERE kind = 'alloc'"))


def judge_net(results):
    numbers = results.numbers("exchange.out")
    if not good(len(numbers) == 3, "net: two programs exchanged something", numbers):
        return
    client, server, port = numbers
    as_client = f"pid = {client} AND label = 'client 127.0.0.1:{port}'"
    as_server = f"pid = {server} AND label = 'server :{port} from 127.0.0.1'"
    for what, metric, expected, condition in (
            ("one connect", "connects", 1, as_client),
            ("one accept", "accepts", 1, f"label = 'server :{port} from 127.0.0.1'"),
            ("one connect failed", "connect_failures", 1, as_client),
            ("the client sent", "sent_bytes", 1000000, as_client),
            ("the server received, not counting its peek", "received_bytes", 1000000, as_server),
            ("the server sent", "sent_bytes", 1234, as_server),
            ("the client received", "received_bytes", 1234, as_client)):
        equal(f"net: {what}", expected, results.total("exchange", "net." + metric, condition))


def judge_block(results):
    reads = ("SELECT sum({}) FROM v_buckets WHERE metric = 'block.{}' AND process_comm = 'probe' "
             "AND label LIKE 'nvme0n_ read'")
    equal("block: 1000 reads of 4 KiB from the disk", 1000,
          results.ask("disk", reads.format("count", "bytes") + " AND low = 4096"))
    for time in "queue_ns", "device_ns":
        equal(f"block: each has a {time}", 1000,
              results.ask("disk", reads.format("count", time)))


def judge_irq(results):
    numbers = results.numbers("timers.out")
    if good(len(numbers) == 2, "irq: the kernel counts timers", numbers):
        within("irq: timer softirqs, within what the kernel counts in a longer time", 1,
               numbers[1] - numbers[0],
               results.total("timers", "irq.count", "label LIKE 'softirq TIMER %'"))


def judge_report(results):
    """The whole report, on a host where one program computes."""
    report = results.json("report.out")
    if not good(report is not None, "report: the JSON is whole", results.read("report.err")):
        return
    findings, coverage = report["bottlenecks"], report["coverage"]
    # Emulated, the results of earlier steps may still be on their way to the disk: init's copying.
    good(any(finding["where"].get("process") == "tree" and finding["severity"] in
             ("critical", "high") for finding in findings),
         "report: the program that computes is found, at least high",
         [finding["title"] for finding in findings] or report["verdict"])
    # Newer kernels can preempt a program at a system call, and do not run it a second time on that
    # CPU meanwhile. On these emulated CPUs a few times in two seconds.
    again = sum(loss["count"] for loss in coverage["lost"]
                if loss["what"] == "events during another run of their program")
    within("report: events that met their program running", 0, 100, again)
    equal("report: nothing else was lost", 0,
          coverage["lost_events"] + coverage["lost_samples"] - again)
    within("report: share of the threads' time in the ledger", .95, 1.02, coverage["ledger_share"])


def judge_rights(results, kernel):
    """Root with four capabilities, and with a fifth, where perf_event_paranoid is above 2 (as is Debian's default)."""
    statuses = dict(line.split()[:2] for line in results.read("steps").splitlines())
    locked = kernel == "5.10"  # maps count as locked memory
    equal("four capabilities: exit status", "77" if locked else "0", statuses.get("four"))
    if locked:
        said = results.read("four.err")
        good("CAP_SYS_RESOURCE" in said and said.count("\n") == 1,
             "four capabilities: one line that names the one that maps need here", said)
    equal("that one added: exit status", "0", statuses.get("five"))
    skipped = {row["family"]: row["why"] for row in results.json("five.out")["coverage"]["skipped"]}
    for family, needs in (("cpu", "it takes CAP_SYS_ADMIN where the sysctl kernel.perf_event_paranoid is above 2"),
                          ("alloc", "Permission denied (it takes CAP_SYS_ADMIN)")):
        if kernel != "arm64" or family != "alloc":  # nothing is probed there
            good(needs in skipped.get(family, ""), f"{family}: what is missing is told", skipped.get(family))
    checks = {check["name"]: check.get("fix", "") for check in results.json("denied.out")["checks"]}
    good("no CPU samples: perf_event_open" in checks["perf events"] and "CAP_SYS_ADMIN" in checks["perf events"],
         "doctor: what is missing for CPU samples is told", checks["perf events"])


def judge_clock(results):
    """Clocks that jump by hours in the midst of a window of two seconds."""
    within("a clock that jumps: ns of the window", 1.9e9, 10e9,
           results.ask("clock", "SELECT length_ns FROM recording"))
    equal("a clock that jumps: slices in order", 0, results.ask(
        "clock", "SELECT count(*) FROM slices WHERE end_ns < begin_ns OR end_ns > "
                 "(SELECT length_ns FROM recording)"))
    lines = [json.loads(line) for line in results.read("jumps.out").splitlines()
             if line.startswith('{"interval"')]
    # It runs for 8 s, of which these emulated CPUs need up to 5 s until the first one begins.
    within("a clock that jumps: intervals of monitor", 3, 9, len(lines))
    good(lines and all(.5 < line["interval"]["seconds"] < 4 for line in lines),
         "a clock that jumps: each of them is a second or so long",
         [line["interval"]["seconds"] for line in lines])


def judge_replug(results):
    """A CPU that goes away and comes back: what runs on it then is seen and sampled."""
    online = results.read("replug.out").split()
    if online != ["0", "0-1", "0-1"]:
        good(True, f"a CPU that goes away: this kernel does not let it ({online})")
        return
    spinner = "tid IN (SELECT tid FROM v_threads WHERE targeted)"
    ran = results.ask("replug", "SELECT coalesce(sum(ns), 0) FROM v_ledger WHERE state IN "
                      f"('running user code', 'running kernel code') AND {spinner}")
    within("a CPU that came back: ns that were run, 3 s of them there", 2.7e9, 6e9, ran)
    # Timers of an emulated CPU come late.
    within(f"a CPU that came back: ns that samples stand for, of {ran / 1e9:.2f} s", ran * .5,
           ran * 1.2, results.ask("replug", "SELECT coalesce(sum(weight), 0) FROM v_samples "
                                  f"WHERE kind = 'cpu' AND {spinner}"))


def judge_groups(results, name):
    """Of two equal loops, each in a cgroup within another one, the one that is asked for."""
    seen = {}
    for line in results.read("hierarchies").splitlines():
        how, *hierarchies = line.split()
        seen[how] = {hierarchy.split(":")[1] for hierarchy in hierarchies}
    equal("cgroups: how they are mounted", {how: MOUNTED[how] for how in mounted_on(name)}, seen)
    for line in results.read("groups").splitlines():
        recording, pid, path = line.split()
        what = f"cgroups, {recording} {path}: "
        equal(what + "its loop is sampled, and nothing else", pid, results.ask(
            recording, "SELECT group_concat(DISTINCT pid) FROM v_samples WHERE kind = 'cpu'"))
        equal(what + "where it is told to be", path + "/inner", results.ask(
            recording, f"SELECT cgroup FROM v_processes WHERE pid = {pid}"))
        target = results.ask(recording, "SELECT text FROM recording JOIN strings "
                                        "ON strings.id = target_name")
        good((target or "").endswith(path), what + "the target's name", target)


def judge_leftovers(results):
    before, during, after = (results.numbers(step + ".out") for step in ("before", "killed", "after"))
    good(len(before) == 2 and len(during) == 2 and during > before,
         f"attached while it runs: {during} BPF programs and links", f"{before} before")
    equal("nothing stays attached, not after SIGKILL either", before, after)


def main():
    name, release, suite, directory = sys.argv[1:]
    results = Results(os.path.join(directory, "results"))
    typed = name != "no-btf"
    judge_steps(results, name)
    equal("the kernel is the one that was meant", release, results.read("release").strip())
    if not typed:
        equal("the kernel refuses a typed tracepoint", "refused", results.read("typed.out").strip())
    families, programs = read_families(results), read_programs(results)
    for family, judge in (("cpu", judge_tree), ("cpu", judge_signals), ("sched", judge_sched),
                          ("syscall", judge_syscall), ("irq", judge_irq), ("block", judge_block),
                          ("net", judge_net),
                          ("memory", lambda results: judge_memory(results, programs)),
                          ("alloc", judge_alloc)):
        told = families.get(family, {})
        if told.get("status") == "skipped" and family in ASKED_FOR:
            equal(f"{family}: the recording that was to have it says that and why it is skipped",
                  "; ".join(told["why"]), results.ask(family, "SELECT text FROM families JOIN strings "
                  f"ON strings.id = why WHERE name = (SELECT id FROM strings WHERE text = '{family}')"))
        if told.get("status") not in ("works", "fallback"):
            continue
        try:
            judge(results)
        except (sqlite3.Error, OSError) as error:
            good(False, f"{family}: its recording can be read", error)
    for judge in [judge_clock] * typed + [judge_replug]:
        try:
            judge(results)
        except (sqlite3.Error, OSError, ValueError, TypeError) as error:
            good(False, f"{judge.__name__}: what it left can be read", error)
    judge_groups(results, name)
    judge_report(results)
    try:
        judge_rights(results, name)
    except (ValueError, TypeError, KeyError) as error:
        good(False, "rights: what it left can be read", error)
    judge_leftovers(results)
    with open(os.path.join(directory, "result.json"), "w", encoding="utf-8") as file:
        json.dump({"name": name, "release": release, "suite": suite, "families": families,
                   "programs": programs}, file, indent=1)


if __name__ == "__main__":
    main()
