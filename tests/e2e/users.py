"""A gevent program that uses its loop in one of several ways for SECONDS, then says what it did in one line of JSON.

    users.py short SECONDS     un-patched sleeps, fsyncs and reads of a page-cached file, none of them long
    users.py sites N           sleeps once each in N different functions
    users.py hogs SECONDS      four greenlets that take 50, 30, 15 and 5 % of the CPU time
    users.py threads N         N threads, one after another, each a loop that sleeps three times and ends
    users.py holds SECONDS     one greenlet that computes for 45 ms, again and again, and one that does for 2
    users.py crowd SECONDS     short greenlets of two functions, spawned from two places, 3 : 1

It says `READY pid tid` and begins at the first line on stdin; last comes `TRUTH {...}`.
"""

import collections
import json
import os
import sys
import tempfile
import threading
import time

sleep = time.sleep
import gevent  # noqa: E402
from gevent import monkey  # noqa: E402

monkey.patch_all()
truth = collections.Counter()


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def note(name, began):
    took = time.monotonic_ns() - began
    truth[name] += 1
    truth[name + "_ns"] += took


def napper(until):
    while time.monotonic() < until:
        began = time.monotonic_ns()
        sleep(0.002)
        note("napper", began)
        gevent.sleep(0.01)


def saver(until):
    with tempfile.TemporaryFile(dir=".") as file:
        while time.monotonic() < until:
            os.write(file.fileno(), bytes(4096))
            began = time.monotonic_ns()
            os.fsync(file.fileno())
            note("saver", began)
            gevent.sleep(0.02)


def reader(until):
    with tempfile.NamedTemporaryFile(dir=".", prefix="users-") as file:
        os.write(file.fileno(), bytes(4096))
        fd = os.open(file.name, os.O_RDONLY)
        while time.monotonic() < until:
            began = time.monotonic_ns()
            os.pread(fd, 4096, 0)
            note("reader", began)
            gevent.sleep(0.01)


def short(seconds):
    until = time.monotonic() + seconds
    gevent.joinall([gevent.spawn(f, until) for f in (napper, saver, reader)])


def sites(n):
    source = "def site_{0}():\n    sleep(1e-6)\n"
    functions = {}
    for i in range(n):
        exec(source.format(i), {"sleep": sleep}, functions)
    say("MADE", n)
    for i, function in enumerate(functions.values()):
        function()
        if i % 50 == 49:
            gevent.sleep(0)
    truth["sites"] = n


def burn(name, seconds):
    began, wall = time.thread_time(), time.monotonic_ns()
    while time.thread_time() - began < seconds:
        sum(range(200))
    truth[name] += int((time.thread_time() - began) * 1e9)
    truth[name + "_max_ns"] = max(truth[name + "_max_ns"], time.monotonic_ns() - wall)


def fifty():
    while True:
        burn("fifty", 0.010)
        gevent.sleep(0)


def thirty():
    while True:
        burn("thirty", 0.006)
        gevent.sleep(0)


def fifteen():
    while True:
        burn("fifteen", 0.003)
        gevent.sleep(0)


def five():
    while True:
        burn("five", 0.001)
        gevent.sleep(0)


def hogs(seconds):
    greenlets = [gevent.spawn(f) for f in (fifty, thirty, fifteen, five)]
    gevent.sleep(seconds)
    gevent.killall(greenlets)


def holder():
    while True:
        burn("holder", 0.045)
        gevent.sleep(0.05)


def quick():
    while True:
        burn("quick", 0.002)
        gevent.sleep(0.005)


def holds(seconds):
    greenlets = [gevent.spawn(holder), gevent.spawn(quick)]
    gevent.sleep(seconds)
    gevent.killall(greenlets)


def handle():
    burn("handle", 0.002)
    truth["instances"] += 1


def refresh():
    burn("refresh", 0.002)


def spawn_here():
    return [gevent.spawn(handle), gevent.spawn(handle), gevent.spawn(handle)]


def spawn_there():
    return [gevent.spawn(handle), gevent.spawn(refresh)]


def crowd(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        gevent.joinall(spawn_here() + spawn_there())


def short_loop(over):
    for _ in range(4):
        gevent.sleep(0.003)
    for _ in range(3):
        sleep(0.001)
        gevent.sleep(0.001)
    gevent.get_hub().destroy()
    over.append(True)


def threads(n):
    start = monkey.get_original("_thread", "start_new_thread")
    for _ in range(n):
        over = []
        start(short_loop, (over,))
        while not over:
            gevent.sleep(0.002)
    truth["sleeps"] = 3 * n


def main():
    say("READY", os.getpid(), threading.get_native_id())
    hub = gevent.get_hub()
    hub.threadpool.apply(sys.stdin.readline)
    {"short": short, "sites": sites, "hogs": hogs, "holds": holds, "crowd": crowd, "threads": threads}[sys.argv[1]](int(sys.argv[2]))
    say("TRUTH", json.dumps(truth))
    hub.threadpool.apply(sys.stdin.readline)


if __name__ == "__main__":
    main()
