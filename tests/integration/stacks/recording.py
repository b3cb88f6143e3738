# SPDX-License-Identifier: BSD-2-Clause
"""A recording as the judges of stacks read it, and how they print their checks."""
import os
import re
import sqlite3


def good(ok, what, seen=""):
    """One check, for `verdict` of the shell: good|bad TAB what TAB what was seen."""
    print("good" if ok else "bad", what, seen, sep="\t", flush=True)


def note(what):
    print("note", what, sep="\t", flush=True)


def percent(part, whole):
    return 100 * part / whole if whole else 0


def plain(function):
    """A function's name without blanks, its version, and what the compiler hung on."""
    function = re.sub(r"\.(constprop|isra|part|cold|lto_priv)(\.\d+)*", "", function)
    return function.replace(" ", "").replace(";", ":").partition("@")[0] or "nameless"


def short(path):
    """libc of /usr/lib/x86_64-linux-gnu/libc.so.6, ld-linux of any architecture's"""
    name = re.sub(r"^(ld-linux)-.*", r"\1", os.path.basename(path))
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
        # Of code without a name: where its function begins, 0 = unknown.
        self.begins = [row for row, in db.execute("SELECT begin FROM frames ORDER BY id")]
        rows = [row for row, in db.execute("SELECT frame FROM stack_frames ORDER BY id")]
        # What the compiler inlined was never called: the known trees are of real calls.
        inlined = {number for number, in db.execute("SELECT id FROM frames WHERE inlined > 0")}
        self.stacks = [(rows[first:first + kernel],
                        [row for row in rows[first + kernel:first + length] if row not in inlined],
                        ends[end]) for first, length, kernel, end in db.execute(
                           "SELECT first, len, kernel_len, user_end FROM stacks ORDER BY id")]

    def samples(self, kind, programs, since=0, until=1 << 31, by_thread=False):
        """(exe, stack, count, weight) of the processes that run one of these programs; `by_thread`:
        of the threads that are called so, as perf tells them."""
        names = {name[:15] for name in programs}
        for exe, comm, thread, stack, count, weight in self.db.execute(
                "SELECT e.text, pc.text, tc.text, a.stack, sum(a.count), sum(a.weight) FROM samples a "
                "JOIN words w ON w.what = 'sample' AND w.value = a.kind AND w.word = ? "
                "AND a.slice >= ? AND a.slice < ? "
                "JOIN threads t ON t.id = a.thread JOIN processes p ON p.id = t.process "
                "JOIN strings e ON e.id = p.exe JOIN strings pc ON pc.id = p.comm "
                "JOIN strings tc ON tc.id = t.comm GROUP BY t.id, a.stack", (kind, since, until)):
            exe = text(exe).removesuffix(" (deleted)")
            base = os.path.basename(exe)
            # A program may be a link to one of another name.
            if text(thread) in names if by_thread else base in programs or text(comm) in names:
                yield exe, stack, count, weight

    def everybody(self, kind):
        """(exe, comm, stack, count) of all processes, the kernel's own too."""
        for exe, comm, stack, count in self.db.execute(
                "SELECT e.text, c.text, a.stack, sum(a.count) FROM samples a "
                "JOIN words w ON w.what = 'sample' AND w.value = a.kind AND w.word = ? "
                "JOIN threads t ON t.id = a.thread JOIN processes p ON p.id = t.process "
                "JOIN strings e ON e.id = p.exe JOIN strings c ON c.id = p.comm "
                "GROUP BY p.id, a.stack", (kind,)):
            yield text(exe).removesuffix(" (deleted)"), text(comm), stack, count

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
