"""What every Python workload of the stall laboratory shares: the plan, the truth, the witness and the two loops.

A workload says `READY pid tid`, waits for a line on stdin (or starts at once with --go), makes its stalls with calm
between them, and then prints, in a later turn than any stall,

    STALL begin_ns end_ns function cause key=value...     one a planned stall, CLOCK_MONOTONIC
    HICCUP begin_ns end_ns                                the loop was late and no planned stall explains it
    DONE

or instead of READY `CANNOT reason`, where the machine lacks something.

`function` is the innermost application frame, `-` where no code is to blame. Keys, none with a space in its value:

    cpu_ns, runqueue_ns   of the loop thread, over the stall
    tail_runqueue_ns      from its end until the heartbeat ran in the next turn: what the machine added to the turn
    planned_ns
    also                  a second cause that is right too
    call                  the system call it waited in longest, or `gil`, or `pagefault`
    peer                  kind of what it waited for, as in the report
    line                  of the culprit, in the file of `function`
    task                  name of the greenlet or task
    chain                 its coroutines, outermost first: a>b
    members               functions that tasks of the turn run: a+b
    culprit               ROLE:NAME of the thread or process it is due to
    culprit_function      what that one did
    rule                  GWnnnn

What may be one of several is written a|b. Lines are not counted by hand: `# <- here` in the source marks them.

It refuses to start stalls when stdin ends before a line was read: the one who wanted them is gone.
"""

import argparse
import collections
import inspect
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
MARK = "# <- here"

Mark = collections.namedtuple("Mark", "ns cpu_ns runqueue_ns")
Stall = collections.namedtuple("Stall", "begin end function cause extra")


class Truth:
    """What really happened in the loop of the thread that makes it."""

    def __init__(self):
        self.stalls = []
        self.gaps = []
        self.last_beat = None
        self.last_end = None
        self.task = None
        self.schedstat = os.open(f"/proc/self/task/{native_id()}/schedstat", os.O_RDONLY)

    def _runqueue_ns(self):
        return int(os.pread(self.schedstat, 100, 0).split()[1])

    def before(self):
        cpu, runqueue = time.thread_time_ns(), self._runqueue_ns()
        return Mark(time.monotonic_ns(), cpu, runqueue)

    def after(self):
        now = time.monotonic_ns()
        return Mark(now, time.thread_time_ns(), self._runqueue_ns())

    def add(self, begin, end, function, cause, **extra):
        """Record a stall. What is None is not told; line may be a function whose marked lines are meant."""
        extra.setdefault("task", self.task)
        extra["cpu_ns"] = end.cpu_ns - begin.cpu_ns
        extra["runqueue_ns"] = end.runqueue_ns - begin.runqueue_ns
        self.stalls.append(Stall(begin.ns, end.ns, function, cause, extra))
        self.last_end = end

    def timed(self, stall, cause, seconds, *args, function=None, **told):
        """Call stall(seconds, ...) and record it under its own name."""
        begin = self.before()
        stall(seconds, *args)
        end = self.after()
        if function == "-":
            told["task"] = None
        elif function is None:
            told.setdefault("line", stall)
        self.add(begin, end, function or stall.__name__, cause, planned_ns=int(seconds * 1e9), **told)

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
            told = {**s.extra, "line": marked(s.extra["line"])} if callable(s.extra.get("line")) else s.extra
            extra = " ".join(f"{key}={value}" for key, value in told.items() if value is not None)
            lines.append(f"STALL {s.begin} {s.end} {s.function} {s.cause} {extra}")
        lines += [f"HICCUP {begin} {end}" for begin, end in self.hiccups()]
        say("\n".join(lines + ["DONE"]))


