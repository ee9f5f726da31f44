"""The processes a bench starts: begin, pin, listen, measure, and end every one of them.

A Child is always ended by its own pid, on errors and ^C too, and each program it is used
for has a time limit of its own besides. Nothing here signals a process by name or group,
and nothing knows what is being measured.
"""

import os
import signal
import subprocess
import threading
import time

END_SECONDS = 10


class Trouble(Exception):
    """The bench cannot go on; the text says why, for people."""


class Child:
    """A process whose lines on one stream can be waited for; use it in a `with`."""

    def __init__(self, argv, stream="stdout", cpu=None, ends_on=signal.SIGTERM, pass_fds=()):
        self.name = os.path.basename(argv[0])
        self.ends_on = ends_on
        self.lines = []  # (monotonic ns, text)
        self.closed = False
        self.news = threading.Condition()
        self.began_ns = time.monotonic_ns()
        self.popen = start(argv, stream, pass_fds)
        self.pid = self.popen.pid
        pin(self.pid, cpu)
        self.reader = threading.Thread(target=self.read, args=(stream,), daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, _value, _trace):
        on_time = self.end()
        if kind is None and not on_time:
            raise Trouble(f"{self.name} did not end within {END_SECONDS} s; it was killed")

    def read(self, stream):
        """The reader thread: keeps the pipe empty and the lines for later."""
        for line in getattr(self.popen, stream):
            with self.news:
                self.lines.append((time.monotonic_ns(), line.rstrip("\n")))
                self.news.notify_all()
        with self.news:
            self.closed = True
            self.news.notify_all()

    def find(self, prefix):
        """The first line that begins with PREFIX as (ns, text), or None."""
        return next((line for line in self.lines if line[1].startswith(prefix)), None)

    def wait_line(self, prefix, seconds=20):
        """Like find(), but waits for it; Trouble with the last words if it never comes."""
        with self.news:
            self.news.wait_for(lambda: self.closed or self.find(prefix), seconds)
            line = self.find(prefix)
        if line is None:
            words = " | ".join(text for _, text in self.lines[-5:]) or "nothing"
            raise Trouble(f"{self.name} never said {prefix!r}; it said: {words}")
        return line

    def result(self, seconds):
        """Wait for the end; the whole text, or Trouble if it failed or took too long."""
        try:
            status = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Trouble(f"{self.name} took more than {seconds} s") from None
        self.reader.join(END_SECONDS)
        if status:
            raise Trouble(f"{self.name} failed with status {status}")
        return "\n".join(text for _, text in self.lines)

    def must_live(self):
        """Trouble if it has ended by itself: what was measured is not what was meant."""
        status = self.popen.poll()
        if status is not None:
            words = " | ".join(text for _, text in self.lines[-5:])
            raise Trouble(f"{self.name} ended early with status {status}: {words}")

    def ask_to_end(self):
        if self.popen.poll() is None:
            self.popen.send_signal(self.ends_on)

    def end(self):
        """End it; False if it had to be killed."""
        on_time = True
        self.ask_to_end()
        try:
            self.popen.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            on_time = False
        finally:
            if self.popen.poll() is None:
                self.popen.kill()
                self.popen.wait()
        self.reader.join(END_SECONDS)
        return on_time


def start(argv, stream, pass_fds):
    """A session of its own, so that ^C reaches the bench alone and it cleans up in order."""
    null, pipe = subprocess.DEVNULL, subprocess.PIPE
    try:
        return subprocess.Popen(
            argv,
            stdin=null,
            stdout=pipe if stream == "stdout" else null,
            stderr=pipe if stream == "stderr" else None,
            start_new_session=True,
            pass_fds=pass_fds,
            text=True,
            errors="replace",
        )
    except OSError as err:
        raise Trouble(f"{argv[0]}: {err.strerror}") from None


def pin(pid, cpu):
    if cpu is None:
        return
    try:
        os.sched_setaffinity(pid, {cpu})
    except ProcessLookupError:
        pass


def stat(pid):
    """/proc/PID/stat from field 3 (state) on, or None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def family(root):
    """A Child's pid and all below it, also those that were given another parent."""
    found, parents = {root}, {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        fields = stat(pid)
        if fields and int(fields[3]) == root:
            found.add(pid)
        elif fields:
            parents[pid] = int(fields[1])
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def cpu_ns(pid):
    """CPU time of a process, threads that ended included, and of children it waited for."""
    fields = stat(pid)
    try:
        own = time.clock_gettime_ns((~pid << 3) | 2)  # clock_getcpuclockid(3), exact
    except OSError:
        return 0
    waited = int(fields[13]) + int(fields[14]) if fields else 0
    return own + waited * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def status(pid, name):
    """The number behind NAME in /proc/PID/status; 0 if the process is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            line = next((line for line in file if line.startswith(name + ":")), ": 0")
    except OSError:
        return 0
    return int(line.split()[1])


def sleeps(pid):
    """How often the main thread has gone to sleep."""
    return status(pid, "voluntary_ctxt_switches")


def family_cpu_ns(root):
    return sum(map(cpu_ns, family(root)))


def family_peak_rss(root):
    """Bytes: the sum of VmHWM over those that live."""
    return sum(status(pid, "VmHWM") * 1024 for pid in family(root))
