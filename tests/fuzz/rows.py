#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A part of a real recording as input of recording_fuzz, so that the fuzzer begins with what happens.

    rows.py RECORDING ROWS >FILE    at most so many rows of each table that observes

What those rows refer to comes along. Names of the host's own become letters.
"""
import re
import sqlite3
import struct
import sys

HERE = __file__.rsplit("/", 1)[0]
LEAVES = ("listeners samples ledger edges holds waits excerpts events counts buckets points "
          "families losses").split()
KNOWN = re.compile(r"[a-z_]+(\.[a-z_0-9]+)+|\[[a-z_]+\]|cpu\d+|vd[a-z] [a-z]+|(irq|softirq|timer) .*")


def schema():
    """The tables in their order."""
    text = open(HERE + "/../../user/store/schema.h", encoding="utf-8").read()
    names = re.search(r"enum table_id \{(.*?)TABLE_COUNT,", text, re.S).group(1)
    return [name[len("TABLE_"):].lower() for name in re.findall(r"TABLE_[A-Z_]+", names)]


def interned():
    """How many texts rows.c interns before the rows come, the empty one among them."""
    text = open(HERE + "/rows.c", encoding="utf-8").read()
    text = text[text.index("texts[] = {"):text.index("};")]
    return 1 + len(re.findall(r'^\t".*",$', text, re.M))


class Part:
    def __init__(self, path, most):
        self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.db.text_factory = bytes
        self.most = most
        self.tables = schema()
        self.columns = {}
        self.refers = {}
        for table in self.tables:
            rows = self.db.execute(f"PRAGMA table_info({table})").fetchall()
            self.columns[table] = [row[1].decode() for row in rows if row[1] != b"id"]
            rows = self.db.execute(f"PRAGMA foreign_key_list({table})").fetchall()
            self.refers[table] = {row[3].decode(): row[2].decode() for row in rows}
        self.wanted = {table: {} for table in self.tables}  # old id: row

    def want(self, table, number):
        """The row, with all that it refers to."""
        if number in self.wanted[table]:
            return
        row = self.db.execute(f"SELECT {','.join(self.columns[table])} FROM {table} WHERE id = ?",
                              (number,)).fetchone()
        self.wanted[table][number] = row
        for column, value in zip(self.columns[table], row):
            if column in self.refers[table] and value is not None:
                self.want(self.refers[table][column], value)
        if table == "stacks":
            first, length = row[0], row[1]
            for at in range(first, first + length):
                self.want("stack_frames", at)

    def collect(self):
        self.want("recording", 0)
        for table in LEAVES + ["slices"]:
            for (number,) in self.db.execute(f"SELECT id FROM {table} ORDER BY id LIMIT ?",
                                             (self.most,)).fetchall():
                self.want(table, number)

    def write(self, out):
        place = {table: {old: new for new, old in enumerate(sorted(rows))}
                 for table, rows in self.wanted.items()}
        # The empty text is there already.
        texts = sorted(self.wanted["strings"])
        place["strings"] = {old: interned() + new for new, old in enumerate(t for t in texts if t)}
        place["strings"][0] = 0
        for at, table in enumerate(self.tables):
            for old in sorted(self.wanted[table]):
                if table == "strings":
                    if old:
                        out.write(bytes([at]) + text_bytes(self.wanted[table][old][0], old))
                    continue
                out.write(bytes([at]))
                for column, value in zip(self.columns[table], self.wanted[table][old]):
                    target = self.refers[table].get(column)
                    if table == "stacks" and column == "first":
                        value = place["stack_frames"].get(value, 0)
                    elif target:
                        value = place[target][value] if value is not None else None
                    out.write(number_bytes(value))


def text_bytes(text, number):
    text = text[:255] if KNOWN.fullmatch(text.decode("latin-1")) else b"n%d" % number
    return bytes([len(text)]) + text


def number_bytes(value):
    if value is None:
        return bytes([200])  # the highest number: no reference
    if isinstance(value, float):
        value = int(value)
    if 0 <= value < 200:
        return bytes([value])
    for first, form in ((212, "<H"), (213, "<I")):
        if 0 <= value < 1 << 8 * struct.calcsize(form):
            return bytes([first]) + struct.pack(form, value)
    return b"\xff" + struct.pack("<q", value)


def main():
    part = Part(sys.argv[1], int(sys.argv[2]))
    part.collect()
    part.write(sys.stdout.buffer)


main()
