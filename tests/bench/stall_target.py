"""A gevent loop that stalls for every number on stdin, that many times; what each cost it goes to stdout.

    stall_target.py --ms MS [--depth FRAMES] [--objects FILE...]

`READY pid`, then for every stall `STALL end_ns cpu_ns`: when the call returned (CLOCK_MONOTONIC), and the CPU time of
the loop's thread from before the call until the loop came round again. With --objects each stall is a nap inside the
next of those shared objects. Between two stalls the loop turns calmly.
"""

import argparse
import ctypes
import os
import sys
import time

import gevent
import gevent.os

CALM_S = 0.03


def down(frames, call):
    return down(frames - 1, call) if frames > 1 else call()


def stall(opts, call):
    cpu = time.thread_time_ns()
    down(opts.depth, call)
    end = time.monotonic_ns()
    gevent.sleep(0.001)
    print("STALL", end, time.thread_time_ns() - cpu, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ms", type=int, default=120)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--objects", nargs="*", default=[])
    opts = parser.parse_args()
    for name in ("numpy", "grpc", "lxml.etree") if opts.objects else ():  # large ones, where they are there
        try:
            __import__(name)
        except ImportError:
            print("WITHOUT", name, flush=True)
    naps = [ctypes.CDLL(path).object_nap for path in opts.objects]
    calls = [lambda nap=nap: nap(opts.ms) for nap in naps] or [lambda: time.sleep(opts.ms / 1000)]
    gevent.sleep(0.01)
    print("READY", os.getpid(), flush=True)
    done = 0
    while line := gevent.os.tp_read(0, 64):
        for _ in range(int(line)):
            gevent.sleep(CALM_S)
            stall(opts, calls[done % len(calls)])
            done += 1
        print("DONE", done, flush=True)


if __name__ == "__main__":
    sys.exit(main())
