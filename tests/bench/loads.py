# SPDX-License-Identifier: BSD-2-Clause
"""Loads that use all CPUs, bare and beside a tracer in paired rounds."""
import os
import re
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def messaging_seconds(perf, loops):
    """Seconds that perf's version of hackbench takes: 5 groups of 20 senders and 20 receivers."""
    out = subprocess.run([perf, "bench", "sched", "messaging", "-g", "5", "-l", str(loops)],
                         capture_output=True, text=True, check=True).stdout
    return float(re.search(r"Total time: ([\d.]+)", out).group(1))


class Postgres:
    """A PostgreSQL server of its own that pgbench asks."""

    def __init__(self, scale):
        self.directory = tempfile.TemporaryDirectory(prefix="strait-bench-")
        self.process = subprocess.Popen(
            [os.path.join(HERE, "postgres"), self.directory.name, str(scale)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def ready(self):
        """Whether it runs; not on a host that lacks it."""
        return self.process.stdout.readline() == "ready\n"

    def seconds_each(self, seconds, clients, *options):
        """Seconds that a transaction takes of the run's time, all clients together."""
        self.process.stdin.write(" ".join([str(seconds), str(clients), *options]) + "\n")
        self.process.stdin.flush()
        return 1 / float(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.directory.cleanup()


def paired(rounds, measure, tracers):
    """Measures a load bare and beside each tracer (a name and a context manager) in turn.

    A round is bare, two runs beside each tracer, bare: a drift of the machine hits all alike, and
    every other round takes the tracers the other way round. Returns the bare measurements and, by
    name, those beside the tracer and the ratio of the two in each round.
    """
    bare = []
    traced = {name: [] for name, _ in tracers}
    ratios = {name: [] for name, _ in tracers}
    for number in range(rounds):
        bare.append(measure())
        for name, beside in tracers[::-1] if number % 2 else tracers:
            with beside():
                traced[name] += [measure(), measure()]
        bare.append(measure())
        for name, _ in tracers:
            ratios[name].append(sum(traced[name][-2:]) / sum(bare[-2:]))
    return bare, traced, ratios
