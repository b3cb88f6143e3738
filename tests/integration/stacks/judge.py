#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Judges the stacks of a recording. Prints one line a check: good|bad TAB what TAB what was seen.

  judge.py tree RECORDING PROGRAM SOURCE OUTPUT [--kind KIND]   a program with a known call tree
  judge.py whole RECORDING LABEL PROGRAM...                     complete stacks of real programs
  judge.py named RECORDING LABEL PROGRAM...                     names in the stacks of programs
  judge.py agree RECORDING PERF.DATA LABEL PROGRAM...           shares of functions, beside perf's

The answer of a known program is in SOURCE and in what the program printed, OUTPUT:

  chain NAME: FRAME...        root first; a name may have several chains. A stack may also be the
                              beginning of one: before it calls, and after
  truncated NAME: FRAME...    the same, where only the leaf's side can be there
  split NAME SHARE            shares of CPU time between named chains
  wait NAME MS MS             what a chain waited for, at least and at most
  faults NAME N               page faults
  atleast NAME SHARE, atmost  of all samples
  kernel NAME SHARE: GLOB     so many of the chain's samples have such a function in the kernel part
  contains NAME SHARE: FRAME  ... have such a frame in the user part

FRAME is FUNCTION in the program itself, FUNCTION@MODULE elsewhere, both globs of * alone. A
function without a name is "nameless", blanks in names are left out. FRAME? may be missing, FRAME{2,5}
is repeated, A|B is either, +@MODULE is one or more frames there, ... are any frames. ROOT, THREAD and
SIGNAL are what the C library puts around a program's code, RUST what Rust does.
"""
import argparse
import collections
import os
import re
import sqlite3
import subprocess
import sys

MACROS = {
    "ROOT": "_start __libc_start_main*@libc|__libc_start_main*|nameless@libc "
            "__libc_start_call_main@libc|__libc_start_call_main|nameless@libc main",
    "THREAD": "*clone*@libc|nameless@libc start_thread@libc|nameless@libc",
    "SIGNAL": "*restore_rt@libc|*restore_rt|nameless@libc",
    "RUST": "ROOT std::rt::lang_start* ... *tree::main",
}
# What the runtime does around any of the chains: resolve a function, read the clock.
TAIL = ("(?:nameless@;|[^;@]*plt[^;@]*@;)?"
        r"(?:(?:nameless|[^;@]*clock_gettime[^;@]*|syscall)@(?:libc)?;)?"
        r"(?:[^;]*@(?:\[vdso\]|ld-linux-x86-64);)*")
# And before, after and below main.
RUNTIME = [
    r"(?:_start@;)?(?:[^;@]*@(?:libc|ld-linux-x86-64|\[vdso\]|libstdc\+\+|libgcc_s|libm);)+"
    r"(?:(?:nameless|_init|_fini|_start|__do_global_[^;@]*|frame_dummy|(?:de)?register_tm_clones"
    r"|_GLOBAL__[^;@]*)@;)*",
    r"_start@;(?:__libc_start_main[^;@]*@;(?!__libc_start_call_main)(?:[^;]*;)*)?",
    r"_start@;__libc_start_main[^;@]*@;__libc_start_call_main@;(?:exit@;(?:[^;]*;)*)?",
    r"_start@;[^;@]*@libc;[^;@]*@libc;exit@libc;(?:[^;]*;)*",
]
# Below main of a static program, and of others: let the tables load, print the split.
MAIN_TAIL = r"(?:(?:[^;@]*(?:clock_gettime|nanosleep|printf|_IO_|write)[^;@]*@;)(?:[^;]*;)*" \
            r"|(?:[^;@]*@(?:libc|ld-linux-x86-64|\[vdso\]);)*)"


def good(ok, what, seen=""):
    print("good" if ok else "bad", what, seen, sep="\t")


# ---- patterns ----------------------------------------------------------------------------------

def glob(text):
    return "".join("[^;@]*" if part == "*" else re.escape(part)
                   for part in re.split(r"(\*)", text))


def frame_pattern(text):
    function, at, module = text.partition("@")
    return f"{glob(function)}@{glob(module) if at else ''};"


def token_pattern(token):
    if token == "...":
        return "(?:[^;]*;)*"
    if token.startswith("+@"):
        return f"(?:[^;@]*@{glob(token[2:])};)+"
    count = re.search(r"(\?|\{\d+(?:,\d*)?\})$", token)
    body = token[:count.start()] if count else token
    return f"(?:{'|'.join(frame_pattern(one) for one in body.split('|'))})" + \
        (count.group(1) if count else "")


def chain_tokens(text):
    for _ in range(3):
        text = " ".join(MACROS.get(token, token) for token in text.split())
    return [token_pattern(token) for token in text.split()]


def chain_pattern(text):
    return "".join(chain_tokens(text))


def way_pattern(text):
    """The chain and each of its beginnings: a sample in the first or last instructions."""
    tokens = chain_tokens(text)
    return "(?:".join(tokens) + ")?" * (len(tokens) - 1)


class Answer:
    """What the comments of a source and the output of its program say."""

    def __init__(self, *paths):
        self.chains, self.truncated, self.ways = [], [], []
        self.split, self.waits, self.faults, self.atleast, self.atmost = {}, {}, {}, {}, {}
        self.kernel, self.contains = [], []
        for path in paths:
            with open(path, encoding="utf-8") as file:
                for line in file:
                    self.read(re.sub(r"^\s*(\*|//!?)? ?", "", line).strip())

    def read(self, line):
        words = line.split()
        match = re.match(r"(chain|truncated) (\w+): (.*)", line)
        if match:
            kind, name, chain = match.groups()
            where = self.chains if kind == "chain" else self.truncated
            where.append((name, re.compile(chain_pattern(chain) + TAIL)))
            self.ways.append(re.compile(way_pattern(chain) + TAIL))
        match = re.match(r"(kernel|contains) (\w+) ([\d.]+): (.*)", line)
        if match:
            kind, name, share, what = match.groups()
            pattern = re.compile(glob(what) if kind == "kernel" else token_pattern(what))
            (self.kernel if kind == "kernel" else self.contains).append(
                (name, float(share), what, pattern))
        if len(words) == 4 and words[0] == "wait":
            self.waits[words[1]] = float(words[2]), float(words[3])
        if len(words) == 3 and words[0] in ("split", "faults", "atleast", "atmost"):
            table = {"split": self.split, "faults": self.faults,
                     "atleast": self.atleast, "atmost": self.atmost}[words[0]]
            table[words[1]] = float(words[2])


# ---- the recording -----------------------------------------------------------------------------

def plain(function):
    """A function's name without blanks, its version, and what the compiler hung on."""
    function = re.sub(r"\.(constprop|isra|part|cold|lto_priv)(\.\d+)*", "", function)
    return function.replace(" ", "").replace(";", ":").partition("@")[0] or "nameless"


