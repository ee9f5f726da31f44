"""What every end-to-end case shares: greenwatch and its targets as child processes, and what may be said of reports.

Everything is bounded in time, and only processes started here are ever ended, by pid. Nothing waits a fixed time for
something to happen: a case waits for a line, an exit or a state.
"""

import collections
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SCHEMA = ROOT / "docs" / "greenwatch-report-1.schema.json"

PYTHON = "/usr/bin/python3"
NOBODY = 65534
SOON_S = 20     # what takes a second on a quiet machine
QUICK_S = 1.0   # what is promised to be at once
UNLOAD_S = 2.0  # for the kernel to give programs and maps back: 0.6 s
LEDGER = ("oncpu_ns", "blocked_ns", "runqueue_ns", "throttled_ns", "stopped_ns", "unaccounted_ns")
ENVIRONMENT = ("COLUMNS", "FORCE_COLOR", "CLICOLOR_FORCE", "NO_COLOR", "GREENWATCH_OPTIONS", "DEBUGINFOD_URLS")

Line = collections.namedtuple("Line", "ns text")
Done = collections.namedtuple("Done", "code out err seconds")
Span = collections.namedtuple("Span", "begin end function")
TIMES = 3       # of a planned stall: a busy machine may cost one of them its name
NEAR_NS = 10_000_000
SAME_NS = 300_000_000   # two times that mean the same instant, on a busy machine


class Settings:
    greenwatch = ROOT / "build" / "greenwatch"
    validator = None  # of the schema, set by run.py


# Processes

class Living:
    """Every process started here that may still run, and every directory, so that none outlives the run."""

    lock = threading.Lock()
    processes = set()
    places = set()
    over = False  # nothing is begun any more

    @classmethod
    def add(cls, process):
        with cls.lock:
            cls.processes.add(process)

    @classmethod
    def kill(cls, process):
        with cls.lock:
            cls.processes.discard(process)
        if process.poll() is None:
            process.kill()
        process.wait(SOON_S)

    @classmethod
    def kill_all(cls):
        cls.over = True
        for process in list(cls.processes):
            cls.kill(process)
        for place in list(cls.places):
            shutil.rmtree(place, ignore_errors=True)


class Stream:
    """Reads a pipe in a thread of its own; each line has the time at which it was there."""

    def __init__(self, fd):
        self.fd = fd
        self.data = b""
        self.lines = []
        self.ended = False
        self.news = threading.Condition()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        begun = b""
        while True:
            try:
                data = os.read(self.fd, 65536)
            except OSError:  # a terminal whose other side has gone
                data = b""
            now = time.monotonic_ns()
            with self.news:
                *whole, begun = (begun + data).split(b"\n")
                self.lines += [Line(now, line.decode(errors="replace")) for line in whole]
                self.data += data
                self.ended = not data
                self.news.notify_all()
            if not data:
                os.close(self.fd)
                return

    def text(self):
        return self.data.decode(errors="replace")

    def wait(self, found, seconds):
        """found(stream) once it is true of what was read; what it last was when time or stream end."""
        with self.news:
            self.news.wait_for(lambda: self.ended or found(self), seconds)
            return found(self)

    def find(self, pattern, nth=1):
        """The nth line that matches, or None."""
        matching = (line for line in self.lines if re.search(pattern, line.text))
        for _ in range(nth - 1):
            next(matching, None)
        return next(matching, None)


