"""An event loop that stalls two hundred Python frames deep, below three calls from C into Python.

It says READY, then stalls for every line on stdin: `BEGIN ns function`, and `END ns function` after.
"""

import asyncio
import ctypes
import functools
import os
import sys
import threading
import time


def stall_deep():
    time.sleep(0.2)


def in_key(_):
    stall_deep()
    return 0


def in_sort():
    return sorted([1], key=in_key)


def in_callback(_):
    in_sort()
    return 0


callback = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_int)(in_callback)


def in_reduce(a, b):
    return callback(1)


def start():
    return functools.reduce(in_reduce, [1, 2])


def down(n):
    return down(n - 1) if n > 1 else start()


async def main():
    line = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, lambda: (os.read(0, 4096) or sys.exit(0)) and line.set())
    print("READY", os.getpid(), threading.get_native_id(), flush=True)
    while True:
        await line.wait()
        line.clear()
        print("BEGIN", time.monotonic_ns(), "stall_deep", flush=True)
        down(200)
        end = time.monotonic_ns()
        await asyncio.sleep(0)
        print("END", end, "stall_deep", flush=True)


asyncio.run(main())
