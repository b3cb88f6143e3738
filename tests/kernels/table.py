#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The tables in docs/kernels.md, made from and compared with what judge.py found.

  table.py write PAGE RESULT...     replaces what is between the page's markers; kernels without a
                                    result keep what the page says of them
  table.py compare PAGE RESULT...   prints good|bad|note TAB what: a family that does worse, a
                                    program that is refused or more to verify
  table.py self-test                proves on made-up pages that a comparison can fail
"""
import contextlib
import copy
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

BEGIN, END = "<!-- tables: made by scripts/test-kernels --write -->", "<!-- end of tables -->"
ORDER = ("skipped", "fallback", "works")  # worst first
# The verifier's work may grow by this share or number, whichever is more; by more than the first and up
# to the second share where another compiler or package of the kernel may be why.
GROWTH, GROWTH_FOREIGN, GROWTH_LEAST = .10, .25, 1000
NOT_LOADED = "–"


def compiler():
    """The code that the verifier sees is this compiler's."""
    out = subprocess.run([os.environ.get("CLANG", "clang"), "--version"], capture_output=True,
                         text=True, check=False).stdout
    found = re.search(r"clang version (\d+)", out)
    return f"clang {found.group(1)}" if found else "an unknown compiler"


class Page:
    """What the page says: {kernel: result as of judge.py}, and the compiler."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if BEGIN not in text or END not in text:
            sys.exit(f"table.py: {path} lacks its markers")
        self.head, rest = text.split(BEGIN, 1)
        tables, self.tail = rest.split(END, 1)
        self.kernels, columns, kind = {}, [], ""
        found = re.search(r"^Compiled by (.*?)[.,]", tables, re.M)
        self.compiler = found.group(1) if found else None
        for line in tables.splitlines():
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            reason = re.match(r"- (\S+), (\w+): (.*)", line)
            if reason:
                self.reason(*reason.groups())
            elif not line.startswith("|") or set(line) <= set("|-: "):
                continue
            elif cells[0] in ("kernel", "family", "program"):
                kind, columns = cells[0], cells[1:]
            elif kind == "kernel":
                self.kernels[cells[0]] = {"name": cells[0], "release": cells[1], "suite": cells[2],
                                          "families": {}, "programs": {}}
            else:
                self.row(kind, columns, cells)

    def row(self, kind, columns, cells):
        for name, cell in zip(columns, cells[1:]):
            kernel = self.kernels.get(name)
            if kernel is None or cell == NOT_LOADED:
                continue
            if kind == "family":
                kernel["families"][cells[0]] = {"status": cell, "why": []}
            elif not cells[0].startswith("*"):
                kernel["programs"][cells[0].strip("`")] = int(cell.replace(",", ""))

    def reason(self, name, family, text):
        if family in self.kernels.get(name, {"families": {}})["families"]:
            self.kernels[name]["families"][family]["why"] = text.split("; ")


def read_results(paths):
    results = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            results.append(json.load(file))
    return results


def sort_key(name):
    return [int(part) if part.isdigit() else 1000 for part in name.split(".")]


def ordered(kernels, what):
    """Names of all kernels' families or programs, in strait's own order."""
    names = {}
    for kernel in kernels:
        names.update(dict.fromkeys(kernel[what]))
    return list(names)


def table(head, rows):
    lines = [head, ["---"] + ["---:" if head[0] == "program" else "---"] * (len(head) - 1)] + rows
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def count_cell(value):
    return NOT_LOADED if value is None else f"{value:,}"


def render(kernels):
    names = [kernel["name"] for kernel in kernels]
    out = [f"Compiled by {compiler()}.\n",
           table(["kernel", "Linux", "Debian's suite"],
                 [[kernel["name"], kernel["release"], kernel["suite"]] for kernel in kernels]),
           "How each probe family fares:\n",
           table(["family"] + names,
                 [[family] + [kernel["families"].get(family, {}).get("status", NOT_LOADED)
                              for kernel in kernels]
                  for family in ordered(kernels, "families")])]
    reasons = [f"- {kernel['name']}, {name}: {'; '.join(family['why'])}"
               for kernel in kernels for name, family in kernel["families"].items()
               if family["why"]]
    if reasons:
        out += ["Why, where not all of it works:\n", "\n".join(reasons) + "\n"]
    programs = ordered(kernels, "programs")
    out += ["Instructions that the verifier went through, by program "
            f"({NOT_LOADED} = not loaded there):\n",
            table(["program"] + names,
                  [[f"`{program}`"] + [count_cell(kernel["programs"].get(program))
                                       for kernel in kernels] for program in sorted(programs)] +
                  [["*all*"] + [f"{sum(kernel['programs'].values()):,}" for kernel in kernels]])]
    return "\n".join(out)


def write(path, results):
    page = Page(path)
    if page.compiler not in (None, compiler()) and set(page.kernels) - {r["name"] for r in results}:
        sys.exit(f"table.py: the page's other kernels are of {page.compiler}, this is {compiler()}")
    page.kernels.update({result["name"]: result for result in results})
    kernels = [page.kernels[name] for name in sorted(page.kernels, key=sort_key)]
    text = f"{page.head}{BEGIN}\n\n{render(kernels)}\n{END}{page.tail}"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def say(word, what):
    print(word, what, sep="\t")


def rank(status):
    return ORDER.index(status) if status in ORDER else -1


def compare_families(name, old, new):
    worse = 0
    for family, was in old["families"].items():
        now = new["families"].get(family, {"status": "gone", "why": []})
        if rank(now["status"]) < rank(was["status"]):
            worse += 1
            say("bad", f"{name}: {family} was '{was['status']}' and is '{now['status']}': "
                f"{'; '.join(now['why'])}")
        elif now["status"] != was["status"]:
            say("note", f"{name}: {family} was '{was['status']}' and is '{now['status']}': "
                "write the table again")
    if not worse:
        say("good", f"{name}: no family does worse than the table says")


def sources():
    """The text of all BPF programs: what is not in it any more cannot be refused."""
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    return "\n".join(path.read_text(encoding="utf-8") for path in (root / "bpf").rglob("*.bpf.c"))


def compare_loaded(name, old, new):
    text = sources()
    refused = [program for program in old["programs"] if program not in new["programs"] and
               re.search(rf"\b{program}\b", text)]
    for program in refused:
        say("bad", f"{name}: {program} was loaded and is not any more")
    if not refused:
        say("good", f"{name}: all programs of the table are loaded")


def compare_programs(name, old, new, same):
    """same: the table is of the same compiler and kernel. Others differ, but not by any amount."""
    worse = 0
    for program, was in old["programs"].items():
        grown = new["programs"].get(program, 0) - was
        if grown <= max(GROWTH * was, GROWTH_LEAST):
            continue
        worse += 1
        told = (f"{name}: to verify {program} took {was:,} instructions and takes {was + grown:,}, "
                f"{grown / was:.0%} more")
        if same:
            say("bad", told)
        elif grown <= max(GROWTH_FOREIGN * was, GROWTH_LEAST):
            say("note", f"{told}: another compiler or package of the kernel may be why")
        else:
            say("bad", f"{told}: above {GROWTH_FOREIGN:.0%} that is no matter of another compiler or "
                "package of the kernel; where it is all the same, write the table again")
    fresh = [program for program in new["programs"] if program not in old["programs"]]
    if fresh:
        say("note", f"{name}: not in the table: {', '.join(fresh)}: write it again")
    if not worse:
        say("good", f"{name}: the verifier has no more to do than the table says: "
            f"{sum(old['programs'].values()):,}, now {sum(new['programs'].values()):,}")


def compare(path, results):
    page = Page(path)
    for new in results:
        name = new["name"]
        old = page.kernels.get(name)
        if old is None:
            say("note", f"{name}: the table does not have this kernel")
            continue
        here, there = (new["release"], compiler()), (old["release"], page.compiler)
        if here != there:
            say("note", f"{name}: {' and '.join(here)}, the table is of {' and '.join(there)}: the "
                f"verifier may have up to {GROWTH_FOREIGN:.0%} more to do")
        compare_families(name, old, new)
        compare_loaded(name, old, new)
        compare_programs(name, old, new, here == there)


def words_of(page, result):
    """The words that a comparison begins its lines with."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        compare(page, [result])
    return [line.split("\t")[0] for line in out.getvalue().splitlines()]


