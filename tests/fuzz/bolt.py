#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes a small file of bbolt as podman has it: bolt.py FILE"""
import struct
import sys

PAGE = 512
BRANCH, LEAF, META = 1, 2, 4


def page(number, kind, pairs, overflow=0):
    """Pairs are (key, value) in a leaf, (key, page) in a branch; a bucket's value is a tuple."""
    head = struct.pack("<QHHI", number, kind, len(pairs), overflow)
    elements, data, begin = b"", b"", 16 * len(pairs)
    for i, (key, value) in enumerate(pairs):
        at = begin + len(data) - 16 * i
        if kind == BRANCH:
            elements += struct.pack("<IIQ", at, len(key), value)
            data += key
            continue
        bucket = isinstance(value, tuple)
        value = struct.pack("<QQ", value[0], 0) + value[1] if bucket else value
        elements += struct.pack("<IIII", bucket, at, len(key), len(value))
        data += key + value
    return head + elements + data


def meta(number, root):
    return page(number, META, []) + struct.pack("<IIIIQQQQQQ", 0xED0CDAED, 2, PAGE, 0, root, 0, 0,
                                                8, number, 0)


pages = [
    meta(0, 2), meta(1, 2),
    page(2, LEAF, [(b"allPods", (0, page(0, LEAF, [(b"b", b"shop")]))), (b"ctr", (3, b"")),
                   (b"pod", (6, b""))]),
    page(3, BRANCH, [(b"a", 4), (b"m", 5)]),
    page(4, LEAF, [(b"a", (0, page(0, LEAF, [(b"config", b"{}"), (b"pod-id", b"b")])))]),
    page(5, LEAF, [(b"z", (0, page(0, LEAF, [])))]),
    page(6, LEAF, [(b"b", (0, page(0, LEAF, [(b"state", b'{"InfraContainerID":""}')])))], 1),
]
with open(sys.argv[1], "wb") as file:
    for one in pages:
        file.write(one.ljust(PAGE, b"\0"))
    file.write(bytes(PAGE))