def short(path):
    """libc of /usr/lib/x86_64-linux-gnu/libc.so.6"""
    name = os.path.basename(path)
    return re.sub(r"(-\d+\.[\d.]+)?\.so[\d.]*$", "", name) if ".so" in name else name


def text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""


class Recording:
    def __init__(self, path):
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.db = db
        ends = dict(db.execute("SELECT value, word FROM words WHERE what = 'stack_end'"))
        self.frames = [(text(function), text(module).removesuffix(" (deleted)"), offset, kind,
                        has_module is not None)
                       for function, module, offset, kind, has_module in db.execute(
                           "SELECT s.text, p.text, f.offset, f.kind, f.module FROM frames f "
                           "JOIN strings s ON s.id = f.function LEFT JOIN modules m ON "
                           "m.id = f.module LEFT JOIN strings p ON p.id = m.path ORDER BY f.id")]
        rows = [row for row, in db.execute("SELECT frame FROM stack_frames ORDER BY id")]
        self.stacks = [(rows[first:first + kernel], rows[first + kernel:first + length], ends[end])
                       for first, length, kernel, end in db.execute(
                           "SELECT first, len, kernel_len, user_end FROM stacks ORDER BY id")]

    def samples(self, kind, programs, since=0, until=1 << 31):
        """(exe, stack, count, weight) of the processes that run one of these programs."""
        names = {name[:15] for name in programs}
        for exe, comm, stack, count, weight in self.db.execute(
                "SELECT e.text, pc.text, a.stack, sum(a.count), sum(a.weight) FROM samples a "
                "JOIN words w ON w.what = 'sample' AND w.value = a.kind AND w.word = ? "
                "AND a.slice >= ? AND a.slice < ? "
                "JOIN threads t ON t.id = a.thread JOIN processes p ON p.id = t.process "
                "JOIN strings e ON e.id = p.exe JOIN strings pc ON pc.id = p.comm "
                "GROUP BY p.id, a.stack", (kind, since, until)):
            exe = text(exe).removesuffix(" (deleted)")
            base = os.path.basename(exe)
            # A program may be a link to one of another name.
            if base in programs or text(comm) in names:
                yield exe, stack, count, weight

    def shown(self, exe, number):
        """A user frame as patterns see it."""
        function, module, _, _, has_module = self.frames[number]
        if module == exe:
            module = ""
        elif not has_module or module.startswith(("[anon", "[jit", "//anon", "/tmp/perf-")):
            module = "jit"
        else:
            module = short(module) or "jit"
        return f"{plain(function)}@{module};"

    def is_over(self, stack):
        """Of a process in the midst of exec, or after it gave up its memory."""
        kernel, user, end = self.stacks[stack]
        if any(re.search("execve|do_exit|exit_mm", self.frames[number][0]) for number in kernel):
            return True
        return not user and end == "complete"

    def is_foreign(self, exe, stack):
        """The same, or of the program that this one was before its exec."""
        if self.is_over(stack):
            return True
        user = self.stacks[stack][1]
        modules = {self.frames[number][1] for number in user}
        return any(module != exe and not re.search(r"\.so|\[|^$", module) for module in modules)

    def chain(self, exe, user):
        return "".join(self.shown(exe, number) for number in reversed(user))

    def evidence(self, stack):
        """Root first, with places: for whoever looks for the fault."""
        kernel, user, end = self.stacks[stack]
        out = [f"{plain(f[0])}({short(f[1]) or '-'}+{f[2]:#x})"
               for f in (self.frames[number] for number in reversed(user))]
        if len(out) > 24:
            out[12:-12] = [f"…{len(out) - 24} more…"]
        return f"{end}: " + ";".join(out) + (f" [kernel part: {len(kernel)}]" if kernel else "")


