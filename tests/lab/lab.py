"""What every Python workload of the stall laboratory shares: the plan, the truth, the witness and the two loops.

A workload says `READY pid tid`, waits for a line on stdin (or starts at once with --go), makes its stalls with calm
between them, and then prints, in a later turn than any stall,

    STALL begin_ns end_ns function cause key=value...     one a planned stall, CLOCK_MONOTONIC
    HICCUP begin_ns end_ns                                the loop was late and no planned stall explains it
    DONE

`function` is the innermost application frame, `-` where no code is to blame. Keys: cpu_ns and runqueue_ns (of the
loop thread, over the stall), tail_runqueue_ns (from its end until the heartbeat ran in the next turn: what the machine
added to the stalled turn), planned_ns, also (a second cause that is right too).

It refuses to start stalls when stdin ends before a line was read: the one who wanted them is gone.
"""

import argparse
import collections
import os
import random
import signal
import socket
import sys
import threading
import time

SHORTEST_S, LONGEST_S = 0.062, 0.400
CALM_S = 0.100
HEALTHY_S = 4.0
BEAT_S = 0.020
HICCUP_NS = 50_000_000

Mark = collections.namedtuple("Mark", "ns cpu_ns runqueue_ns")
Stall = collections.namedtuple("Stall", "begin end function cause extra")


class Truth:
    """What really happened in the loop of the thread that makes it."""

    def __init__(self):
        self.stalls = []
        self.gaps = []
        self.last_beat = None
        self.last_end = None
        self.schedstat = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)

    def _runqueue_ns(self):
        return int(os.pread(self.schedstat, 100, 0).split()[1])

    def before(self):
        cpu, runqueue = time.thread_time_ns(), self._runqueue_ns()
        return Mark(time.monotonic_ns(), cpu, runqueue)

    def after(self):
        now = time.monotonic_ns()
        return Mark(now, time.thread_time_ns(), self._runqueue_ns())

    def add(self, begin, end, function, cause, **extra):
        extra["cpu_ns"] = end.cpu_ns - begin.cpu_ns
        extra["runqueue_ns"] = end.runqueue_ns - begin.runqueue_ns
        self.stalls.append(Stall(begin.ns, end.ns, function, cause, extra))
        self.last_end = end

    def timed(self, stall, cause, seconds, *args, function=None):
        """Call stall(seconds, ...) and record it under its own name."""
        begin = self.before()
        stall(seconds, *args)
        end = self.after()
        self.add(begin, end, function or stall.__name__, cause, planned_ns=int(seconds * 1e9))

    def beat(self):
        now = time.monotonic_ns()
        if self.last_beat is not None and now - self.last_beat > HICCUP_NS:
            self.gaps.append((self.last_beat, now))
        self.last_beat = now
        if self.last_end:
            self.stalls[-1].extra["tail_runqueue_ns"] = self._runqueue_ns() - self.last_end.runqueue_ns
            self.last_end = None

    def hiccups(self):
        """The parts of the gaps that lie outside every planned stall."""
        for begin, end in self.gaps:
            for stall in self.stalls:
                if stall.end <= begin or stall.begin >= end:
                    continue
                if stall.begin - begin > HICCUP_NS:
                    yield begin, stall.begin
                begin = max(begin, stall.end)
            if end - begin > HICCUP_NS:
                yield begin, end

    def write(self):
        lines = []
        for s in self.stalls:
            extra = " ".join(f"{key}={value}" for key, value in s.extra.items())
            lines.append(f"STALL {s.begin} {s.end} {s.function} {s.cause} {extra}")
        lines += [f"HICCUP {begin} {end}" for begin, end in self.hiccups()]
        say("\n".join(lines + ["DONE"]))


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say_ready():
    say(f"READY {os.getpid()} {threading.get_native_id()}")


def read_go():
    """Read the line that releases the workload; stdin is readable now."""
    if not os.read(0, 4096):
        sys.exit("stdin ended before the line that starts the stalls (give --go to start at once)")


def options():
    parser = argparse.ArgumentParser(description="a workload of the stall laboratory")
    parser.add_argument("--stalls", type=int, default=20, help="how many stalls to make (20)")
    parser.add_argument("--seed", type=int, default=1, help="of the lengths (1)")
    parser.add_argument("--go", action="store_true", help="do not wait for a line on stdin")
    return parser.parse_args()


def lengths(opts):
    dice = random.Random(opts.seed)
    return [dice.uniform(SHORTEST_S, LONGEST_S) for _ in range(opts.stalls)]


def run_gevent(one_stall=None, start=None):
    """Run a workload in gevent's loop: start() once released, then one_stall(truth, seconds) for each length.

    Without one_stall the workload is a healthy twin and just lives for HEALTHY_S.
    """
    import gevent

    opts = options()
    truth = Truth()
    hub = gevent.get_hub()

    def heartbeat():
        while True:
            truth.beat()
            gevent.sleep(BEAT_S)

    def drive():
        say_ready()
        if not opts.go:
            hub.wait(hub.loop.io(0, 1))
            read_go()
        if start:
            start()
        gevent.sleep(2 * CALM_S)
        for seconds in lengths(opts) if one_stall else []:
            one_stall(truth, seconds)
            gevent.sleep(CALM_S)
        gevent.sleep(CALM_S if one_stall else HEALTHY_S)
        truth.write()

    gevent.spawn(heartbeat)
    gevent.spawn(drive).get()


def run_asyncio(one_stall):
    """Run a workload in asyncio's loop: one_stall(truth, seconds) for each length."""
    import asyncio

    opts = options()
    truth = Truth()

    async def heartbeat():
        while True:
            truth.beat()
            await asyncio.sleep(BEAT_S)

    async def released():
        loop, readable = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(0, readable.set)
        await readable.wait()
        loop.remove_reader(0)
        read_go()

    async def drive():
        beats = asyncio.ensure_future(heartbeat())
        say_ready()
        if not opts.go:
            await released()
        await asyncio.sleep(2 * CALM_S)
        for seconds in lengths(opts):
            one_stall(truth, seconds)
            await asyncio.sleep(CALM_S)
        await asyncio.sleep(CALM_S)
        truth.write()
        beats.cancel()

    asyncio.run(drive())


def helper(serve, *args):
    """Start a process that runs serve(socket, ...) and return our end of the socket.

    It is forked twice, so it is no child of the workload; it holds none of the workload's pipes. serve must return when
    the socket ends, which it does when the workload is gone.
    """
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            try:
                ours.close()
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                null = os.open(os.devnull, os.O_RDWR)
                os.dup2(null, 0)
                os.dup2(null, 1)
                serve(theirs, *args)
            except (BrokenPipeError, ConnectionResetError):
                pass
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(0)
        os._exit(0)
    os.waitpid(child, 0)
    theirs.close()
    return ours


def requests(sock):
    """The requests a helper gets, as seconds, until the workload is gone."""
    with sock.makefile("r") as lines:
        for line in lines:
            yield float(line)


def ask(sock, seconds):
    sock.sendall(f"{seconds}\n".encode())
