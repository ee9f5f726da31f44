"""^C and the other signals: something is said at once, the summary is printed, the files are whole or not there."""

import fcntl
import os
import re
import signal
import unittest

import tool
from tool import Case, NEAR_NS, QUICK_S, SAME_NS, SOON_S, TIMES, UNLOAD_S, Settings, expect_report


class Stops(Case):
    def stops(self, number, *args, says=None):
        """A run over some stalls, ended by a signal."""
        app = self.app()
        watching = self.watch("-p", app.pid, "-o", "x.json", *args)
        spans = app.stall()
        began = tool.time.monotonic_ns()
        watching.signal(number)
        if says:
            self.assertLess((watching.line("err", says).ns - began) / 1e9, QUICK_S)
        self.assertLess((watching.line("out", "^[0-9]+ events? lost").ns - began) / 1e9, QUICK_S)
        done = watching.finish()
        self.assertLess((tool.time.monotonic_ns() - began) / 1e9, QUICK_S + UNLOAD_S)
        self.assert_done(done)
        self.assertIn("stall_here", done.out)
        self.assert_summary(done.out)
        report = expect_report((self.place / "x.json").read_text())
        self.assertEqual(report["run"]["ended_by"], "signal")
        self.assert_reported(report, spans)
        self.assertIsNone(app.process.poll(), "the target goes on")
        return done

    def test_interrupt_says_something_at_once_and_sums_up(self):
        done = self.stops(signal.SIGINT, says="^stopping")
        self.assertEqual(done.err.count("\n"), 2, done.err)

    def test_terminate_sums_up(self):
        self.stops(signal.SIGTERM)

    def test_hangup_sums_up(self):
        self.stops(signal.SIGHUP)

    def test_interrupt_in_a_stall_reports_it_as_open(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-o", "x.json")
        app.do("stall", 30)
        began = app.begin_ns("stall_here")
        watching.line("out", "still going on")
        stopped = tool.time.monotonic_ns()
        done = tool.stop(watching, seconds=SOON_S)
        self.assertLess((tool.time.monotonic_ns() - stopped) / 1e9, QUICK_S + UNLOAD_S)
        self.assert_done(done)
        self.assertRegex(done.out, r"(?m)^stalls .*1 still going on")
        report = expect_report((self.place / "x.json").read_text())
        self.assertEqual(len(report["stalls"]), 1)
        stall = report["stalls"][0]
        self.assertIs(stall["open"], True)
        self.assertLess(abs(tool.interval(report, stall)[0] - began), SAME_NS)
        self.assertGreater(tool.interval(report, stall)[1], stopped - NEAR_NS)
        self.assertEqual(tool.frame_name(report, stall), "stall_here")

    def full_pipe(self):
        """A pipe whose reader is slow and that holds nothing more."""
        ours, theirs = os.pipe()
        self.addCleanup(os.close, ours)
        fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(theirs, False)
        try:
            while True:
                os.write(theirs, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(theirs, True)
        return theirs

    def test_a_second_interrupt_leaves_now_and_leaves_no_file(self):
        app = self.app()
        theirs = self.full_pipe()
        watching = self.watch("-p", app.pid, "-T", "10s", "-o", "x.json", "-o", "y.jsonl", stdout=theirs)
        os.close(theirs)
        self.assertNotEqual(list(self.place.iterdir()), [], "the temporary files are there")
        watching.signal(signal.SIGINT)
        watching.line("err", "^stopping")
        began = tool.time.monotonic_ns()
        watching.signal(signal.SIGINT)
        code = watching.wait()
        self.assertLess((tool.time.monotonic_ns() - began) / 1e9, QUICK_S + UNLOAD_S)
        self.assertEqual(code, 130)
        self.assertEqual(list(self.place.iterdir()), [])
        self.assertEqual(watching.finish().err.count("\n"), 2)

    def test_interrupt_before_it_watches_leaves_no_file(self):
        app = self.app()
        for _ in range(3):
            starting = self.greenwatch("-p", app.pid, "-o", "x.json", "-d", "30")
            starting.signal(signal.SIGINT)
            self.assertIn(starting.wait(), (0, 130, -signal.SIGINT))
            self.assertEqual([p.name for p in self.place.iterdir() if p.name != "x.json"], [])

    def test_an_interrupt_ignored_by_the_shell_is_heard_all_the_same(self):
        app = self.app()
        watching = self.start("sh", "-c", 'trap "" INT; exec "$0" "$@"', Settings.greenwatch, "-p", app.pid)
        watching.line("err", "^watching ")
        done = tool.stop(watching)
        self.assert_done(done)
        self.assert_summary(done.out)


class GoesOn(Case):
    def test_quit_prints_a_summary_in_between_and_goes_on(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-o", "x.json")
        first = app.stall()
        watching.signal(signal.SIGQUIT)
        watching.line("out", "events? lost")
        self.assertEqual(list(map(str, self.place.glob("x.json"))), [])
        second = app.stall(earlier=TIMES)
        done = tool.stop(watching)
        self.assert_done(done)
        self.assertEqual(len(re.findall(r"(?m)^\d+ events? lost", done.out)), 2)
        self.assertIn("again ×2", done.out)
        self.assertNotIn("INCOMPLETE", done.out)
        counts = [int(n) for n in re.findall(r"(?m)^stalls  (\d+) at ", done.out)]
        self.assertEqual(len(counts), 2, done.out)
        self.assertTrue(0 < counts[0] < counts[1], counts)
        self.assertGreaterEqual(counts[1], 2 * TIMES - 1)
        self.assert_summary(done.out)
        report = expect_report((self.place / "x.json").read_text())
        self.assert_reported(report, first)
        self.assert_reported(report, second)

    def test_quit_leaves_json_on_stdout_alone(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "--json")
        watching.signal(signal.SIGQUIT)
        watching.line("err", "events? lost")
        done = tool.stop(watching)
        self.assert_done(done)
        expect_report(done.out)

    def test_a_hangup_that_nohup_ignores_is_ignored(self):
        app = self.app()
        watching = self.start("sh", "-c", 'trap "" HUP; exec "$0" "$@"', Settings.greenwatch, "-p", app.pid, "--jsonl")
        watching.line("err", "^watching ")
        watching.signal(signal.SIGHUP)
        app.do("stall", 0.2)
        watching.line("out", '"type":"stall"')
        done = tool.stop(watching)
        self.assert_done(done)
        self.assertGreaterEqual(done.out.count("\n"), 3)


if __name__ == "__main__":
    unittest.main()
