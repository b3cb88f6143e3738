# SPDX-License-Identifier: BSD-2-Clause
"""Builds of many small files: how much of what short-lived processes run has a name."""
import glob
import os
import shutil
import subprocess

FILES = 200
C = "#include <stdlib.h>\nint f%d(int n)\n{\n\treturn abs(n) * %d;\n}\n"
GO = "package p\n\nfunc F%d(n int) int { return n * %d }\n"
RUST = "pub fn f%d(n: i32) -> i32 {\n    n * %d\n}\n"


def go_compiler():
    if not shutil.which("go"):
        return None
    done = subprocess.run(["go", "env", "GOTOOLDIR"], capture_output=True, text=True, check=False)
    path = os.path.join(done.stdout.strip(), "compile")
    return path if os.access(path, os.X_OK) else None


def rust_compiler():
    """Itself: what is in PATH may be what chooses one of several."""
    if not shutil.which("rustc"):
        return None
    done = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=False)
    path = os.path.join(done.stdout.strip(), "bin", "rustc")
    return path if os.access(path, os.X_OK) else None


def kinds(gcc):
    """(label, from, to, recipe, source, programs) of each compiler that is here."""
    tools = ["make", "sh", "dash"]
    if shutil.which("gcc"):
        # gcc and as are links to names of the architecture and the version.
        names = {os.path.basename(os.path.realpath(shutil.which(tool))) for tool in ("gcc", "as")}
        yield "gcc", "c", "o", "gcc -O2 -c -o $@ $<", C, tools + ["gcc", "cc1", "as", *sorted(names)]
    if gcc:
        yield ("gcc with its symbols", "c", "o", f"{gcc} -O2 -c -o $@ $<", C,
               tools + [os.path.basename(gcc.split()[0]), "cc1", "as",
                        os.path.basename(os.path.realpath(shutil.which("as")))])
    if shutil.which("clang"):
        name = os.path.basename(os.path.realpath(shutil.which("clang")))
        yield "clang", "c", "o", "clang -O2 -c -o $@ $<", C, tools + [name]
    if go_compiler():
        yield "Go", "go", "o", f"{go_compiler()} -o $@ $<", GO, tools + ["compile"]
    if rust_compiler():
        yield ("Rust", "rs", "o", f"MAKEFLAGS= {rust_compiler()} -O --crate-type lib --emit=obj -o $@ $<",
               RUST, tools + ["rustc"])


def files_make(directory, kind):
    _, source, target, recipe, text, _ = kind
    for number in range(FILES):
        with open(os.path.join(directory, f"f{number}.{source}"), "w", encoding="utf-8") as file:
            file.write(text % (number, number))
    with open(os.path.join(directory, "Makefile"), "w", encoding="utf-8") as file:
        file.write(f"all: $(patsubst %.{source},%.{target},$(wildcard *.{source}))\n"
                   f"%.{target}: %.{source}\n\t{recipe}\n")


def shares(recording, programs):
    """Of user samples, by their innermost frame: all, with a name, with a known function, with a
    module."""
    total = named = known = placed = 0
    for _, stack, count, _ in recording.samples("cpu", programs):
        _, user, _ = recording.stacks[stack]
        if not user or recording.is_over(stack):
            continue
        function, _, _, _, has_module = recording.frames[user[0]]
        total += count
        named += count if function else 0
        known += count if function or recording.begins[user[0]] else 0
        placed += count if has_module else 0
    return total, named, known, placed


def rows(strait, directory, open_recording, gcc):
    path = os.path.join(directory, "build.strait")
    for kind in kinds(gcc):
        build = os.path.join(directory, "build")
        os.mkdir(build)
        files_make(build, kind)
        subprocess.run([strait, "record", "-q", "--replace", "--budget", "100%", "-F", "999", "-d",
                        "100", "-o", path, "--", "make", "-s", "-C", build, "-j2"], check=True)
        objects = len(glob.glob(os.path.join(build, f"*.{kind[2]}")))
        total, *parts = shares(open_recording(path), kind[-1])
        shutil.rmtree(build)
        yield (f"make -j2, {kind[0]}: {objects} files", f"{total:,}",
               *[f"{100 * part / max(total, 1):.1f} %" for part in parts])
