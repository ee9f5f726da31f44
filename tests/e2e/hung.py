"""An event loop that is blocked already when it says READY, in one of several ways:

    hung.py sleep|recv           asyncio, in time.sleep, or in a read from a socket until there is a line on stdin
    hung.py gevent               gevent, a greenlet in such a read
    hung.py thread               the main thread sleeps, a thread has a loop and is on the CPU until there is a line on stdin

It says `BEGIN ns function` and READY, is blocked, and says `END ns function` in the turn after. It ends when
stdin ends.
"""

import asyncio
import os
import select
import socket
import subprocess
import sys
import threading
import time

HOLD_S = 10


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def begin():
    say("BEGIN", time.monotonic_ns(), "hang_here")
    say("READY", os.getpid(), threading.get_native_id())


def hang_here(kind):
    ours, theirs = socket.socketpair()
    writer = subprocess.Popen(["sh", "-c", "read line; echo x"], stdout=theirs)
    begin()
    if kind == "recv":
        ours.recv(1)
    else:
        time.sleep(HOLD_S)
    return time.monotonic_ns()


async def aio(kind):
    await asyncio.sleep(0.02)
    end = hang_here(kind)
    await asyncio.sleep(0)
    say("END", end, "hang_here")
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, lambda: os.read(0, 4096) or ended.set())
    await ended.wait()


def with_gevent():
    import gevent

    def work():
        gevent.sleep(0.02)
        end = hang_here("recv")
        gevent.sleep(0.01)
        say("END", end, "hang_here")

    def beat():
        while True:
            gevent.sleep(0.01)

    gevent.spawn(beat)
    worker = gevent.spawn(work)
    worker.name = "worker-of-mine"
    worker.join()
    gevent.os.tp_read(0, 1)


async def busy():
    loop = asyncio.get_running_loop()
    say("BEGIN", time.monotonic_ns(), "spin_here")
    say("READY", os.getpid(), threading.get_native_id())
    spin_here()
    for _ in range(5):
        await asyncio.sleep(0.02)
    say("END", time.monotonic_ns(), "spin_here")
    await loop.run_in_executor(None, os.read, 0, 1)


def spin_here():
    while not select.select([0], [], [], 0)[0]:
        pass
    os.read(0, 4096)


if sys.argv[1] == "gevent":
    with_gevent()
elif sys.argv[1] == "thread":
    worker = threading.Thread(target=asyncio.run, args=(busy(),))
    worker.start()
    while worker.is_alive():
        time.sleep(5)
else:
    asyncio.run(aio(sys.argv[1]))