# ---- known trees -------------------------------------------------------------------------------

class Tally:
    """The samples of one program, each told to which chain it belongs."""

    def __init__(self, recording, answer, program, kind):
        self.recording = recording
        self.total = self.foreign = self.runtime = self.whole = 0
        self.count, self.weight = collections.Counter(), collections.Counter()
        self.incomplete, self.wrong = collections.Counter(), collections.Counter()
        self.stacks = collections.defaultdict(list)
        patterns = [re.compile(text) for text in RUNTIME] + answer.ways + \
            [re.compile(chain_pattern("ROOT") + MAIN_TAIL)]
        for exe, stack, count, weight in recording.samples(kind, [program]):
            kernel, user, end = recording.stacks[stack]
            chain = recording.chain(exe, user)
            if recording.is_foreign(exe, stack):
                self.foreign += count
                continue
            self.total += count
            found = self.find(answer.truncated if end == "truncated" else answer.chains, chain)
            if end == "complete" or (end == "truncated" and answer.truncated):
                self.whole += count
                if found:
                    self.count[found] += count
                    self.weight[found] += weight
                    self.stacks[found].append((kernel, chain, count))
                elif any(pattern.fullmatch(chain) for pattern in patterns):
                    self.runtime += count
                else:
                    self.wrong[stack] += count
            else:
                self.incomplete[stack] += count

    @staticmethod
    def find(chains, chain):
        return next((name for name, pattern in chains if pattern.fullmatch(chain)), None)

    def examples(self, stacks, most=4):
        return " | ".join(f"{count} x {self.recording.evidence(stack)}"
                          for stack, count in stacks.most_common(most))


def percent(part, whole):
    return 100 * part / whole if whole else 0


def judge_split(answer, tally, label):
    names = list(answer.split)
    total = sum(tally.count[name] for name in names)
    if not names or names == ["all"]:
        return
    for name in names:
        expected, seen = answer.split[name], tally.count[name] / max(total, 1)
        sigma = (expected * (1 - expected) / max(total, 1)) ** .5
        good(total and abs(seen - expected) <= 4 * sigma + .003,
             f"{label}: {name} burned {100 * expected:.1f} %, seen {100 * seen:.1f} %",
             f"allowed are {100 * (4 * sigma + .003):.1f} points; {total} samples")


