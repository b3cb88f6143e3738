#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Types in which task_struct has a member somewhere else: btf.py IN OUT MEMBER BYTES.

As of a kernel of the same version that was configured in another way: what comes behind moves, too.
"""
import struct
import sys

STRUCT = 4
# Bytes behind a type's own twelve, by kind: fixed, and for each of its members.
EXTRA = {1: (4, 0), 3: (12, 0), 4: (0, 12), 5: (0, 12), 6: (0, 8), 13: (0, 8), 14: (4, 0), 15: (0, 12),
         17: (4, 0), 19: (0, 12)}


def name_at(data, strings, offset):
    return data[strings + offset:data.index(b"\0", strings + offset)]


def main():
    source, target, member, by = sys.argv[1:]
    with open(source, "rb") as file:
        data = bytearray(file.read())
    _, _, _, header, types, length, strings, _ = struct.unpack_from("<HBBIIIII", data)
    at, end, strings, moved = header + types, header + types + length, header + strings, False
    while at < end:
        name, info, _ = struct.unpack_from("<III", data, at)
        kind, count = info >> 24 & 31, info & 0xffff
        fixed, each = EXTRA.get(kind, (0, 0))
        if kind == STRUCT and name_at(data, strings, name) == b"task_struct":
            for i in range(count):
                place = at + 12 + i * each
                called, _, offset = struct.unpack_from("<III", data, place)
                moved = moved or name_at(data, strings, called) == member.encode()
                if moved:
                    struct.pack_into("<I", data, place + 8, offset + 8 * int(by))
        at += 12 + fixed + count * each
    if not moved:
        sys.exit(f"btf.py: task_struct has no {member}")
    with open(target, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main()
