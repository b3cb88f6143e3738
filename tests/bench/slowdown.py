# SPDX-License-Identifier: BSD-2-Clause
"""How much slower programs are beside a tracer, on machines that are never quiet.

The speed of a virtual CPU changes by itself, by a factor of two where a neighbour shares its core, and
the host takes it away now and then: the time of a whole run tells nothing about one per cent. So the
programs note how long each small piece of their work took (tens of microseconds, all alike). What a
piece takes beyond the median of the pieces around it was lost to interruptions, and to what they left
behind in the caches. The share of lost time is compared: without a tracer, with it.
"""
import array
import glob
import json
import os
import random
import statistics
import subprocess
import sys
import time

AROUND = 40          # pieces that a median is of: some milliseconds
STEADY = .06         # quartiles further apart than that, of the median: the CPU changed its speed
INTERRUPTION = 100e3  # ns; whatever takes longer is the host's doing, or another program's
DRAWS = 2000         # of the bootstrap
CLOCKED = "/proc/sys/kernel/bpf_stats_enabled"
CLOCKED_SECONDS = 3

# Python calls SQLite, which calls Python.
QUERIES = """
import array, sqlite3, sys, time
table = sqlite3.connect(":memory:")
table.execute("CREATE TABLE t(a INTEGER, b TEXT)")
table.executemany("INSERT INTO t VALUES(?, ?)", [(i * 7919 % 101, "abc"[i % 3]) for i in range(8)])
table.create_function("score", 1, lambda a: sum(map(lambda b: a ^ b, range(a & 7))))
def piece():
    return table.execute("SELECT b, sum(score(a)) FROM t GROUP BY b ORDER BY 2").fetchall()
times, now = array.array("I"), time.perf_counter_ns
begin = now()
until = begin + int(float(sys.argv[1]) * 1e9)
while begin < until:
    piece()
    end = now()
    times.append(end - begin)
    begin = end
with open(sys.argv[2], "wb") as file:
    times.tofile(file)
"""


