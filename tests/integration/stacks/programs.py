#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Judges the stacks of real programs in a recording. Prints one line a check.

  programs.py whole RECORDING LABEL PROGRAM...             complete stacks
  programs.py named RECORDING LABEL PROGRAM...             names in the stacks
  programs.py placed RECORDING LABEL PROGRAM...            all frames of the host; the programs are in it
  programs.py agree RECORDING PERF.DATA LABEL PROGRAM...   shares of functions, beside perf's
  programs.py files RECORDING LABEL [SAID]                 executables of the processes born in it;
                                                           SAID: lines "PID PATH", by themselves
"""
import argparse
import collections
import re
import subprocess

import perfdata
from recording import Recording, good, note, percent, plain, short, text


# ---- files -------------------------------------------------------------------------------------

class Symbols:
    """The functions of files, as readelf sees them."""

    def __init__(self):
        self.files, self.names = {}, {}

    @staticmethod
    def read(path):
        """(segments, functions): (offset, address, size), (address, size, name)."""
        segments, functions = [], []
        out = subprocess.run(["readelf", "-lsW", path], capture_output=True, text=True, check=False)
        for line in out.stdout.split("\n"):
            words = line.split()
            if words[:1] == ["LOAD"]:
                segments.append(tuple(int(word, 16) for word in (words[1], words[2], words[4])))
            elif len(words) > 7 and words[3] in ("FUNC", "IFUNC") and words[6] != "UND":
                functions.append((int(words[1], 16), int(words[2], 0), words[7].partition("@")[0]))
        return segments, functions

    def has(self, path, offset):
        """Whether the file has a symbol for a place at all."""
        if path not in self.files:
            self.files[path] = self.read(path)
        segments, functions = self.files[path]
        for start, address, size in segments:
            if start <= offset < start + size:
                place = offset - start + address
                return any(at <= place < at + length for at, length, _ in functions)
        return False

    def one_name(self, path, name):
        """Of all that are for the same place, there or in its debug file: one of them."""
        if path not in self.names:
            self.names[path] = self.read_names(path)
        return self.names[path].get(name, name)

    def read_names(self, path):
        notes = subprocess.run(["readelf", "-nW", path], capture_output=True, text=True, check=False)
        build_id = re.search(r"Build ID: ([0-9a-f]{4,})", notes.stdout)
        functions = self.read(path)[1]
        if build_id:
            number = build_id.group(1)
            functions += self.read(f"/usr/lib/debug/.build-id/{number[:2]}/{number[2:]}.debug")[1]
        first, names = {}, {}
        for address, _, name in sorted(functions):
            names.setdefault(name, first.setdefault(address, name))
        return names


SYMBOLS = Symbols()


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
    late = min(options.late, ends["no_table"])
    seen = ", ".join(f"{count} {end}" for end, count in ends.most_common())
    before = ""
    if options.since:
        first, _ = count_ends(recording, options.kind, options.programs, 0, options.since)
        before = f"; before that {percent(first['complete'], sum(first.values())):.1f} %"
    if late:
        before += f", but for {late} before the table was there"
    good(total >= options.least and ends["complete"] >= .99 * (total - late),
         f"{options.label}: {percent(ends['complete'], total - late):.2f} % of {total} user stacks "
         f"are complete{before}", seen + ": " + " | ".join(f"{count} x {recording.evidence(stack)}"
                                              for stack, count in worst.most_common(3)))


# ---- against perf ------------------------------------------------------------------------------

def named(frames):
    """(function, module) by names that are the same for both."""
    chain = []
    for function, path in frames:
        function = "" if function == "[unknown]" else function.partition("(")[0].partition("@")[0]
        chain.append((plain(SYMBOLS.one_name(path, function)), short(path)))
    return chain


def strait_chains(recording, programs, slices):
    for _, stack, count, _ in recording.samples("cpu", programs, *slices, by_thread=True):
        if recording.stacks[stack][1] and not recording.is_over(stack):
            chain = named(recording.frames[number][:2] for number in recording.stacks[stack][1])
            for _ in range(count):
                yield chain


def common_slices(recording, times):
    """(first, behind the last) slice of those that perf saw from begin to end, and their times."""
    begin, = recording.db.execute("SELECT start_unix_ns FROM recording").fetchone()
    slices = [(number, (begin + first) / 1e9, (begin + last) / 1e9)
              for number, first, last in recording.db.execute(
                  "SELECT id, begin_ns, end_ns FROM slices ORDER BY id")
              if (begin + first) / 1e9 >= min(times) and (begin + last) / 1e9 <= max(times)]
    if not slices:
        return None
    return (slices[0][0], slices[-1][0] + 1), (slices[0][1], slices[-1][2])


def count_functions(chains):
    """In how many stacks each function is, by itself and with what it calls."""
    counts, total = collections.Counter(), 0
    for chain in chains:
        total += 1
        counts["{}@{} itself".format(*chain[0])] += 1
        counts.update({f"{function}@{module}" for function, module in chain})
    return counts, total


def compare_shares(ours, total, theirs, perf_total):
    """How many functions, and those whose shares are further apart than two samples of one thing
    may be."""
    compared, apart = 0, []
    for name in set(ours) | set(theirs):
        share = (ours[name] + theirs[name]) / (total + perf_total)
        if share < .03:
            continue
        compared += 1
        more = ours[name] / total - theirs[name] / perf_total
        # Both sample by the clock, not quite at random.
        most = 4 * (share * (1 - share) * (1 / total + 1 / perf_total)) ** .5 + .015
        # Of callers perf loses some without a mark (74 % of openssl's stacks passed through libc's
        # start, 100 % through main): its totals are a lower bound.
        if more < -most or (more > most and name.endswith(" itself")):
            apart.append(f"{name}: {percent(ours[name], total):.1f} %, perf "
                         f"{percent(theirs[name], perf_total):.1f} %, allowed {100 * most:.1f}")
    return compared, apart


def judge_agree(options):
    recording, samples = Recording(options.recording), list(
        perfdata.read_stacks(options.perf, options.programs))
    slices = common_slices(recording, [time for time, _ in samples] or [0])
    if not slices:
        good(False, f"{options.label}: perf saw none of the slices from begin to end")
        return
    (first, behind), (begin, end) = slices
    stacks = [frames for time, frames in samples if begin <= time < end]
    cut = sum(not perfdata.reaches_root(frames) for frames in stacks) / max(len(stacks), 1)
    if cut > .1:
        note(f"{options.label}: {100 * cut:.0f} % of perf's stacks break off: not compared")
        return
    ours, total = count_functions(strait_chains(recording, options.programs, (first, behind)))
    theirs, perf_total = count_functions(map(named, stacks))
    good(min(total, perf_total) >= options.least, f"{options.label}: {total} samples in "
         f"{behind - first} slices, perf has {perf_total}, {100 - 100 * cut:.1f} % complete")
    if min(total, perf_total) < options.least:
        return
    compared, apart = compare_shares(ours, total, theirs, perf_total)
    good(compared >= 3 and not apart, f"{options.label}: shares of {compared - len(apart)} of "
         f"{compared} functions agree with perf's", " | ".join(apart))


# ---- names -------------------------------------------------------------------------------------

def judge_named(options):
    """Leaves of user code; with all their callers they would only count the common ones."""
    recording = Recording(options.recording)
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
        elif has_module and not SYMBOLS.has(module, offset):
            # A stripped file has no name for its own, local functions, for nobody.
            nobody += count
            nameless[f"{short(module)}, without a symbol"] += count
        else:
            nameless[f"{short(module) or 'no module'}+{offset:#x}"] += count
    good(total >= options.least, f"{options.label}: {total} user samples",
         f"at least {options.least} are wanted")
    if options.all:
        good(named >= .95 * total, f"{options.label}: {percent(named, total):.2f} % of user samples "
             "have a function", str(nameless.most_common(6)))
    else:
        good(named >= .95 * (total - nobody), f"{options.label}: {percent(named, total - nobody):.2f} "
             f"% of user samples have a function, but for {percent(nobody, total):.1f} % where the "
             "file has no symbol", str(nameless.most_common(6)))
    good(placed >= .99 * total, f"{options.label}: {percent(placed, total):.2f} % of user samples "
         "have a module", str(nameless.most_common(6)))


def judge_placed(options):
    """User time, of all processes, whose stacks have a frame without a module."""
    recording = Recording(options.recording)
    total, astray, ran = 0, collections.Counter(), collections.Counter()
    for exe, comm, stack, count in recording.everybody("cpu"):
        kernel, user, _ = recording.stacks[stack]
        if kernel or not user:
            continue
        total += count
        ran[short(exe)] += count
        lost = [recording.frames[number] for number in user]
        if any(not has_module or module.startswith("[anon") for _, module, _, _, has_module in lost):
            astray[f"{comm}: {recording.evidence(stack)}"] += count
    absent = [name for name in options.programs if not ran[name]]
    good(total >= options.least and not absent, f"{options.label}: {total} samples in user code, of "
         f"{len(ran)} programs", f"{absent} did not run: {ran.most_common(12)}")
    bad = sum(astray.values())
    good(bad < .01 * total, f"{options.label}: {percent(bad, total):.2f} % of user time has a frame "
         "without a module", " | ".join(f"{count} x {what}" for what, count in astray.most_common(3)))


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
    for name, judge in (("whole", judge_whole), ("named", judge_named), ("placed", judge_placed), ("agree", judge_agree),
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
        command.add_argument("--late", type=int, default=0,
                             help="samples that may be earlier than the tables")
        command.add_argument("--all", action="store_true",
                             help="also where the file has no symbol")
        command.add_argument("--since", type=int, default=0, help="only from this slice on")
    options = parser.parse_args()
    options.judge(options)


if __name__ == "__main__":
    main()