def judge_amounts(answer, tally, label):
    for name, share in answer.atleast.items():
        seen = tally.count[name] / max(tally.total, 1)
        good(seen >= share, f"{label}: {name} is in {100 * seen:.1f} % of the samples, "
             f"at least {100 * share:.0f} %")
    for name, share in answer.atmost.items():
        seen = tally.count[name] / max(tally.total, 1)
        good(seen <= share, f"{label}: {name} is in {100 * seen:.1f} % of the samples, "
             f"at most {100 * share:.0f} %")
    for name, (least, most) in answer.waits.items():
        seen = tally.weight[name] / 1e6
        # From the wakeup until it runs it no longer waits: the most is by the program's clock.
        good(.8 * least <= seen <= 1.02 * most + 5, f"{label}: {name} waited {least:.0f} to "
             f"{most:.0f} ms, seen {seen:.0f} ms")
    for name, faults in answer.faults.items():
        seen = tally.weight[name]
        # One in 64 on average is sampled.
        good(.7 * faults <= seen <= 1.4 * faults, f"{label}: {name} took {faults:.0f} faults, "
             f"the samples stand for {seen}")


def judge_parts(recording, answer, tally, label):
    for name, share, what, pattern in answer.kernel:
        hits = sum(count for kernel, _, count in tally.stacks[name] if any(
            pattern.fullmatch(recording.frames[number][0]) for number in kernel))
        good(tally.count[name] and hits >= share * tally.count[name],
             f"{label}: {percent(hits, tally.count[name]):.0f} % of {name} with {what} in the "
             f"kernel, at least {100 * share:.0f} %")
    for name, share, what, pattern in answer.contains:
        hits = sum(count for _, chain, count in tally.stacks[name] if pattern.search(chain))
        good(tally.count[name] and hits >= share * tally.count[name],
             f"{label}: {percent(hits, tally.count[name]):.0f} % of {name} with {what}, "
             f"at least {100 * share:.0f} %")


def judge_tree(options):
    recording, answer = Recording(options.recording), Answer(options.source, options.output)
    tally = Tally(recording, answer, options.program, options.kind)
    label = options.program + ("" if options.kind == "cpu" else f", {options.kind}")
    good(tally.total >= options.least, f"{label}: {tally.total} samples, {tally.foreign} more "
         f"before or after it", f"at least {options.least} are wanted")
    late = min(options.late, sum(count for stack, count in tally.incomplete.items()
                                 if recording.stacks[stack][2] == "no_table"))
    good(tally.total and tally.whole >= .99 * (tally.total - late),
         f"{label}: {percent(tally.whole, tally.total - late):.2f} % of user stacks as they should "
         "end" + (f", but for {late} before the table was there" if options.late else ""),
         tally.examples(tally.incomplete))
    good(tally.whole and not tally.wrong, f"{label}: {sum(tally.wrong.values())} of {tally.whole} "
         "stacks are none of the possible ones", tally.examples(tally.wrong))
    good(tally.runtime <= .05 * tally.total + 10, f"{label}: {tally.runtime} between the chains")
    if answer.truncated:
        cut = sum(tally.count[name] for name in {name for name, _ in answer.truncated})
        good(cut >= .95 * tally.total, f"{label}: {percent(cut, tally.total):.1f} % are said to be "
             "truncated", tally.examples(tally.incomplete))
    judge_split(answer, tally, label)
    judge_amounts(answer, tally, label)
    judge_parts(recording, answer, tally, label)


# ---- real programs -----------------------------------------------------------------------------

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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("tree", "whole", "named", "agree"):
        command = commands.add_parser(name)
        command.add_argument("recording")
        command.add_argument("--kind", default="cpu")
        command.add_argument("--least", type=int, default=700, help="samples")
        command.add_argument("--since", type=int, default=0, help="only from this slice on")
        command.add_argument("--late", type=int, default=0,
                             help="samples that may be earlier than the tables")
        if name == "tree":
            command.add_argument("program")
            command.add_argument("source")
            command.add_argument("output")
        else:
            if name == "agree":
                command.add_argument("perf")
            command.add_argument("label")
            command.add_argument("programs", nargs="+")
    options = parser.parse_args()
    {"tree": judge_tree, "whole": judge_whole, "named": judge_named,
     "agree": judge_agree}[options.command](options)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
