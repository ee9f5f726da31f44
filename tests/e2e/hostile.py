"""An event loop whose names want to drive the reader's terminal: function, file, thread and arguments.

It says READY, then stalls once for every line on stdin, and says STALLED in the turn after it.
"""

import asyncio
import os
import sys
import threading

EVIL = "\x1b[2J\x1b]0;owned\x07\u202e\u2066\x9b31m\n\r"


def make(directory):
    """A function with an evil name in an evil file."""
    path = os.path.join(directory, "a\x1b[31m\u202eb\n.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write("import time\n\n\ndef stall(seconds):\n    time.sleep(seconds)\n")
    with open(path, encoding="utf-8") as file:
        code = compile(file.read(), path, "exec")
    names = {}
    exec(code, names)
    stall = names["stall"]
    stall.__code__ = stall.__code__.replace(co_name="stall" + EVIL, co_qualname="stall" + EVIL)
    return stall


async def main(directory):
    stall = make(directory)
    line = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, lambda: (os.read(0, 4096) or sys.exit(0)) and line.set())
    with open("/proc/self/comm", "wb") as file:
        file.write(b"\x1b[31mevil\xe2\x80\xae")
    print("READY", os.getpid(), threading.get_native_id(), flush=True)
    while True:
        await line.wait()
        line.clear()
        stall(0.2)
        await asyncio.sleep(0)
        print("STALLED", flush=True)


asyncio.run(main(sys.argv[1]))