def self_test():
    first = {"name": "5.10", "release": "5.10.1-2", "suite": "old",
             "families": {"cpu": {"status": "works", "why": []},
                          "net": {"status": "fallback", "why": ["no a", "no b"]}},
             "programs": {"cpu__sample": 20000, "net__send": 100}}
    other = dict(copy.deepcopy(first), name="newest", release="8.1")

    def changed(what, name, value):
        result = copy.deepcopy(first)
        result[what][name] = value
        return result

    cases = [
        ("nothing changed", first, ["good", "good", "good"]),
        ("a family is worse", changed("families", "cpu", {"status": "fallback", "why": ["x"]}),
         ["bad", "good", "good"]),
        ("a family is gone", changed("families", "net", {"status": "skipped", "why": ["x"]}),
         ["bad", "good", "good"]),
        ("a family is better", changed("families", "net", {"status": "works", "why": []}),
         ["note", "good", "good", "good"]),
        ("a little more to verify", changed("programs", "cpu__sample", 21900), ["good", "good", "good"]),
        ("more to verify", changed("programs", "cpu__sample", 22001), ["good", "good", "bad"]),
        ("twice as much of little", changed("programs", "net__send", 200), ["good", "good", "good"]),
        ("a program is refused", dict(first, programs={"cpu__sample": 20000}),
         ["good", "bad", "good"]),
        ("another package", dict(first, release="5.10.2"), ["note", "good", "good", "good"]),
        ("another package, more to verify",
         dict(changed("programs", "cpu__sample", 22001), release="5.10.2"),
         ["note", "good", "good", "note"]),
        ("another package, as much more as it may be",
         dict(changed("programs", "cpu__sample", 25000), release="5.10.2"),
         ["note", "good", "good", "note"]),
        ("another package, far more to verify",
         dict(changed("programs", "cpu__sample", 25001), release="5.10.2"),
         ["note", "good", "good", "bad"]),
        ("another package, twice as much of little",
         dict(changed("programs", "net__send", 1100), release="5.10.2"),
         ["note", "good", "good", "good"]),
        ("an unknown kernel", dict(first, name="4.19"), ["note"]),
    ]
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "page.md")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"head\n{BEGIN}\n{END}\ntail\n")
        write(path, [other, first])
        write(path, [other])  # the other one stays
        page = Page(path)
        cases.append(("what was written is read", None, []))
        for what, result, expected in cases:
            seen = words_of(path, result) if result else []
            right = seen == expected if result else (
                page.kernels == {"5.10": first, "newest": other} and
                page.head == "head\n" and page.tail == "\ntail\n")
            failed += not right
            print(f"{'ok  ' if right else 'FAIL'}  {what}" + ("" if right else f": {seen}"))
    sys.exit(failed > 0)


def main():
    if sys.argv[1:] == ["self-test"]:
        self_test()
    command, page, *paths = sys.argv[1:]
    {"write": write, "compare": compare}[command](page, read_results(paths))


if __name__ == "__main__":
    main()
