"""A loop that was blocked before greenwatch came: told with its whole stack while it lasts, and once it has ended."""

from tool import Case, alone, expect_report, stalls_of, stop


class Hung(Case):
    def hung(self, kind):
        """The report's only stall, the report, what was said; greenwatch comes in the middle of it."""
        app = self.app("hung.py", kind)
        watching = self.watch("-p", app.pid, "--no-follow", "-o", "x.json")
        told = watching.line("out", r"^ \+\d")
        self.assertIn("still going on", told.text)
        self.assertIsNone(app.out.find("^END "), "told of when it was over")
        watching.line("out", "began before greenwatch")
        app.do("go")
        span = app.span("hang_here")
        done = stop(watching)
        self.assert_done(done)
        report = expect_report((self.place / "x.json").read_text())
        found = stalls_of(report, "hang_here")
        self.assertEqual(len(found), 1, done.out)
        self.assertIs(found[0]["underway"], True)
        self.assertEqual(found[0]["at_ns"], 0)
        self.assertLess(abs(found[0]["duration_ns"] - (span.end - span.begin)), 150_000_000)
        return found[0], report, done.out

    def names(self, report, stall, kind):
        frames = [report["frames"][index] for index in report["stacks"][stall["stack"]]]
        self.assertFalse([f["name"] for f in frames if f["kind"] == "marker"], "the stack is not whole")
        return [f["name"] for f in frames if f["kind"] == kind]

    @alone
    def test_a_sleep_that_had_begun_is_told_with_its_whole_stack(self):
        stall, report, _ = self.hung("sleep")
        python = self.names(report, stall, "python")
        self.assertEqual(python[:2], ["hang_here", "aio"])
        self.assertEqual(python[-1], "<module>")
        self.assertRegex(self.names(report, stall, "native")[0], "clock_nanosleep")
        self.assertEqual(stall["waits"][0]["call"], "clock_nanosleep")
        self.assertIn("aio", str(stall["tasks"]))

    @alone
    def test_a_read_that_had_begun_is_told_with_its_peer(self):
        stall, report, _ = self.hung("recv")
        self.assertEqual(self.names(report, stall, "python")[:2], ["hang_here", "aio"])
        wait = max(stall["waits"], key=lambda wait: wait["total_ns"])
        self.assertEqual((wait["call"], wait["peer"]["kind"]), ("recvfrom", "unix"))

    @alone
    def test_a_greenlet_that_was_blocked_already_is_named(self):
        stall, report, _ = self.hung("gevent")
        self.assertEqual(self.names(report, stall, "python")[:2], ["hang_here", "with_gevent.<locals>.work"])
        self.assertIn("worker-of-mine", str(stall["tasks"]))

    def test_a_main_thread_that_is_no_loop_is_none_when_the_loop_shows_itself(self):
        app = self.app("hung.py", "thread")
        watching = self.watch("-p", app.pid, "-o", "x.json")
        told = watching.line("out", r"^ \+\d")  # as long as nothing else shows itself
        self.assertIn("still going on", told.text)
        app.do("go")
        app.line("out", "^END ")
        done = stop(watching)
        self.assert_done(done)
        report = expect_report((self.place / "x.json").read_text())
        of_main = [s for s in report["stalls"] if s["loop"] == f"{app.pid}/{app.pid}"]
        self.assertEqual(of_main, [], done.out)
        others = [loop for loop in report["loops"] if loop["tid"] != app.pid]
        self.assertTrue(others[0]["turns"], report["loops"])

    def test_a_process_without_an_epoll_descriptor_is_no_loop_however_long_it_sleeps(self):
        sleeper = self.sleeper()
        done = self.run_greenwatch("-p", sleeper.pid, "-d", "1", "--json")
        self.assertEqual(expect_report(done.out)["stalls"], [])
        self.assertEqual(expect_report(done.out)["loops"], [])