class Process:
    """A child whose stdout and stderr are read all the time.

    stdout, stderr: a descriptor or file instead, which the child gets and we do not read.
    """

    def __init__(self, argv, stdout=None, stderr=None, **more):
        env = {k: v for k, v in os.environ.items() if k not in ENVIRONMENT}
        env.update({"LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}, **more.pop("env", {}))
        more.setdefault("stdin", subprocess.DEVNULL)
        self.argv = [str(arg) for arg in argv]
        self.began = time.monotonic()
        out, stdout = self._pipe(stdout)
        err, stderr = self._pipe(stderr)
        try:
            self.process = subprocess.Popen(self.argv, stdout=stdout, stderr=stderr, env=env, **more)
        finally:
            for ours, theirs in ((out, stdout), (err, stderr)):
                if ours is not None:
                    os.close(theirs)
        Living.add(self.process)
        if Living.over:
            Living.kill(self.process)
        self.pid = self.process.pid
        self.out = Stream(out) if out is not None else None
        self.err = Stream(err) if err is not None else None

    @staticmethod
    def _pipe(given):
        if given is not None:
            return None, given
        ours, theirs = os.pipe()
        return ours, theirs

    def line(self, stream, pattern, seconds=SOON_S, nth=1):
        """The nth line of "out" or "err" that matches; its absence is a failure."""
        found = getattr(self, stream).wait(lambda s: s.find(pattern, nth), seconds)
        if not found:
            raise AssertionError(f"{self!r}: no line {nth} like /{pattern}/ on {stream} in {seconds} s\n{self.said()}")
        return found

    def signal(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, seconds=SOON_S):
        """The exit status; still running then is a failure."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self!r} still runs after {seconds} s\n{self.said()}") from None

    def finish(self, seconds=SOON_S):
        code = self.wait(seconds)
        took = time.monotonic() - self.began
        for stream in (self.out, self.err):
            if stream:
                stream.thread.join(SOON_S)
        return Done(code, self.out.text() if self.out else "", self.err.text() if self.err else "", took)

    def kill(self):
        Living.kill(self.process)

    def said(self):
        parts = [f"{name}: {stream.text()[-3000:] or '(nothing)'}"
                 for name, stream in (("stdout", self.out), ("stderr", self.err)) if stream]
        return "\n".join(parts)

    def __repr__(self):
        words = " ".join(pathlib.Path(arg).name if arg.startswith("/") else arg for arg in self.argv)
        return f"`{words[:200]}` (pid {self.pid})"


class App(Process):
    """A target that takes commands; see app.py."""

    def __init__(self, *argv):
        super().__init__(argv, stdin=subprocess.PIPE)
        self.loop = "{}/{}".format(*self.wait_ready())

    def wait_ready(self, nth=1):
        ready = self.line("out", "^READY ", nth=nth)
        _, pid, tid = ready.text.split()
        return int(pid), int(tid)

    def do(self, *words):
        self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self.process.stdin.flush()

    def span(self, function, nth=1, seconds=SOON_S):
        """Begin and end of the nth stall of that function, once it is over."""
        end = self.line("out", f"^END [0-9]+ {function}$", seconds, nth)
        begin = self.line("out", f"^BEGIN [0-9]+ {function}$", nth=nth)
        return Span(int(begin.text.split()[1]), int(end.text.split()[1]), function)

    def stall(self, *words, function="stall_here", seconds=0.15, earlier=0):
        """TIMES stalls by a command such as `stall`, after earlier ones of that function; their spans."""
        self.do(*(words or ("stall",)), seconds, TIMES)
        return [self.span(function, earlier + nth) for nth in range(1, TIMES + 1)]

    def begin_ns(self, function, nth=1):
        return int(self.line("out", f"^BEGIN [0-9]+ {function}$", nth=nth).text.split()[1])

    def leave(self):
        """Ends it by ending its stdin."""
        self.process.stdin.close()
        return self.wait()


# Reports

def interval(report, stall):
    begin = report["run"]["start_monotonic_ns"] + stall["at_ns"]
    return begin, begin + stall["duration_ns"]


def covers(shown, span):
    """At least half of the span."""
    return 2 * (min(shown[1], span.end) - max(shown[0], span.begin)) >= span.end - span.begin


def frame_name(report, stall):
    return report["frames"][stall["frame"]]["name"] if "frame" in stall else "-"


def stalls_of(report, function):
    """The stalls whose culprit is that function."""
    return [s for s in report["stalls"] if frame_name(report, s).rsplit(".", 1)[-1] == function]


def expect_report(text):
    """The report in text, once it is valid: JSON, the schema, every index, every ledger."""
    try:
        report = json.loads(text)
    except ValueError as error:
        raise AssertionError(f"no JSON: {error}\n{text[:2000]}") from None
    expect_valid(report)
    return report


def expect_valid(report):
    errors = sorted(Settings.validator.iter_errors(report), key=lambda e: list(map(str, e.path)))
    if errors:
        raise AssertionError("the schema says: " + "; ".join(
            f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in errors[:3]))
    frames, stacks = len(report["frames"]), len(report["stacks"])
    for stack in report["stacks"]:
        if any(index >= frames for index in stack):
            raise AssertionError("a stack refers to a frame that is not there")
    for stall in report["stalls"]:
        expect_stall(stall, frames, stacks)
    for whole, ledger in [("a stall", s["ledger"]) for s in report["stalls"]] + [(l["id"], l["time"]) for l in report["loops"]]:
        expect_parts(whole, ledger)
    for loop in report["loops"]:
        histogram = loop["lag"]["histogram"]
        if len(histogram["counts"]) != len(histogram["bounds_ns"]) + 1 or sum(histogram["counts"]) != loop["turns"]:
            raise AssertionError(f"loop {loop['id']}: the histogram does not hold {loop['turns']} turns")
    if report["quality"]["complete"] != (not any(report["quality"]["lost"].values())):
        raise AssertionError(f"complete and lost disagree: {report['quality']}")


def expect_parts(whole, ledger):
    """The finer parts of a ledger lie within those that they are of."""
    if "user_ns" in ledger and ledger["user_ns"] + ledger["kernel_ns"] != ledger["oncpu_ns"]:
        raise AssertionError(f"{whole}: user and kernel are not the time on the CPU: {ledger}")
    if ledger.get("gc_ns", 0) > ledger["oncpu_ns"]:
        raise AssertionError(f"{whole}: more garbage collection than time on the CPU: {ledger}")
    if sum(ledger.get(part, 0) for part in ("gil_ns", "lock_ns", "pagefault_ns")) > ledger["blocked_ns"]:
        raise AssertionError(f"{whole}: more waits than time blocked: {ledger}")


def expect_stall(stall, frames, stacks):
    rest = stall["duration_ns"] - sum(stall["ledger"][part] for part in LEDGER)
    if rest:
        raise AssertionError(f"stall at {stall['at_ns']}: the ledger misses its length by {rest} ns")
    if stall.get("frame", -1) >= frames or stall.get("stack", -1) >= stacks:
        raise AssertionError(f"stall at {stall['at_ns']} refers to a frame or stack that is not there")


def told(report):
    """The stalls of a report for people, and how good it is."""
    lines = []
    for stall in report["stalls"]:
        stack = report["stacks"][stall["stack"]] if "stack" in stall else []
        names = " < ".join(report["frames"][index]["name"] for index in stack[:5])
        parts = {part: ns for part, ns in stall["ledger"].items() if ns}
        lines.append(f"{stall['loop']} {interval(report, stall)} {stall['cause']} {parts} "
                     f"{frame_name(report, stall)}: {names}")
    return "\n".join([*lines, json.dumps(report["quality"])])


# Cases

def alone(test):
    """Marks a test that needs the machine for itself."""
    test.alone = True
    return test


class Case(unittest.TestCase):
    """A test with a directory of its own, whose processes end with it."""

    maxDiff = None

    def setUp(self):
        if Living.over:
            self.skipTest("the run was ended")
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="greenwatch-e2e-"))
        self.place.chmod(0o755)
        Living.places.add(self.place)
        self.addCleanup(Living.places.discard, self.place)
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)

    # Starting

    def start(self, *argv, **more):
        process = Process(argv, cwd=self.place, **more)
        self.addCleanup(process.kill)
        return process

    def greenwatch(self, *args, before=(), **more):
        """Starts greenwatch; before: words in front of it, such as setpriv and its options."""
        return self.start(*before, Settings.greenwatch, *args, **more)

    def run_greenwatch(self, *args, seconds=SOON_S, **more):
        return self.greenwatch(*args, **more).finish(seconds)

    def watch(self, *args, **more):
        """greenwatch, once it watches."""
        tool = self.greenwatch(*args, **more)
        tool.line("err", "^watching ")
        return tool

    def app(self, program="app.py", *args):
        app = App(PYTHON, "-B", HERE / program, *args)
        self.addCleanup(app.kill)
        self.addCleanup(app.process.stdin.close)
        return app

    def sleeper(self, **more):
        """A process that is no event loop."""
        return self.start("sleep", "60", **more)

    def dead_pid(self):
        process = self.start("true")
        process.wait()
        return process.pid

    # Judging

    def assert_one_line(self, text, *gist):
        """text is one line, with all of gist in it."""
        self.assertEqual(text.count("\n"), 1, f"not one line: {text!r}")
        self.assertTrue(text.endswith("\n"), text)
        for part in gist:
            self.assertIn(part, text)

    def assert_refused(self, done, code, *gist, seconds=5):
        """Nothing on stdout, one line on stderr that holds all of gist, and at once."""
        self.assertEqual(done.code, code, done)
        self.assertEqual(done.out, "")
        self.assert_one_line(done.err, *gist)
        self.assertTrue(done.err.startswith("greenwatch: "), done.err)
        self.assertLess(done.seconds, seconds)

    def assert_done(self, done, code=0):
        self.assertEqual(done.code, code, f"{done.out}\n{done.err}")

    def assert_summary(self, text):
        """text ends with the summary."""
        self.assertRegex(text, r"(?m)^\d[\d.]* m?s · .*(turns?|no event loop was seen)")
        self.assertRegex(text.splitlines()[-1], r"^\d[\d ]* events? lost · greenwatch used ")

    def assert_reported(self, report, spans, loop=None, cause="syscall"):
        """Each planned stall is in the report once, with its loop and length; most of them, at least, with function and
        cause: on a busy machine the kernel may not trace a switch, and a namer may be late. One that is right."""
        right = []
        for span in spans:
            found = [s for s in report["stalls"] if loop in (None, s["loop"]) and covers(interval(report, s), span)]
            self.assertEqual(len(found), 1, f"{span} in\n{told(report)}")
            begin, end = interval(report, found[0])
            self.assertLess(begin, span.begin + NEAR_NS, told(report))
            self.assertGreater(end, span.end - NEAR_NS, told(report))
            self.assertLess(end - begin - (span.end - span.begin), 500_000_000, told(report))
            if found[0] in stalls_of(report, span.function) and found[0]["cause"] in (cause, "runqueue"):
                right += found
        self.assertGreater(2 * len(right), len(spans), f"{spans} in\n{told(report)}")
        return right[0]

    def eventually(self, true, seconds, what):
        """Asks again and again until it is so."""
        until = time.monotonic() + seconds
        while not true():
            self.assertLess(time.monotonic(), until, f"not within {seconds} s: {what}")
            time.sleep(0.01)


def stop(tool, number=signal.SIGINT, seconds=SOON_S):
    """Stops a watching greenwatch as ^C does; what it said."""
    tool.signal(number)
    return tool.finish(seconds)
