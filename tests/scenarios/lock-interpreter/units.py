# SPDX-License-Identifier: BSD-2-Clause
"""Workers that each do units of work, in threads of one process or in processes of their own.

    units.py SECONDS WORKERS threads|processes
"""
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time


def unit(value):
    for i in range(2000):
        value = (value * 31 + i) & 0xFFFFFFFF
    return value


def work(counts, at):
    value = at
    while True:
        value = unit(value)
        counts[at] += 1


def child(counts, at):
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    work(counts, at)


def main():
    seconds, workers, way = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    signal.alarm(seconds + 10)
    counts = multiprocessing.RawArray("Q", workers)
    begin = time.monotonic()
    for at in range(workers):
        if way == "threads":
            threading.Thread(target=work, args=(counts, at), daemon=True).start()
        else:
            multiprocessing.Process(target=child, args=(counts, at), daemon=True).start()
    time.sleep(seconds)
    print(f"throughput: {sum(counts) / (time.monotonic() - begin):.2f}", flush=True)
    for process in multiprocessing.active_children():
        process.kill()
    os._exit(0)


main()
