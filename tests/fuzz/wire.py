#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Inputs of wire_fuzz to begin with: of each kind of record some that make sense (include/wire.h).

    wire.py FOLDER    a file for each kind there, and one with all of them
"""
import struct
import sys

BEGIN = 1000000000000  # as in wire_fuzz.c
MS = 1000000
INODE = 1 << 63
(STACK, USER_STACK, FILE, CPU_SAMPLE, FAULT_SAMPLE, BLOCK_SAMPLE, NET_SAMPLE, CALL_SAMPLE, WAIT,
 WAKER, CONTEXT, FORK, EXEC, EXIT, OOM, SCHEDULE) = range(1, 17)
RECORD, THREAD, LISTENER, SLOT, CPU, MAP, SLICE, TICK = 0, 8, 9, 10, 11, 12, 14, 15
WAIT_TIMER, WAIT_LOCK, WAIT_POLL = 15, 11, 16


def header(kind, at=BEGIN + 5 * MS, tid=101, tgid=100, cpu=0):
    return struct.pack("<IIQII", kind, cpu, at, tid, tgid)


def entry(what, body=b"", length=None):
    return struct.pack("<BH", what, len(body) if length is None else length) + body


def identity(tid=101, tgid=100, comm=b"worker"):
    return struct.pack("<IIQQIIQQIIQQQQ16s", tid, tgid, 5000, 4000, 1, 0, 77, 4711, 8 << 20, 0,
                       3, 1, 10 * MS, 5 * MS, comm)


def ledger(state=0, targeted=1, flags=0):
    parties = struct.pack("<II", 1, 0)
    parties += struct.pack("<IIQ", 200, 3, 7 * MS) + bytes(16 * 7)  # culprits
    parties += struct.pack("<IIQ", 200, 4, 9 * MS) + bytes(16 * 7)  # wakers
    parties += struct.pack("<III", 200, 2, 2) + struct.pack("<18I", *[1000] * 18) + bytes(84)
    parties += struct.pack("<QQ", MS, MS)
    sums = struct.pack("<19QQ6I", *[3 * MS] * 19, MS, 2, 1, 9, 8, 7, 6)
    out = struct.pack("<IIQQBBHI", 0, state, BEGIN + 50 * MS, BEGIN, targeted, 0, flags, 0) + sums
    out += struct.pack("<QIIII", BEGIN - 50 * MS, state, 0, 0, 0) + sums  # at the cut
    out += parties * 2 + struct.pack("<i", -1)
    return out + bytes(1648 - len(out))


def thread(tid=101, tgid=100, comm=b"worker"):
    out = identity(tid, tgid, comm) + struct.pack("<IiII4QQ", 0, -5, 0, 1, 1, 0, 0, 0, 900)
    return out + ledger()


def stack(number):
    return header(STACK) + struct.pack("<QII3Q", number, 0, 3, 0xffffffff81000000,
                                       0xffffffff81000010, 0xffffffff81000020)


def user_stack(number, end=0):
    return header(USER_STACK) + struct.pack("<QII6Q", number, end, 3, INODE | 5, 0x1000,
                                            1 << 32 | 100, 0x7f00, 1, 0x40)


def path():
    return b"libc.so.6\0lib\0usr\0"


KINDS = {
    "stack": [stack(7), user_stack(8), user_stack(9, 3)],
    "file": [header(FILE) + struct.pack("<QQQQQQIIII1024s", INODE | 5, 0x400000, 0x500000, 0, 4711,
                                        100000, 8 << 20, 0, 3, 0, path())],
    "sample": [header(kind) + struct.pack("<QQQ", 7, 8, 10101010)
               for kind in (CPU_SAMPLE, FAULT_SAMPLE, BLOCK_SAMPLE, NET_SAMPLE, CALL_SAMPLE)],
    "wait": [header(WAIT, BEGIN + 9 * MS) + struct.pack("<QQQIIIiQQQIHH", BEGIN + MS, 7, 8,
                                                        WAIT_LOCK, 201, 200, 202, 7, 0, 55, 0, 1, 1),
             header(WAKER) + struct.pack("<QQ", 55, 8)],
    "context": [header(CONTEXT) + struct.pack("<QQQQII", 7, 8, 3, 9 * MS, WAIT_LOCK | 0x40, 0)],
    "life": [header(FORK) + identity(), header(EXEC) + identity(comm=b"new") + struct.pack("<Q", 5),
             header(EXIT) + identity() + ledger(), header(OOM) + identity()],
    "schedule": [header(SCHEDULE, BEGIN + (300 + i) * MS) +
                 struct.pack("<IIQIBBBB", 201, 200, 0xffff, 1, what, WAIT_TIMER, flags, 0)
                 for i, (what, flags) in enumerate([(0, 0), (1, 1), (2, 0), (1, 2), (2, 1)])],
}


def net_flow(side, protocol):
    return (struct.pack("<IHH16sBBH", 100, 2, 80, b"\x7f\0\0\1", side, protocol, 0) +
            struct.pack("<11Q", *[5000] * 11))


MAPS = {
    "block": (0, [struct.pack("<IIHHI", 100, 254 << 20, what, op, 700) + struct.pack("<QQ", 3, MS)
                  for what in range(4) for op in range(3)]),
    "irq": (1, [struct.pack("<II", 24, 0) + struct.pack("<QQ16s", 9, MS, b"eth0")]),
    "memory": (2, [struct.pack("<II", 100, what) + struct.pack("<QQ", 2, MS) for what in range(5)]),
    "net": (3, [net_flow(side, protocol) for side in range(3) for protocol in (6, 17)]),
    "syscall": (4, [struct.pack("<II", 100, nr) + struct.pack("<6Q", *[4096] * 6)
                    for nr in (0, 1, 202, 232)]),
}


def inputs():
    """Name → entries, and one with all."""
    out = {name: [entry(RECORD, record) for record in records] for name, records in KINDS.items()}
    for name, (number, rows) in MAPS.items():
        out["map-" + name] = [entry(MAP | number << 4, row) for row in rows]
    out["thread"] = [entry(THREAD, thread()), entry(THREAD, thread(201, 200, b"a;b\n\x1b[31m\xff"))]
    out["listener"] = [entry(LISTENER, struct.pack("<IHH16s108s", 100, family, port, b"\x7f\0\0\1",
                                                   name))
                       for family, port, name in ((2, 80, b""), (10, 443, b""), (1, 0, b"@x"))]
    out["slot"] = [entry(SLOT | i << 4, struct.pack("<QQQIIIHHqqQ", 9, 7, 8, 101, 100, state, 0, 0,
                                                    5, 8 * MS, 0))
                   for i, state in enumerate((WAIT_TIMER, WAIT_LOCK | 0x40, WAIT_POLL | 0x80))]
    out["cpu"] = [entry(CPU | i << 4, struct.pack("<43Q", *[2 * MS] * 43)) for i in range(2)]
    out["all"] = sum(out.values(), [])
    # The first excerpt begins here.
    out["schedule"].insert(0, entry(TICK, length=300))
    return out


def main():
    for name, entries in inputs().items():
        body = b"".join(entries)
        # Twice, so that the second slice has something to subtract.
        body = b"\0" + entry(TICK, length=260) + body + entry(SLICE, length=1000) + body
        with open(f"{sys.argv[1]}/{name}", "wb") as file:
            file.write(body)


main()
