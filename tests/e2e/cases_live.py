"""What is told while it watches: stalls that go on, repeats, the status line, names that mean harm."""

import json
import os
import pty
import re
import statistics
import unittest

import tool
from tool import Case, HERE, PYTHON, SAME_NS, SOON_S, TIMES, Stream, alone, expect_report, stop

THRESHOLD_S, ANNOUNCED_S = 0.100, 0.300


class GoingOn(Case):
    def waited_s(self, watching):
        """How long greenwatch, its namer and we who read its words have stood in the run queue so far."""
        threads = [f"/proc/{watching.pid}/schedstat", f"/proc/self/task/{watching.out.thread.native_id}/schedstat"]
        with open(f"/proc/{watching.pid}/task/{watching.pid}/children", encoding="ascii") as file:
            threads += [f"/proc/{pid}/schedstat" for pid in file.read().split()]
        total = 0
        for path in threads:
            with open(path, encoding="ascii") as file:
                total += int(file.read().split()[1])
        return total / 1e9

    @alone
    def test_a_stall_is_announced_soon_after_the_threshold_and_again_at_doubled_ages(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-o", "x.json")
        app.do("stall", 4)
        began = app.begin_ns("stall_here")
        waited = self.waited_s(watching)
        first = watching.line("out", r"^ \+\d")
        waited = self.waited_s(watching) - waited
        span = app.span("stall_here")
        done = stop(watching)
        self.assert_done(done)
        self.assertIn("blocked in clock_nanosleep(), still going on", first.text)
        self.assertLess((first.ns - began) / 1e9 - waited, THRESHOLD_S + ANNOUNCED_S)
        told = [line for line in watching.out.lines if re.match(r" \+\d", line.text)]
        ages = [(line.ns - began) / 1e9 for line in told]
        self.assertTrue(all("still going on" in line.text for line in told[:-1]), done.out)
        self.assertIn(len(told), (5, 6), "at 0.3, 0.6, 1.2, 2.4 s or thereabouts, and the end\n" + done.out)
        for before, after in zip(ages, ages[1:-1]):
            self.assertTrue(1.5 < after / before < 3, ages)
        self.assertRegex(told[-1].text, r"  4\.\d\d s  ")
        report = expect_report((self.place / "x.json").read_text())
        stall = self.assert_reported(report, [span])
        self.assertFalse(stall.get("open", False))
        self.assertRegex(done.out, r"(?m)^ +1×  max 4\.\d\d s  .*stall_here ")

    @alone
    def test_stalls_of_half_a_second_are_announced_while_they_last(self):
        """The same, often enough for a median."""
        app = self.app()
        watching = self.watch("-p", app.pid, "--jsonl", "-q")
        times = 7
        waited = self.waited_s(watching)
        app.do("stall", 0.6, times)
        app.span("stall_here", times)
        waited = self.waited_s(watching) - waited
        done = stop(watching)
        self.assert_done(done)
        ages = []
        for nth in range(1, times + 1):
            span = app.span("stall_here", nth)
            opened = [line for line in watching.out.lines if '"open":true' in line.text and span.begin < line.ns]
            self.assertTrue(opened, f"stall {nth} was not told of while it lasted")
            ages.append((opened[0].ns - span.begin) / 1e9)
        self.assertLess(statistics.median(ages) - waited / times, THRESHOLD_S + ANNOUNCED_S, ages)
        self.assertLess(max(ages) - waited, THRESHOLD_S + ANNOUNCED_S, ages)

    def test_jsonl_tells_an_open_stall_and_the_same_once_more_closed(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "--jsonl")
        app.do("stall", 1)
        span = app.span("stall_here")
        done = stop(watching)
        self.assert_done(done)
        stalls = [line for line in map(json.loads, done.out.splitlines()) if line["type"] == "stall"]
        start = json.loads(done.out.splitlines()[0])["run"]["start_monotonic_ns"]
        ours = [s for s in stalls if abs(start + s["at_ns"] - span.begin) < SAME_NS]
        self.assertGreaterEqual(len(ours), 2)
        self.assertEqual([s.get("open", False) for s in ours], [True] * (len(ours) - 1) + [False])
        self.assertEqual(len({(s["loop"], s["at_ns"]) for s in ours}), 1)
        lengths = [s["duration_ns"] for s in ours]
        self.assertEqual(lengths, sorted(lengths))
        self.assertGreater(lengths[-1], 1_000_000_000)


class Repeats(Case):
    def test_a_site_is_printed_in_full_once_and_then_at_doubled_counts(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-o", "x.json")
        app.do("stall", 0.12, 20)
        app.span("stall_here", 20)
        done = stop(watching)
        self.assert_done(done)
        report = expect_report((self.place / "x.json").read_text())
        most = max(site["count"] for site in report["sites"] if site["cause"] == "syscall")
        self.assertIn(most, (17, 18, 19, 20))
        told = re.findall(r"(?m)^ \+[\d.]+s  \d+  \d+ ms  blocked in clock_nanosleep\(\)(.*)$", done.out)
        told = [line for line in told if "going on" not in line and "ended" not in line]
        self.assertEqual(told[0], "")
        again = re.compile(r"  again ×(\d+) in [\d.]+ m?s(?:, (\d+) not shown)?")
        counts = [again.fullmatch(line).groups() for line in told[1:]]
        self.assertEqual(counts, [("2", None), ("4", "1"), ("8", "3"), ("16", "7")])
        self.assertEqual(len(re.findall(r"(?m)^         stall_here ", done.out)), 1)
        self.assertRegex(done.out, rf"(?m)^ *{most}×  max \d+ ms  Σ 2\.\d+ s  (GW\d+  )?stall_here ")


class Status(Case):
    def on_terminal(self, *args, seconds, term="xterm"):
        """What a terminal as stderr is sent in that time."""
        ours, theirs = pty.openpty()
        app = self.app()
        watching = self.greenwatch("-p", app.pid, *args, stderr=theirs, env={"TERM": term})
        os.close(theirs)
        screen = Stream(ours)
        screen.wait(lambda s: b"watching " in s.data, SOON_S)
        shown = screen.wait(lambda s: re.search(rb"\r\x1b\[K\d+ s, 1 loop, \d+ turns", s.data), seconds)
        watching.signal(tool.signal.SIGINT)
        code = watching.wait()
        screen.thread.join(SOON_S)
        return bool(shown), screen.data.decode(), code, watching.out.text()

    def test_a_terminal_gets_a_live_status_line_that_is_wiped(self):
        shown, text, code, out = self.on_terminal(seconds=5)
        self.assertEqual(code, 0)
        self.assertTrue(shown, text)
        last = text.rindex(" turns")
        self.assertIn("\r\x1b[K", text[last:], "wiped before the last words")
        self.assertIn("stopping", text[last:])
        self.assertNotIn("\x1b", out)
        self.assert_summary(out)

    def test_a_dumb_or_quiet_terminal_gets_none(self):
        shown, text, _, _ = self.on_terminal(seconds=1.5, term="dumb")
        self.assertFalse(shown)
        self.assertNotIn("\x1b", text)
        shown, text, _, _ = self.on_terminal("-q", seconds=1.5)
        self.assertFalse(shown)

    def test_a_pipe_gets_none(self):
        done = self.run_greenwatch("-p", self.app().pid, "-d", "5", "-T", "10s")
        self.assert_done(done)
        self.assert_one_line(done.err, "watching ")

    def test_a_pipe_is_told_every_ten_seconds_that_all_is_well(self):
        done = self.run_greenwatch("-p", self.app().pid, "-d", "11", "-T", "10s")
        self.assert_done(done)
        self.assertRegex(done.err, r"\Awatching [^\n]*\ngreenwatch: \d+ s, 1 loop, \d+ turns?[^\n]*, 0 stalls\n\Z")

    def test_the_line_that_begins_with_watching_is_the_first_and_comes_with_quiet_too(self):
        for args in ((), ("-q",), ("--json",), ("-q", "--jsonl")):
            with self.subTest(args=args):
                done = self.run_greenwatch("-p", self.app().pid, "-d", "0.2", "-T", "50ms", *args)
                self.assert_done(done)
                self.assertRegex(done.err, r"\Awatching 1 asyncio loop: \S+ \d+ · stall = 50 ms · ")


class Hostile(Case):
    def test_names_that_mean_harm_are_shown_escaped(self):
        app = tool.App(PYTHON, "-B", HERE / "hostile.py", self.place, "\x1b[31m\u202e--arg=\x1b[32m")
        self.addCleanup(app.kill)
        self.addCleanup(app.process.stdin.close)
        ours, theirs = pty.openpty()
        watching = self.greenwatch("-p", app.pid, "--color=never", "-v", "-o", "x.json", "-o", "y.jsonl", stdout=theirs)
        os.close(theirs)
        screen = Stream(ours)
        watching.line("err", "^watching ")
        for nth in range(1, TIMES + 1):
            app.do()
            app.line("out", "^STALLED$", nth=nth)
        watching.signal(tool.signal.SIGINT)
        self.assertEqual(watching.wait(), 0)
        screen.thread.join(SOON_S)
        for text in (screen.data.decode().replace("\r\n", "\n"), watching.finish().err):
            self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
        self.assertIn("stall\\x1b[2J\\x1b]0;owned\\x07\\u{202e}\\u{2066}\\u{9b}31m\\x0a\\x0d", screen.data.decode())
        self.assertRegex(watching.err.text(), r"^watching 1 asyncio loop: \\x1b\[31mevil\\u\{202e\} \d+")
        raw = (self.place / "x.json").read_text() + (self.place / "y.jsonl").read_text()
        self.assertNotRegex(raw, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2066]")
        report = expect_report((self.place / "x.json").read_text())
        for line in (self.place / "y.jsonl").read_text().splitlines():
            json.loads(line)
        frame = next(frame for frame in report["frames"] if frame["name"].startswith("stall\\x1b[2J"))
        self.assertIn(report["frames"].index(frame), [stall.get("frame") for stall in report["stalls"]])
        self.assertRegex(frame["file"], r"a\\x1b\[31m\\u\{202e\}b\\x0a\.py$")


if __name__ == "__main__":
    unittest.main()
