#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Judges the stacks of real programs in a recording. Prints one line a check.

  programs.py whole RECORDING LABEL PROGRAM...             complete stacks
  programs.py named RECORDING LABEL PROGRAM...             names in the stacks
  programs.py agree RECORDING PERF.DATA LABEL PROGRAM...   shares of functions, beside perf's
  programs.py files RECORDING LABEL [SAID]                 executables of the processes born in it;
                                                           SAID: lines "PID PATH", by themselves
"""
import argparse
import collections
import re
import subprocess

from recording import Recording, good, percent, plain, short, text


# ---- whole stacks ------------------------------------------------------------------------------

def count_ends(recording, kind, programs, since=0, until=1 << 31):
    """How the user stacks of these programs end in some slices; the incomplete ones."""
    ends, worst = collections.Counter(), collections.Counter()
    for _, stack, count, _ in recording.samples(kind, programs, since, until):
        if recording.is_over(stack):
            continue
        end = recording.stacks[stack][2]
        ends[end] += count
        if end != "complete":
            worst[stack] += count
    return ends, worst


def judge_whole(options):
    recording = Recording(options.recording)
    ends, worst = count_ends(recording, options.kind, options.programs, options.since)
    total = sum(ends.values())
    seen = ", ".join(f"{count} {end}" for end, count in ends.most_common())
    before = ""
    if options.since:
        first, _ = count_ends(recording, options.kind, options.programs, 0, options.since)
        before = f"; before that {percent(first['complete'], sum(first.values())):.1f} %"
    good(total >= options.least and ends["complete"] >= .99 * total,
         f"{options.label}: {percent(ends['complete'], total):.2f} % of {total} user stacks are "
         f"complete{before}", seen + ": " + " | ".join(f"{count} x {recording.evidence(stack)}"
                                              for stack, count in worst.most_common(3)))


# ---- against perf ------------------------------------------------------------------------------

def perf_chains(path, programs):
    """(frames) of perf's samples of these programs, leaf first: (function, module)."""
    out = subprocess.run(["perf", "script", "-i", path, "-F", "comm,ip,sym,dso", "--no-inline"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                         errors="replace", check=True).stdout
    names = {name[:15] for name in programs}
    for block in out.split("\n\n"):
        lines = [line for line in block.split("\n") if line.strip()]
        if not lines or lines[0].strip() not in names:
            continue
        frames = [match.groups() for match in
                  (re.match(r"\s*(?!ffffffff)[0-9a-f]+ (.*) \((.*?)\)$", line)
                   for line in lines[1:]) if match]
        if frames:
            yield [("" if function == "[unknown]" else function.partition("(")[0], short(module))
                   for function, module in frames]


def strait_chains(recording, options):
    for _, stack, count, _ in recording.samples("cpu", options.programs, options.since):
        if recording.stacks[stack][1] and not recording.is_over(stack):
            chain = [(recording.frames[number][0].partition("(")[0],
                      short(recording.frames[number][1])) for number in recording.stacks[stack][1]]
            for _ in range(count):
                yield chain


def count_functions(chains):
    """In how many stacks each function is, by itself and with what it calls."""
    leaf, inside, total = collections.Counter(), collections.Counter(), 0
    for chain in chains:
        total += 1
        leaf[f"{plain(chain[0][0])}@{chain[0][1]} itself"] += 1
        inside.update({f"{plain(function)}@{module}" for function, module in chain})
    return leaf + inside, total


def judge_agree(options):
    """Shares of functions, by both: within what two samples of one thing may differ."""
    ours, total = count_functions(strait_chains(Recording(options.recording), options))
    theirs, perf_total = count_functions(perf_chains(options.perf, options.programs))
    good(min(total, perf_total) >= options.least,
         f"{options.label}: {total} samples, perf has {perf_total}")
    worst, compared = collections.Counter(), 0
    for name in set(ours) | set(theirs):
        share = (ours[name] + theirs[name]) / max(total + perf_total, 1)
        if share < .03:
            continue
        compared += 1
        apart = abs(ours[name] / max(total, 1) - theirs[name] / max(perf_total, 1))
        sigma = max(share * (1 - share), 0) * (1 / max(total, 1) + 1 / max(perf_total, 1))
        # Both sample by the clock, not quite at random; and perf's stacks break off now and then.
        if apart > 4 * sigma ** .5 + .015:
            worst[f"{name}: {percent(ours[name], total):.1f} %, perf "
                  f"{percent(theirs[name], perf_total):.1f} %"] = int(1e6 * apart)
    good(compared >= 5 and not worst, f"{options.label}: shares of {compared - len(worst)} of "
         f"{compared} functions agree with perf's", str([text for text, _ in worst.most_common(6)]))


# ---- names -------------------------------------------------------------------------------------

class Symbols:
    """Whether a file has a symbol for a place at all, as readelf sees it."""

    def __init__(self):
        self.files = {}

    @staticmethod
    def read(path):
        segments, functions = [], []
        out = subprocess.run(["readelf", "-lsW", path], capture_output=True, text=True, check=False)
        for line in out.stdout.split("\n"):
            words = line.split()
            if words[:1] == ["LOAD"]:
                segments.append(tuple(int(word, 16) for word in (words[1], words[2], words[4])))
            elif len(words) > 7 and words[3] in ("FUNC", "IFUNC") and words[6] != "UND":
                functions.append((int(words[1], 16), int(words[2], 0)))
        return segments, functions

    def has(self, path, offset):
        if path not in self.files:
            self.files[path] = self.read(path)
        segments, functions = self.files[path]
        for start, address, size in segments:
            if start <= offset < start + size:
                place = offset - start + address
                return any(at <= place < at + size for at, size in functions)
        return False


def judge_named(options):
    """Leaves of user code; with all their callers they would only count the common ones."""
    recording, symbols = Recording(options.recording), Symbols()
    total = named = placed = nobody = 0
    nameless = collections.Counter()
    for _, stack, count, _ in recording.samples("cpu", options.programs):
        _, user, _ = recording.stacks[stack]
        if not user or recording.is_over(stack):
            continue
        function, module, offset, _, has_module = recording.frames[user[0]]
        total += count
        placed += count if has_module else 0
        if function:
            named += count
        elif has_module and not symbols.has(module, offset):
            # A stripped file has no name for its own, local functions, for nobody.
            nobody += count
        else:
            nameless[f"{short(module) or 'no module'}+{offset:#x}"] += count
    good(total >= options.least, f"{options.label}: {total} user samples",
         f"at least {options.least} are wanted")
    good(named >= .95 * (total - nobody), f"{options.label}: {percent(named, total - nobody):.2f} % "
         f"of user samples have a function, but for {percent(nobody, total):.1f} % where the file has "
         "no symbol", str(nameless.most_common(6)))
    good(placed >= .99 * total, f"{options.label}: {percent(placed, total):.2f} % of user samples "
         "have a module", str(nameless.most_common(6)))


# ---- executables -------------------------------------------------------------------------------

def judge_files(options):
    rows = Recording(options.recording).db.execute(
        "SELECT p.pid, e.text, c.text FROM processes p JOIN strings e ON e.id = p.exe "
        "JOIN strings c ON c.id = p.comm WHERE p.born AND p.targeted").fetchall()
    missing = collections.Counter(text(comm) for _, exe, comm in rows if not exe)
    good(len(rows) >= options.least and not missing, f"{options.label}: {len(rows)} processes, "
         f"{sum(missing.values())} without an executable", str(missing.most_common(6)))
    if not options.said:
        return
    seen = {(pid, text(exe)) for pid, exe, _ in rows}
    with open(options.said, encoding="utf-8") as file:
        said = [line.rstrip("\n").partition(" ") for line in file]
    wrong = [(pid, path) for pid, _, path in said if (int(pid), path) not in seen]
    good(len(said) >= options.least and not wrong, f"{options.label}: {len(said) - len(wrong)} of "
         f"{len(said)} processes have the executable that they saw themselves",
         str([(pid, path, [exe for one, exe in seen if one == int(pid)])
              for pid, path in wrong[:4]]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, judge in (("whole", judge_whole), ("named", judge_named), ("agree", judge_agree),
                        ("files", judge_files)):
        command = commands.add_parser(name)
        command.set_defaults(judge=judge)
        command.add_argument("recording")
        if name == "agree":
            command.add_argument("perf")
        command.add_argument("label")
        if name == "files":
            command.add_argument("said", nargs="?")
        else:
            command.add_argument("programs", nargs="+")
        command.add_argument("--kind", default="cpu")
        command.add_argument("--least", type=int, default=700, help="samples, or processes")
        command.add_argument("--since", type=int, default=0, help="only from this slice on")
    options = parser.parse_args()
    options.judge(options)


if __name__ == "__main__":
    main()
