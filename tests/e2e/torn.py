"""An event loop that makes nonsense of its own interpreter's frames while it stalls, by its first argument:

    torn.py circle     the innermost frame is its own caller
    torn.py nowhere    its caller lies where nothing is mapped

Of CPython 3.11. It says READY, then stalls for every line on stdin: `BEGIN ns function`, and `END ns function` after.
"""

import asyncio
import ctypes
import os
import sys
import threading
import time

FRAME, PREVIOUS = 24, 48  # in PyFrameObject, in _PyInterpreterFrame


def stall_torn(kind):
    frame = ctypes.c_uint64.from_address(id(sys._getframe()) + FRAME).value
    previous = ctypes.c_uint64.from_address(frame + PREVIOUS)
    kept = previous.value
    previous.value = frame if kind == "circle" else 0xdead0000
    time.sleep(0.2)
    previous.value = kept


async def main(kind):
    line = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, lambda: (os.read(0, 4096) or sys.exit(0)) and line.set())
    print("READY", os.getpid(), threading.get_native_id(), flush=True)
    while True:
        await line.wait()
        line.clear()
        print("BEGIN", time.monotonic_ns(), "stall_torn", flush=True)
        stall_torn(kind)
        end = time.monotonic_ns()
        await asyncio.sleep(0)
        print("END", end, "stall_torn", flush=True)


asyncio.run(main(sys.argv[1]))