def lost_percent(path):
    """Time lost in the pieces, of what they take undisturbed; None: the CPU was never steady."""
    with open(path, "rb") as file:
        pieces = array.array("I", file.read())
    useful = lost = 0
    for at in range(AROUND, len(pieces) - AROUND, AROUND):
        around = sorted(pieces[at:at + AROUND])
        middle = around[AROUND // 2]
        if around[3 * AROUND // 4] - around[AROUND // 4] > STEADY * middle:
            continue
        taken = [piece for piece in around if piece - middle < INTERRUPTION]
        useful += middle * len(taken)
        lost += sum(taken) - middle * len(taken)
    return 100 * lost / useful if useful else None


def sides(options, directory):
    """(name, command, seconds until it is at work)."""
    perf = ["perf", "record", "-q", "-a", "-e", "cpu-clock", "-F", "999", "-o",
            os.path.join(directory, "slow.data")]
    unwind = os.path.join(os.path.dirname(options.strait), "bench", "unwind")
    return [("nothing", None, 0), ("the timer alone", [unwind, "timers", "999"], .3),
            ("strait", [options.strait, "record", "-q", "--budget", "100%", "-F", "999",
                        "-d", "300", "--replace", "-o",
                        os.path.join(directory, "slow.strait")], 1.2),
            ("strait, budget of 1 %", [options.strait, "record", "-q", "-F", "999", "-d", "300",
                                       "--replace", "-o",
                                       os.path.join(directory, "slow.strait")], 1.2),
            ("perf, frame pointers", [*perf, "--call-graph", "fp"], .6),
            ("perf, DWARF", [*perf, "--call-graph", "dwarf"], .6)]


def programs(options):
    """(name, command); the seconds and the file for its times are put behind it."""
    unwind = os.path.join(os.path.dirname(options.strait), "bench", "unwind")
    return [("C, 10 frames", [unwind, "pieces", "10"]), ("C, 30 frames", [unwind, "pieces", "30"]),
            ("Python and SQLite", [sys.executable, "-S", "-c", QUERIES])]


def observe(options, directory, beside):
    """One turn: each program beside each tracer; ABBA, what drifts steadily is the same on all."""
    turn = sides(options, directory)
    path = os.path.join(directory, "pieces")
    seen = []
    for name, command, warm in turn + turn[::-1]:
        with beside(command and ["taskset", "-c", "0", *command], warm):
            for program, words in programs(options):
                subprocess.run(["taskset", "-c", str(os.cpu_count() - 1), *words,
                                str(options.work_seconds), path], check=True)
                lost = lost_percent(path)
                if lost is not None:
                    seen.append((program, name, lost))
    return seen


def middle(values):
    """The mean of the middle half."""
    values = sorted(values)
    cut = len(values) // 4
    return statistics.fmean(values[cut:len(values) - cut])


def interval(values, others, draw):
    """The difference of two middles, and where 95 % of those of drawn samples lie."""
    drawn = sorted(middle(draw.choices(values, k=len(values))) -
                   middle(draw.choices(others, k=len(others))) for _ in range(DRAWS))
    return middle(values) - middle(others), drawn[DRAWS // 40], drawn[-DRAWS // 40 - 1]


# ---- by the kernel's clock ----

def programs_ns(pid):
    """Time that the BPF programs of the process took so far."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
        with open(path, encoding="ascii") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("run_time_ns"))
    return total


def clocked_percents(options, directory, beside):
    """Percent of a CPU that strait's programs take while each of the programs runs."""
    _, command, warm = next(side for side in sides(options, directory) if side[0] == "strait")
    path = os.path.join(directory, "pieces")
    found = {}
    with open(CLOCKED, "r+", encoding="ascii") as file:
        before = file.read()
        with beside(["taskset", "-c", "0", *command], warm) as tracer:
            for program, words in programs(options):
                with subprocess.Popen(["taskset", "-c", str(os.cpu_count() - 1), *words,
                                       str(CLOCKED_SECONDS + 1), path]):
                    time.sleep(.5)
                    file.seek(0)
                    file.write("1")
                    file.flush()
                    took, began = programs_ns(tracer.process.pid), time.monotonic_ns()
                    time.sleep(CLOCKED_SECONDS)
                    took = programs_ns(tracer.process.pid) - took
                    found[program] = 100 * took / (time.monotonic_ns() - began)
        file.seek(0)
        file.write(before)
    return found


def signed(more, low, high):
    return f"{more:+.2f} %", f"{low:+.2f} … {high:+.2f} %"


def rows(options, directory, beside):
    """(program, beside, slowdown, interval, more than the timer alone, interval)."""
    seen = []
    if options.pool and os.path.exists(options.pool):
        with open(options.pool, encoding="utf-8") as file:
            seen = [tuple(one) for one in json.load(file)]
    for _ in range(options.rounds):
        seen += observe(options, directory, beside)
    if options.pool:
        with open(options.pool, "w", encoding="utf-8") as file:
            json.dump(seen, file)
    clocked = clocked_percents(options, directory, beside)
    draw = random.Random(1)
    for program, _ in programs(options):
        of = {name: [lost for one, other, lost in seen if (one, other) == (program, name)]
              for name, _, _ in sides(options, directory)}
        bare, timer = of.pop("nothing"), of["the timer alone"]
        yield (program, "nothing", f"({middle(bare):.2f} % lost, {len(bare)} runs)",
               f"{min(bare):.2f} … {max(bare):.2f} %", "", "")
        for name, values in of.items():
            yield (program, name, *signed(*interval(values, bare, draw)),
                   *(("", "") if values is timer else signed(*interval(values, timer, draw))))
        yield (program, "strait: its programs on all CPUs", "", "",
               f"{clocked[program]:+.2f} %", "")