def leave():
    """End at once: an interpreter that takes itself apart can be late in its last turn, and nobody planned that."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def marked(function):
    """The marked lines of a function as `12|14`, None without a mark."""
    lines, first = inspect.getsourcelines(function)
    return "|".join(str(first + i) for i, line in enumerate(lines) if MARK in line) or None


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def native_id():
    """The kernel's number of the calling thread; threading's own function is there from Python 3.8 on."""
    return int(os.readlink("/proc/thread-self").rpartition("/")[2])


def say_ready():
    say(f"READY {os.getpid()} {native_id()}")


def cannot(reason):
    """End before READY: the machine lacks what this workload needs."""
    say(f"CANNOT {reason}")
    sys.exit(0)


def read_go():
    """Read the line that releases the workload; stdin is readable now."""
    if not os.read(0, 4096):
        sys.exit("stdin ended before the line that starts the stalls (give --go to start at once)")


def options():
    parser = argparse.ArgumentParser(description="a workload of the stall laboratory")
    parser.add_argument("variant", nargs="?", help="where a file holds several workloads")
    parser.add_argument("--stalls", type=int, default=20, help="how many stalls to make (20)")
    parser.add_argument("--seed", type=int, default=1, help="of the lengths (1)")
    parser.add_argument("--go", action="store_true", help="do not wait for a line on stdin")
    return parser.parse_args()


def lengths(opts):
    dice = random.Random(opts.seed)
    return [dice.uniform(SHORTEST_S, LONGEST_S) for _ in range(opts.stalls)]


def variant(*names):
    """Which of the workloads of this file is wanted; usable before anything is patched."""
    wanted = options().variant or names[0]
    if wanted not in names:
        sys.exit("one of " + ", ".join(names))
    return wanted


def run_gevent(*args, **more):
    """Run a workload in gevent's loop: start() once released, then one_stall(truth, seconds) for each length; then end.

    Without one_stall the workload is a healthy twin and just lives for healthy_s. With released somebody else has said
    READY and waited.
    """
    drive_gevent(*args, **more)
    leave()


def drive_gevent(one_stall=None, start=None, healthy_s=HEALTHY_S, released=False):
    import gevent

    opts = options()
    truth = Truth()
    hub = gevent.get_hub()

    def heartbeat():
        while True:
            truth.beat()
            gevent.sleep(BEAT_S)

    def drive():
        if not released:
            say_ready()
        if not opts.go and not released:
            hub.wait(hub.loop.io(0, 1))
            read_go()
        if start:
            start()
        gevent.sleep(2 * CALM_S)
        for seconds in lengths(opts) if one_stall else []:
            one_stall(truth, seconds)
            gevent.sleep(CALM_S)
        gevent.sleep(CALM_S if one_stall else healthy_s)
        truth.write()

    gevent.spawn(heartbeat)
    driver = gevent.spawn(drive)
    driver.name = truth.task = "driver"
    driver.get()


def live_gevent(work, healthy_s=2.5):
    """Run a healthy twin that calls work() again and again, and fails when work() fails or hardly ever comes back."""
    import gevent

    done = []

    def worker():
        while True:
            work()
            done.append(1)
            gevent.sleep(BEAT_S)

    workers = []
    drive_gevent(start=lambda: workers.append(gevent.spawn(worker)), healthy_s=healthy_s)
    if workers[0].ready() or len(done) < 3:
        sys.exit(f"the healthy twin worked {len(done)} times only")
    leave()


def run_asyncio(one_stall, loop="asyncio"):
    """Run a workload in asyncio's loop: one_stall(truth, seconds), or what it returns awaited, for each length.

    loop may be `uvloop`.
    """
    import asyncio

    if loop == "uvloop":
        import uvloop

        uvloop.install()

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
        if hasattr(asyncio.current_task(), "set_name"):
            truth.task = "driver"
            asyncio.current_task().set_name(truth.task)
        beats = asyncio.ensure_future(heartbeat())
        say_ready()
        if not opts.go:
            await released()
        await asyncio.sleep(2 * CALM_S)
        for seconds in lengths(opts):
            pending = one_stall(truth, seconds)
            if pending is not None:
                await pending
            await asyncio.sleep(CALM_S)
        await asyncio.sleep(CALM_S)
        truth.write()
        beats.cancel()

    asyncio.run(drive())
    leave()


def name_thread(name):
    """Name the calling thread for the kernel; Python's own names stay inside."""
    with open(f"/proc/self/task/{native_id()}/comm", "w", encoding="ascii") as comm:
        comm.write(name)


def thread(serve, *args, name):
    """Start a native thread that runs serve(...) under a name the kernel knows, too."""

    def run():
        name_thread(name)
        serve(*args)

    threading.Thread(target=run, name=name, daemon=True).start()


def helper(serve, *args, name=None):
    """Start a process that runs serve(socket, ...) and return our end of the socket.

    It is forked twice, so it is no child of the workload; it holds none of the workload's pipes. serve must return when
    the socket ends, which it does when the workload is gone. Start it before anything is patched.
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
                if name:
                    name_thread(name)
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


def ask_and_wait(sock, seconds):
    """Ask a helper and wait, greenly, for the byte it answers at once."""
    import gevent

    hub = gevent.get_hub()
    ask(sock, seconds)
    hub.wait(hub.loop.io(sock.fileno(), 1))
    sock.recv(1)
