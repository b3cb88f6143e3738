# SPDX-License-Identifier: BSD-2-Clause
"""How much CPU the host spends on something else than the load and strait.

A scenario has one known bottleneck only as long as nothing else runs. Other work is that of all
processes but the load's (its first one and its descendants), this one with strait, and the kernel's
own threads. Processes that ended meanwhile count through the parent that reaped them.
"""
import os
import time

TICKS = os.sysconf("SC_CLK_TCK")
KERNEL = 2  # kthreadd, the parent of the kernel's threads


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


def tree(known, roots):
    """The pids of some processes and of all their descendants."""
    inside, grew = set(roots), True
    while grew:
        more = {pid for pid, (parent, _) in known.items() if parent in inside} - inside
        inside |= more
        grew = bool(more)
    return inside


def other_ticks(load_pid):
    known = processes()
    ours = tree(known, [load_pid, KERNEL]) | {os.getpid()}
    return sum(ticks for pid, (_, ticks) in known.items() if pid not in ours)


class Meter:
    """CPUs that other work took, from now until others() is called."""

    def __init__(self, load_pid):
        self.load_pid, self.begin, self.at = load_pid, other_ticks(load_pid), time.monotonic()

    def others(self):
        ticks = other_ticks(self.load_pid) - self.begin
        return max(0.0, ticks / TICKS / max(0.001, time.monotonic() - self.at))


def wait_quiet(limit, quiet=0.15):
    """Waits up to limit seconds until the host keeps at most `quiet` CPUs busy for 2 s."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        meter = Meter(-1)
        time.sleep(2)
        if meter.others() <= quiet:
            return
