"""pytest-greenwatch: a test fails when it holds its event loop up.

One `greenwatch watch` beside each test run writes stalls to a file as JSON lines; each test has a begin and an end by
the same clock (CLOCK_MONOTONIC), and a stall belongs to the test that it overlaps by the threshold or more. A test that
asks to be judged is skipped, with the reason, where greenwatch cannot watch. What comes too late for a test's own
report, or spoils the verdict, fails the run.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pytest

START_S, END_S, SETTLE_S = 30, 15, 0.3
UNITS = {"us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9}
NOT_CHARGED = ("runqueue_ns", "throttled_ns", "stopped_ns")
NOT_ASKED = "nothing was watched, since this was asked for while tests ran already: give --greenwatch"
sleep = time.sleep      # not the patched one


def nanoseconds(text):
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(us|ms|s|m)", str(text))
    if not found or not float(found[1]):
        raise pytest.UsageError(f"no_stalls: threshold is {text!r}; it must be a time such as 100ms")
    return int(float(found[1]) * UNITS[found[2]])


def wishes(item):
    """(threshold in ns, causes or None) of the marker no_stalls, or None."""
    marker = item.get_closest_marker("no_stalls")
    if not marker:
        return None
    wrong = set(marker.kwargs) - {"threshold", "cause"}
    if wrong or marker.args:
        raise pytest.UsageError(f"no_stalls takes threshold= and cause=, not {', '.join(map(str, wrong or marker.args))}")
    cause = marker.kwargs.get("cause")
    return nanoseconds(marker.kwargs.get("threshold", "100ms")), [cause] if isinstance(cause, str) else cause


class Watch:
    """greenwatch beside this process: stalls by (loop, at_ns), why there is none in `missing`."""

    def __init__(self, threshold_ns):
        self.missing, self.wrong, self.start_ns, self.summary, self.offset = None, None, None, None, 0
        self.stalls, self.frames, self.sites, self.rest = {}, [], {}, b""
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        try:
            words = shlex.split(os.environ.get("GREENWATCH", "greenwatch"))
            self.before = words[:-1]    # such as sudo -n
            command = [*words, "watch", "-p", str(os.getpid()), "--jsonl", "--no-follow", "-q", "-T",
                       f"{max(1, threshold_ns // 1000)}us"]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err,
                                            start_new_session=True)
        except (OSError, ValueError) as error:
            self.missing = f"greenwatch cannot be started: {error}"
            return
        if not self.wait(lambda: self.start_ns, START_S):
            self.missing = self.wrong or self.last_words() or "greenwatch does not watch"
            self.stop()

    def last_words(self):
        self.err.seek(0)
        lines = self.err.read().decode(errors="replace").strip().splitlines()
        return next((line for line in lines if line.startswith("greenwatch: ")), lines[0] if lines else "")

    def wait(self, found, seconds):
        end = time.monotonic() + seconds
        while True:
            ended = self.process.poll() is not None
            self.read()
            if found() or ended or self.wrong or time.monotonic() > end:
                return found()
            sleep(0.01)

    def read(self):
        data = b""
        while chunk := os.pread(self.out.fileno(), 1 << 20, self.offset + len(data)):
            data += chunk
        self.offset += len(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        try:
            for line in map(json.loads, lines):
                getattr(self, "on_" + line["type"], lambda _: None)(line)
        except (ValueError, LookupError, TypeError) as error:
            self.wrong = f"what greenwatch wrote is no report of it: {error!r}"

    def on_start(self, line):
        self.start_ns = line["run"]["start_monotonic_ns"]

    def on_summary(self, line):
        self.summary = line

    def on_stall(self, line):
        self.frames += line["frames"]
        self.sites.update((site["fingerprint"], site) for site in line["sites"])
        self.stalls[line["loop"], line["at_ns"]] = line

    def within(self, span, threshold_ns, causes=None):
        """[(charged ns, stall)] of the stalls that hold a loop up in that Span, by the threshold or more."""
        found = []
        for stall in self.stalls.values():
            begin = self.start_ns + stall["at_ns"]
            shared = max(min(part[1], begin + stall["duration_ns"]) - max(part[0], begin)
                         for part in span.parts(stall["loop"]))
            charged = min(shared, stall["duration_ns"] - sum(stall["ledger"][part] for part in NOT_CHARGED))
            if charged >= threshold_ns and (not causes or stall["cause"] in causes):
                found.append((charged, stall))
        return found

    def told(self, charged, stall):
        frame = self.frames[stall["frame"]] if "frame" in stall else {}
        place = f" at {frame['file']}:{frame.get('line', '?')}" if "file" in frame else ""
        text = f"{charged / 1e6:.0f} ms, {stall['cause']}: {stall.get('why', 'no stack was seen')}{place}"
        advice = self.sites.get(stall.get("site"), {}).get("advice")
        return text + (f"\n    {advice[0]['rule']} {advice[0]['fix']}" if advice else "")

    def stop(self):
        """Ends greenwatch; why its verdict cannot be trusted, or None."""
        if self.process.poll() is None:
            try:
                self.process.send_signal(signal.SIGINT)
            except PermissionError:
                subprocess.run([*self.before, "kill", "-INT", str(self.process.pid)], check=False)
        self.wait(lambda: self.summary, END_S)
        if self.wrong or not self.summary:
            return self.wrong or "greenwatch ended without a summary: " + (self.last_words() or "no reason given")
        if not self.summary["quality"]["complete"]:
            return "greenwatch lost events: " + ", ".join(k for k, n in self.summary["quality"]["lost"].items() if n)
        return None if self.summary["loops"] else "no event loop was seen: nothing was judged"


class Span:
    """The time of one test, by time.monotonic_ns(), and of that the time in which asyncio ran in this thread."""

    def __init__(self):
        self.whole, self.runs = [time.monotonic_ns(), 1 << 62], []

    def parts(self, loop):
        """What of the test belongs to that loop: outside of asyncio.run() this thread has none that could be late."""
        ours = loop == f"{os.getpid()}/{threading.get_native_id()}"
        return self.runs if ours and self.runs and not hub() else [self.whole]


def hub():
    local = sys.modules.get("gevent._hub_local")
    return local and local.get_hub_if_exists()


def end_turn():
    """Lets the loop of gevent come to its wait, so that a turn does not go on into pytest or the next test."""
    if hub():
        sys.modules["gevent"].sleep(0.001)


def show_loops(span):
    """Makes loops known before their first turn: they are found when they come to their wait for the second time.

    Notes when asyncio ran in this thread, in what span() returns then. Returns a function that undoes it.
    """
    if "gevent" in sys.modules:
        for _ in range(3):
            sys.modules["gevent"].sleep(0.001)
    loops = sys.modules.get("asyncio.base_events")
    if not loops:
        return lambda: None
    run, thread = loops.BaseEventLoop.run_forever, threading.get_native_id()

    def run_forever(self):
        look = getattr(getattr(self, "_selector", None), "select", lambda _: None)     # changes nothing, takes nothing
        look(0), look(0)
        part = [time.monotonic_ns(), 1 << 62]
        if span() and threading.get_native_id() == thread:
            span().runs.append(part)
        try:
            return run(self)
        finally:
            look(0)
            part[1] = time.monotonic_ns()
    loops.BaseEventLoop.run_forever = run_forever
    return lambda: setattr(loops.BaseEventLoop, "run_forever", run)


class Plugin:
    def __init__(self):
        self.watch, self.spans, self.judged, self.late, self.span = None, {}, {}, [], None

    def pytest_collection_finish(self, session):
        wanted = {item.nodeid: wishes(item) for item in session.items if item.get_closest_marker("no_stalls")}
        users = [item for item in session.items if "greenwatch" in getattr(item, "fixturenames", ())]
        if session.config.option.collectonly or not (wanted or users or session.config.option.greenwatch):
            return
        self.asked = bool(wanted or users)
        self.least = min([t for t, _ in wanted.values()] + [100_000_000])
        self.watch = Watch(self.least)
        if not self.watch.missing:
            self.hide_loops = show_loops(lambda: self.span)

    def pytest_runtest_setup(self, item):
        if item.get_closest_marker("no_stalls") and self.watch and self.watch.missing:
            pytest.skip(self.watch.missing)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item):
        end_turn()
        self.span = self.spans[item.nodeid] = Span()
        yield
        end_turn()
        self.span.whole[1], self.span = time.monotonic_ns(), None

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = (yield).get_result()
        wish = wishes(item)
        if call.when != "call" or not report.passed or not wish:
            return
        find = lambda: self.watch.within(self.spans[item.nodeid], *wish)
        if not self.watch:
            report.outcome, report.longrepr = "failed", NOT_ASKED
        elif self.watch.wait(find, SETTLE_S):
            report.outcome = "failed"
            report.longrepr = "the event loop was held up\n" + "\n".join(self.watch.told(*s) for s in find())
        else:
            self.judged[item.nodeid] = wish

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session, exitstatus):
        if not self.watch or self.watch.missing:
            return
        self.hide_loops()
        wrong = self.watch.stop()
        self.late = [f"{name}: failed after its report: {self.watch.told(*s)}" for name, wish in self.judged.items()
                     for s in self.watch.within(self.spans[name], *wish)]
        if wrong and self.asked:
            self.late.append(wrong)
        if self.late and exitstatus == 0:
            session.exitstatus = 1

    def pytest_terminal_summary(self, terminalreporter):
        if not self.watch or not (self.late or self.watch.stalls or self.watch.missing):
            return
        terminalreporter.section("greenwatch")
        for line in self.late:
            terminalreporter.line(line, red=True)
        if self.watch.missing:
            terminalreporter.line(f"nothing was watched: {self.watch.missing}")
        for name, span in self.spans.items():
            for stall in self.watch.within(span, self.least):
                terminalreporter.line(f"{name}: {self.watch.told(*stall)}")


def pytest_addoption(parser):
    parser.addoption("--greenwatch", action="store_true", help="list the stalls of event loops by test, of all tests")


def pytest_configure(config):
    config.addinivalue_line("markers", "no_stalls(threshold='100ms', cause=None): the test fails when it holds an "
                            "event loop up that long; cause=['syscall'] counts only stalls of these causes")
    config.pluginmanager.register(Plugin(), "greenwatch-plugin")


@pytest.fixture
def greenwatch(request):
    """A function: the stalls of this test so far, as objects of greenwatch's JSON report."""
    plugin = request.config.pluginmanager.get_plugin("greenwatch-plugin")
    if not plugin.watch:
        pytest.fail(NOT_ASKED)
    if plugin.watch.missing:
        pytest.skip(plugin.watch.missing)

    def stalls(threshold="100ms", cause=None):
        end_turn()
        span = plugin.spans[request.node.nodeid]
        find = lambda: [stall for _, stall in plugin.watch.within(span, nanoseconds(threshold), cause)]
        plugin.watch.wait(find, SETTLE_S)
        return find()
    return stalls
