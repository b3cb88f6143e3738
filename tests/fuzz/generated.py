#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the corpora of the targets for generated code.

  generated.py PERF_MAP_DIR JIT_DUMP_DIR
"""
import os
import struct
import sys

MAPS = {
    "node": b"3ffc14a0 3c Builtin:DeserializeLazy\n7f2e40a0 1c4 JS:~total /src/a.js:3:20\n"
            b"7f2e4300 80 JS:*total /src/a.js:3:20\n7f2e40a0 40 RegExp:\\d+\n",
    # Code that is moved, its place used again, one within the other, one cut off.
    "again": b"1000 100 first\n1000 80 second\n1040 10 inner\n1080 80 third\n2000 10 cut o",
    "odd": b"0x1000 0x20 prefixed\n 1100 20 blank\n1200\t20\ttabs\n1300 20 \n1400 20\n-1 5 minus\n"
           b"fffffffffffffff0 20 round\nfffffffffffffff0 f last\nzz 10 none\n1500 0 empty\n\n"
           b"11111111111111111 1 wide\n1600 20 two words and more\r\n",
    "zero": b"1000 20 a\0b\n2000 20 \0\n\x00\n3000 20 \x1b[31m\xff\xfe\n",
    "long": b"1000 20 " + b"n" * 3000 + b"\n2000 20 after\n",
}


def record(kind, body):
    return struct.pack("<IIQ", kind, 16 + len(body), 12345) + body


def load(address, name, index, code=b"\x90" * 32):
    return record(0, struct.pack("<IIQQQQ", 7, 7, address, address, len(code), index) + name + b"\0" + code)


def move(old, address, size, index):
    return record(1, struct.pack("<IIQQQQQ", 7, 7, address, old, address, size, index))


def lines(address, *entries):
    return record(2, struct.pack("<QQ", address, len(entries)) + b"".join(
        struct.pack("<QII", at, line, 0) + name + b"\0" for at, line, name in entries))


def dump(*records, size=40):
    return struct.pack("<IIIIIIQQ", 0x4a695444, 1, size, 62, 0, 7, 12345, 0) + b"\xee" * (size - 40) + \
        b"".join(records)


DUMPS = {
    "plain": dump(load(0x1000, b"first", 1), load(0x2000, b"second", 2), record(3, b""),
                  load(0x3000, b"behind", 3)),
    "moved": dump(load(0x1000, b"moved", 1), move(0x1000, 0x5000, 32, 1), load(0x1000, b"other", 2),
                  move(0x5000, 0x6000, 32, 1), move(0x7000, 0x8000, 32, 9), size=48),
    "lines": dump(lines(0x1000, (0x1000, 3, b"a.js"), (0x1010, 4, b"\xff"), (0x1018, 9, b"b.js")),
                  load(0x1000, b"lined", 1), move(0x1000, 0x4000, 32, 1),
                  lines(0x2000, (0x2040, 5, b"shifted.js"), (0x2050, 6, b"\xff")),
                  load(0x2000, b"shifted", 2), lines(0x3000, (0x3000, 1, b"c\x01d")),
                  load(0x3000, b"insane", 3)),
    "odd": dump(load(0xfffffffffffffff0, b"round", 1), load(0x1000, b"", 2), record(9, b"unknown"),
                record(0, b"short"), load(0x2000, b"n" * 2000, 3), load(0x2000, b"x", 4, b"")),
    "cut": dump(load(0x1000, b"whole", 1), load(0x2000, b"half", 2))[:-60],
}


def main():
    for directory, files in zip(sys.argv[1:3], (MAPS, DUMPS)):
        for name, content in files.items():
            with open(os.path.join(directory, name), "wb") as file:
                file.write(content)


if __name__ == "__main__":
    main()
