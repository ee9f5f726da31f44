"""An asyncio program that does what it is told, one command a line on stdin, each in a turn of its own.

    stall SECONDS [TIMES]               block the loop in time.sleep, with calm between
    burn SECONDS                        keep the loop on the CPU for that much CPU time
    thread NAME                         start a thread that runs a loop of its own
    threadstall NAME SECONDS [TIMES]    block that loop
    fork NAME                           start a child process with a loop of its own, which takes the same commands
    tell NAME COMMAND...                pass a command on to that child
    execute SECONDS                     block the loop, then execute second.py in that same turn
    leave STATUS                        end at once

It says `READY pid tid`, then for each stall `BEGIN ns function` as it begins and `END ns function` in the turn after
it, when the late turn is over for certain; the times are CLOCK_MONOTONIC's. With --later it is no event loop before the
first line on stdin. It ends when stdin ends.
"""

import asyncio
import collections
import os
import sys
import threading
import time

CALM_S = 0.03


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def say_ready():
    say("READY", os.getpid(), threading.get_native_id())


def timed(function, *args):
    """Calls function, which is a stall; returns what is to be said of it in a later turn."""
    say("BEGIN", time.monotonic_ns(), function.__name__)
    function(*args)
    return "END", time.monotonic_ns(), function.__name__


def stall_here(seconds):
    time.sleep(seconds)


def stall_in_thread(seconds):
    time.sleep(seconds)


def stall_in_child(seconds):
    time.sleep(seconds)


def stall_burning(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        sum(range(1000))


def stall_before_exec(seconds):
    time.sleep(seconds)
    second = os.path.join(os.path.dirname(os.path.abspath(__file__)), "second.py")
    os.execv(sys.executable, [sys.executable, "-B", second])


class Children:
    """Child processes that end with their parent, because their commands end then."""

    def __init__(self, run):
        self.run = run
        self.pipes = {}

    def fork(self, name):
        ours, theirs = os.pipe()
        if os.fork() == 0:
            try:
                for fd in (theirs, *self.pipes.values()):
                    os.close(fd)
                self.run(ours)
            finally:
                os._exit(1)
        os.close(ours)
        self.pipes[name] = theirs

    def tell(self, name, *words):
        os.write(self.pipes[name], (" ".join(words) + "\n").encode())


class App:
    def __init__(self, stall):
        self.stall = stall
        self.threads = {}
        self.children = Children(lambda fd: asyncio.run(App(stall_in_child).obey(fd)))
        self.unread = b""
        self.commands = collections.deque()

    def take(self, fd, news):
        data = os.read(fd, 65536)
        *lines, self.unread = (self.unread + data).split(b"\n")
        self.commands.extend(line.decode().split() for line in lines)
        if not data:
            self.commands.append(["leave", "0"])
        news.set()

    async def obey(self, fd):
        news = asyncio.Event()
        asyncio.get_running_loop().add_reader(fd, self.take, fd, news)
        say_ready()
        while True:
            while not self.commands:
                news.clear()
                await news.wait()
            word, *rest = self.commands.popleft()
            await asyncio.sleep(CALM_S)
            await getattr(self, "do_" + word)(*rest)

    async def do_stall(self, seconds, times="1"):
        for _ in range(int(times)):
            await asyncio.sleep(CALM_S)
            end = timed(self.stall, float(seconds))
            await asyncio.sleep(0)
            say(*end)

    async def do_burn(self, seconds):
        end = timed(stall_burning, float(seconds))
        await asyncio.sleep(0)
        say(*end)

    async def do_thread(self, name):
        def run():
            asyncio.set_event_loop(loop)
            loop.call_soon(lambda: say("THREAD", name, threading.get_native_id()))
            loop.run_forever()

        loop = self.threads[name] = asyncio.new_event_loop()
        threading.Thread(target=run, name=name, daemon=True).start()

    async def do_threadstall(self, name, seconds, times="1"):
        async def stall():
            for _ in range(int(times)):
                await asyncio.sleep(CALM_S)
                end = timed(stall_in_thread, float(seconds))
                await asyncio.sleep(0)
                say(*end)

        asyncio.run_coroutine_threadsafe(stall(), self.threads[name])

    async def do_fork(self, name):
        self.children.fork(name)

    async def do_tell(self, *words):
        self.children.tell(*words)

    async def do_execute(self, seconds):
        timed(stall_before_exec, float(seconds))

    async def do_leave(self, status):
        os._exit(int(status))


def main(stall=stall_here):
    if "--later" in sys.argv:
        say_ready()
        os.read(0, 1)
    asyncio.run(App(stall).obey(0))


if __name__ == "__main__":
    main()
