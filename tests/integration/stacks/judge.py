#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Judges the stacks of a program with a known call tree. Prints one line a check.

  judge.py RECORDING PROGRAM SOURCE OUTPUT [--kind KIND]

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
import re

from recording import Recording, good, percent, plain, short

MACROS = {
    "ROOT": "_start __libc_start_main*@libc|__libc_start_main*|nameless@libc "
            "__libc_start_call_main@libc|__libc_start_call_main|nameless@libc main",
    "THREAD": "*clone*@libc|nameless@libc start_thread@libc|nameless@libc",
    "SIGNAL": "*restore_rt@libc|*restore_rt|nameless@libc|*@[vdso]",
    "RUST": "ROOT std::rt::lang_start* ... *tree::main",
}
# What the runtime does around any of the chains: resolve a function, read the clock.
TAIL = ("(?:nameless@;|[^;@]*plt[^;@]*@;)?"
        r"(?:(?:nameless|[^;@]*clock_gettime[^;@]*|syscall)@(?:libc)?;)?"
        r"(?:[^;]*@(?:\[vdso\]|ld-linux);)*")
# And before, after and below main.
RUNTIME = [
    r"(?:_start@;)?(?:[^;@]*@(?:libc|ld-linux|\[vdso\]|libstdc\+\+|libgcc_s|libm);)+"
    r"(?:(?:nameless|_init|_fini|_start|__do_global_[^;@]*|frame_dummy|(?:de)?register_tm_clones"
    r"|_GLOBAL__[^;@]*)@;)*",
    r"_start@;(?:__libc_start_main[^;@]*@;(?!__libc_start_call_main)(?:[^;]*;)*)?",
    r"_start@;__libc_start_main[^;@]*@;__libc_start_call_main@;(?:exit@;(?:[^;]*;)*)?",
    r"_start@;[^;@]*@libc;[^;@]*@libc;exit@libc;(?:[^;]*;)*",
]
# Below main of a static program, and of others: let the tables load, print the split. What is seen
# first when the process and its file are gone already has no name, be it main.
MAIN_TAIL = r"(?:(?:[^;@]*(?:clock_gettime|nanosleep|printf|_IO_|write)[^;@]*@;)(?:[^;]*;)*" \
            r"|(?:[^;@]*@(?:libc|ld-linux|\[vdso\]);)*)"


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


# The last instructions of the C library's unwinder, from where it has put the landing pad's address below the frame that goes on,
# where a return address of the frames that it drops may lie, until it goes there.
LEAVING = re.compile(r"(?:.*;)?_Unwind_(RaiseException|Resume)\w*@libgcc_s[^;]*;?")
LEAVING_MOST = .005


# ---- known trees -------------------------------------------------------------------------------

class Tally:
    """The samples of one program, each told to which chain it belongs."""

    def __init__(self, recording, answer, program, kind):
        self.recording = recording
        self.total = self.foreign = self.runtime = self.whole = self.leaving = 0
        self.count, self.weight = collections.Counter(), collections.Counter()
        self.incomplete, self.wrong = collections.Counter(), collections.Counter()
        self.stacks = collections.defaultdict(list)
        patterns = [re.compile(text) for text in RUNTIME] + answer.ways + \
            [re.compile(chain_pattern(MACROS["ROOT"] + "|nameless") + MAIN_TAIL)]
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
                elif LEAVING.fullmatch(chain) and self.leaving < LEAVING_MOST * self.total:
                    self.leaving += count
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


def judge_split(answer, tally, label):
    names = list(answer.split)
    total = sum(tally.count[name] for name in names)
    if not names or names == ["all"]:
        return
    for name in names:
        expected, seen = answer.split[name], tally.count[name] / max(total, 1)
        sigma = (expected * (1 - expected) / max(total, 1)) ** .5
        # Some 40 shares are judged in a run: 4 sigmas would fail one run of 400 by chance alone.
        allowed = 5 * sigma + .003
        good(total and abs(seen - expected) <= allowed,
             f"{label}: {name} burned {100 * expected:.1f} %, seen {100 * seen:.1f} %",
             f"allowed are {100 * allowed:.1f} points; {total} samples")


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
         "end" + (f", but for {late} before the table was there" if late else ""),
         tally.examples(tally.incomplete))
    good(tally.whole and not tally.wrong, f"{label}: {sum(tally.wrong.values())} of {tally.whole} "
         "stacks are none of the possible ones", tally.examples(tally.wrong))
    good(tally.runtime <= .1 * tally.total + 20, f"{label}: {tally.runtime} between the chains")
    if answer.truncated:
        cut = sum(tally.count[name] for name in {name for name, _ in answer.truncated})
        good(cut >= .95 * tally.total, f"{label}: {percent(cut, tally.total):.1f} % are said to be "
             "truncated", tally.examples(tally.incomplete))
    judge_split(answer, tally, label)
    judge_amounts(answer, tally, label)
    judge_parts(recording, answer, tally, label)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("recording")
    parser.add_argument("program")
    parser.add_argument("source")
    parser.add_argument("output")
    parser.add_argument("--kind", default="cpu")
    # Enough to tell shares apart; programs share the CPUs with each other, and get more or less of them.
    parser.add_argument("--least", type=int, default=400, help="samples")
    parser.add_argument("--late", type=int, default=0,
                        help="samples that may be earlier than the tables")
    judge_tree(parser.parse_args())


if __name__ == "__main__":
    main()
