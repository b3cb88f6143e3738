# SPDX-License-Identifier: BSD-2-Clause
"""How much CPU the host spends on something else than the load and strait.

A scenario has one known bottleneck only as long as nothing else runs. What other work takes is the
host's busy time less that of the load's processes (all descendants of its first) and of strait.
"""
import os
import time

TICKS = os.sysconf("SC_CLK_TCK")


def host_ticks():
    """(user, nice and system time; all time) of the host; interrupts and steal belong to nobody."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(field) for field in file.readline().split()[1:9]]
    return sum(fields[:3]), sum(fields)


def processes():
    """{pid: (parent, CPU ticks of it and of its reaped children)}"""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        found[int(pid)] = (int(fields[1]), sum(int(field) for field in fields[11:15]))
    return found


def tree_ticks(root):
    """CPU ticks of a process and its descendants, those that have ended and were reaped included."""
    known = processes()
    inside, grew = {root}, True
    while grew:
        more = {pid for pid, (parent, _) in known.items() if parent in inside} - inside
        inside |= more
        grew = bool(more)
    return sum(known[pid][1] for pid in inside if pid in known)


def strait_ticks():
    times = os.times()
    return (times.children_user + times.children_system) * TICKS


class Meter:
    """From begin to end: CPUs that other work took."""

    def __init__(self, load_pid):
        self.load_pid = load_pid
        self.begin = (host_ticks()[0], tree_ticks(load_pid), strait_ticks(), time.monotonic())

    def others(self):
        host, load, strait, at = self.begin
        ticks = host_ticks()[0] - host - (tree_ticks(self.load_pid) - load) - (strait_ticks() - strait)
        return max(0.0, ticks / TICKS / max(0.001, time.monotonic() - at))


def busy_cpus(seconds=1.0):
    before = host_ticks()[0]
    time.sleep(seconds)
    return (host_ticks()[0] - before) / TICKS / seconds


def wait_quiet(limit, quiet=0.15):
    """Waits up to limit seconds for a host that keeps at most `quiet` CPUs busy for 2 s."""
    end = time.monotonic() + limit
    while busy_cpus(2.0) > quiet and time.monotonic() < end:
        pass
