# SPDX-License-Identifier: BSD-2-Clause
"""The user stacks of a perf.data file."""
import re
import subprocess

# The program's or thread's first function, as far as somebody names it.
FIRST = re.compile(r"_start|_dl_start_user|__libc_start_(main|call_main)\S*|_*clone3?|start_thread"
                   r"|runtime\.(goexit|mstart|rt0_go)\S*")
HEAD = re.compile(r"\s*(.*?)\s+([\d.]+):\s*$")
FRAME = re.compile(r"\s*(?!ffffffff)[0-9a-f]+ (.*) \((.*?)\)$")


def read_stacks(path, programs):
    """(time, frames) of the samples in user code of these programs: seconds of the clock that they
    were taken by; (symbol, file) of each frame, leaf first."""
    out = subprocess.run(["perf", "script", "-i", path, "-F", "comm,time,ip,sym,dso", "--no-inline",
                          "--ns"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                         errors="replace", check=True).stdout
    names = {name[:15] for name in programs}
    for block in out.split("\n\n"):
        lines = [line for line in block.split("\n") if line.strip()]
        head = HEAD.match(lines[0]) if lines else None
        if not head or head.group(1) not in names:
            continue
        frames = [match.groups() for match in map(FRAME.match, lines[1:]) if match]
        if frames:
            yield float(head.group(2)), frames


def reaches_root(frames):
    symbol, file = frames[-1]
    if FIRST.fullmatch(symbol):
        return True
    if symbol != "[unknown]" or len(frames) < 2:
        return False
    caller, above = frames[-2]
    # Functions that a stripped file does not name: _start, and clone3 below start_thread.
    return bool(FIRST.fullmatch(caller)) or ("libc.so" in file and "libc.so" in above)
