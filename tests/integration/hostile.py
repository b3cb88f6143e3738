#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Whether an output keeps to its form, whatever names are in it.

    hostile.py json FILE [NAME]...     one JSON document in UTF-8; a string in it has each name
    hostile.py lines FILE [NAME]...    one JSON object a line, and nothing else
    hostile.py folded FILE [NAME]...   "process;frame;...;frame COUNT" a line
    hostile.py text FILE [NAME]...     UTF-8 without control characters, but for newlines
    hostile.py color FILE [NAME]...    the same, with SGR sequences
    hostile.py progress FILE [NAME]... the same, with lines that are written anew, as on a terminal
    hostile.py pty COLUMNS COMMAND...  prints what the command writes to a terminal so wide

Names are given as bytes; what is looked for is how that output writes them. Exit 1, with what is wrong.
"""
import fcntl
import json
import os
import pty
import re
import struct
import sys
import termios


def visible(name, keep):
    """Invalid bytes and what `keep` does not let through become \\xNN or \\u{NN}."""
    out = ""
    for character in name.decode("utf-8", "surrogateescape"):
        number = ord(character)
        if 0xdc80 <= number <= 0xdcff:
            out += "\\x%02x" % (number - 0xdc00)
        elif keep(number):
            out += character
        elif number < 0x80:
            out += "\\x%02x" % number
        else:
            out += "\\u{%x}" % number
    return out


def for_json(name):
    return visible(name, lambda number: number != 0x7f)


def for_terminal(name):
    return visible(name, lambda number: number >= 0x20 and not 0x7f <= number < 0xa0 and
                   number not in (0x202e, 0x200b))


def for_folded(name):
    return for_terminal(name).replace(";", ":")


def refuse_constant(name):
    raise ValueError("a number that JSON does not have: " + name)


def pairs_once(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError("a key twice: %r" % keys)
    return dict(pairs)


def parse(text):
    value = json.loads(text, parse_constant=refuse_constant, object_pairs_hook=pairs_once)
    if json.loads(json.dumps(value)) != value:
        raise ValueError("not the same again")
    return value


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)


def check_controls(text):
    for at, character in enumerate(text):
        number = ord(character)
        if number != 10 and (number < 0x20 or 0x7f <= number < 0xa0 or
                             0x202a <= number <= 0x202e):
            raise ValueError("U+%04X in %r" % (number, text[max(at - 60, 0):at + 20]))
    if text and not text.endswith("\n"):
        raise ValueError("the last line has no end")


def check_c0(text):
    """JSON may have what a terminal that shows UTF-8 may not: it is for programs."""
    for character in text:
        if ord(character) < 0x20 and character != "\n" or character == "\x7f":
            raise ValueError("U+%04X" % ord(character))


def check_names(found, names, escape):
    for name in names:
        wanted = escape(os.fsencode(name))
        if not any(wanted in text for text in found):
            raise ValueError("nothing has %r" % wanted)


def check_json(text, names):
    check_c0(text)
    check_names(list(strings(parse(text))), names, for_json)


def check_lines(text, names):
    check_c0(text)
    values = [parse(line) for line in text.splitlines()]
    if not values or not all(isinstance(value, dict) for value in values):
        raise ValueError("not an object a line")
    check_names(list(strings(values)), names, for_json)


def check_folded(text, names):
    check_controls(text)
    if not text:
        raise ValueError("no line")
    for line in text.split("\n")[:-1]:
        stack, _, count = line.rpartition(" ")
        if not re.fullmatch("[0-9]+", count) or not all(stack.split(";")):
            raise ValueError(repr(line))
    check_names([text], names, for_folded)


def check_color(text, names):
    check_text(re.sub("\x1b\\[[0-9;]*m", "", text), names)


def check_progress(text, names):
    if "\r\x1b[K" not in text:
        raise ValueError("no line is written anew")
    check_color(text.replace("\r\x1b[K", "\n"), names)


def check_text(text, names):
    check_controls(text)
    check_names([text], names, for_terminal)


def run_in_terminal(columns, command):
    pid, terminal = pty.fork()
    if not pid:
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    said = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        said += data
    # All at once: what is read in one piece may end between the two.
    sys.stdout.buffer.write(said.replace(b"\r\n", b"\n"))
    sys.stdout.flush()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main():
    what, file, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    if what == "pty":
        return run_in_terminal(int(file), names)
    checks = {"json": check_json, "lines": check_lines, "folded": check_folded, "text": check_text,
              "color": check_color, "progress": check_progress}
    try:
        with open(file, "rb") as data:
            checks[what](data.read().decode("utf-8"), names)
    except ValueError as error:
        print(str(error)[:600])
        return 1
    return 0


sys.exit(main())
