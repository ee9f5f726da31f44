"""Verdicts: budgets, suppressions, baselines and diffs, by exit code, live and on saved reports."""

import json

from tool import Case, SOON_S, expect_report, stop

SUPPRESSION = "{\n  known: planned\n  cause: syscall\n  ...\n  py:stall_here\n}\n"
DEEP = 100_000


class Judged(Case):
    def record(self, name, *commands):
        """The report of an app that did these things, each a command with the function that stalls."""
        app = self.app()
        watching = self.watch("-p", app.pid, "-o", name)
        for words, function in commands:
            app.do(*words)
            app.span(function, nth=int(words[2]) if len(words) > 2 else 1)
        self.assert_done(stop(watching))
        return self.place / name

    def stalled(self, name="x.json", seconds=0.15, times=3):
        return self.record(name, (("stall", seconds, times), "stall_here"))

    def quiet(self, name="quiet.json"):
        return self.record(name, (("stall", 0.001, 3), "stall_here"))

    def check(self, *args, **more):
        return self.run_greenwatch("check", *args, **more)

    def write(self, name, text):
        (self.place / name).write_text(text)
        return name


class Watching(Judged):
    def test_looking_is_no_test_and_a_budget_makes_it_one(self):
        app = self.app()
        looking, testing = self.watch("-p", app.pid), self.watch("-p", app.pid, "-b", "stalls == 0", "-o", "x.json")
        app.stall()
        self.assert_done(stop(looking))
        done = stop(testing)
        self.assertEqual(done.code, 3, done)
        self.assertRegex(done.out, r"✗ stalls == 0 +3 +worst: .*stall_here .*app.py:\d+ \(\d+ ms\)")
        self.assertEqual(done.out.splitlines()[-1], "verdict: failed (1 of 2 budgets) → exit 3")
        report = expect_report((self.place / "x.json").read_text())
        self.assertEqual([(b["expr"], b["ok"]) for b in report["budgets"]], [("stalls == 0", False), ("lost == 0", True)])

    def test_a_budget_that_holds_ends_with_0(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-b", "longest < 10s", "-b", "@report")
        app.stall()
        done = stop(watching)
        self.assert_done(done)
        self.assertEqual(done.out.splitlines()[-1], "verdict: passed (2 budgets) → exit 0")

    def test_a_broken_budget_of_level_warn_changes_nothing(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-b", "stalls == 0 @warn")
        app.stall()
        done = stop(watching)
        self.assert_done(done)
        self.assertRegex(done.out, r"! stalls == 0 +3 .*@warn")

    def test_over_nothing_there_is_no_verdict(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-b", "runtime node: stalls == 0", "-b", "new_sites == 0")
        app.stall()
        done = stop(watching)
        self.assertEqual(done.code, 4, done)
        self.assertIn("? new_sites == 0", done.out)
        self.assertIn("no loop of runtime node was seen", done.out)
        self.assertEqual(done.out.splitlines()[-1], "verdict: none (2 of 3 budgets could not be judged) → exit 4")

    def test_a_run_shorter_than_half_of_what_was_asked_has_no_verdict(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-d", "60", "-b", "stalls == 0")
        app.stall()
        app.leave()
        done = watching.finish()
        self.assertEqual(done.code, 4, done)
        self.assertRegex(done.out.splitlines()[-1], r"^verdict: none: it ended after .* of 60.0 s, less than half → exit 4")

    def test_fail_fast_ends_the_run_with_the_first_stall(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-d", "60", "-b", "stalls == 0", "--fail-fast", "-o", "x.json")
        app.stall()
        done = watching.finish()
        self.assertEqual(done.code, 3, done)
        self.assertLess(done.seconds, SOON_S)
        self.assertEqual(json.loads((self.place / "x.json").read_text())["run"]["ended_by"], "fail-fast")

    def test_a_file_of_suppressions_that_lies_there_is_taken(self):
        self.write(".greenwatch.supp", SUPPRESSION)
        app = self.app()
        watching = self.watch("-p", app.pid, "-b", "stalls == 0", "-o", "x.json")
        app.stall()
        done = stop(watching)
        self.assert_done(done)
        self.assertRegex(done.out, "suppressed  3× .* planned")
        report = expect_report((self.place / "x.json").read_text())
        self.assertEqual([(s["known"], s["count"]) for s in report["suppressed"]], [("planned", 3)])
        self.assertIn("planned", [s.get("suppressed_by") for s in report["sites"]])


class Usage(Judged):
    """What is wrong with budgets and files is said before anything is watched: one line, exit 2."""

    def refuse(self, *args, gist):
        done = self.run_greenwatch("-p", self.sleeper().pid, *args)
        self.assert_refused(done, 2, *gist)
        self.assertNotIn("watching", done.err)

    def test_an_expression_that_does_not_parse_names_the_column(self):
        self.refuse("-b", "stalls = 0", gist=['-b "stalls = 0"', "column 8", "comparison"])
        self.refuse("-b", "lag.p99 < 20", gist=["column 11", "a time, as in 20ms"])
        self.refuse("-b", "@nope", gist=["no such preset"])
        self.refuse("-b", "\033[31m == 0", gist=["column 1", "\\x1b"])

    def test_a_file_with_a_bad_line_names_the_line(self):
        self.write("x.budget", "stalls == 0\n\nlag.p99 < 20\n")
        self.refuse("--budget-file", "x.budget", gist=["x.budget: line 3, column 11"])
        self.write("x.supp", "{\n  known: x\n  cause: disk\n}\n")
        self.refuse("--suppress", "x.supp", gist=["x.supp: line 3, column 10", '"disk" is no cause'])

    def test_a_file_that_is_not_there(self):
        self.refuse("--budget-file", "no.budget", gist=["no.budget", "No such file"])
        self.refuse("--suppress", "no.supp", gist=["no.supp", "No such file"])
        self.refuse("--baseline", "no.json", gist=["no.json", "No such file"])

    def test_a_file_that_is_far_too_large(self):
        self.write("x.budget", "#" * 2_000_000)
        self.refuse("--budget-file", "x.budget", gist=["x.budget", "too large"])

    def test_a_time_under_the_threshold_names_the_option(self):
        self.refuse("-b", "stalls(>50ms) == 0", gist=["-T 50ms or less"])

    def test_an_entry_that_has_ended_is_told_and_does_not_suppress(self):
        report = self.stalled()
        self.write("x.supp", SUPPRESSION.replace("planned", "planned\n  until 2020-01-01"))
        done = self.check(report, "--suppress", "x.supp")
        self.assertEqual(done.code, 3, done)
        self.assert_one_line(done.err, "x.supp: line 1", "planned", "2020-01-01")


class Checking(Judged):
    def test_a_saved_report_gives_the_verdict_of_its_run(self):
        report = self.stalled()
        done = self.check(report)
        self.assertEqual((done.code, done.err), (3, ""), done)
        self.assertEqual(done.out.splitlines()[-1], "verdict: failed (1 of 2 budgets) → exit 3")
        self.assert_done(self.check(report, "--budget", "none"))
        self.assert_done(self.check(report, "-b", "stalls(>1s) == 0", "-b", "lag.max < 30s"))
        self.assertEqual(self.check(report, "-b", "stalls(>50ms) == 0").code, 4)
        self.assertEqual(self.check(report, "-b", "stalls(>50ms) == 0", "-b", "longest < 1ms").code, 3)

    def test_events_that_were_lost_leave_no_verdict(self):
        report = self.stalled()
        document = json.loads(report.read_text())
        document["quality"]["lost"]["ring-full"] = 12
        document["quality"]["complete"] = False
        report.write_text(json.dumps(document))
        done = self.check(report)
        self.assertEqual(done.code, 4, done)
        self.assertEqual(done.out.splitlines()[-1], "verdict: none: 12 events were lost → exit 4")
        self.assertEqual(self.check(report, "-b", "lost < 100", "-b", "stalls == 0").code, 3)

    def test_too_few_turns_leave_no_verdict(self):
        done = self.check(self.stalled(), "--min-turns", "1000000")
        self.assertEqual(done.code, 4, done)
        self.assertIn("fewer than 1000000", done.out)

    def test_of_several_runs_the_worst_counts_or_the_median(self):
        bad, good, fine = self.stalled(), self.quiet(), self.quiet("fine.json")
        done = self.check(good, bad, fine)
        self.assertEqual(done.code, 3, done)
        self.assertRegex(done.out, r"✗ stalls == 0 +3 +worst: .*stall_here")
        self.assert_done(self.check(good, bad, fine, "--aggregate", "median"))
        self.assertEqual(self.check(bad, bad, fine, "--aggregate", "median").code, 3)

    def test_with_a_baseline_only_what_is_new_counts(self):
        main, same = self.stalled("main.json"), self.stalled("same.json")
        new = self.record("new.json", (("stall", 0.15, 3), "stall_here"), (("burn", 0.4), "stall_burning"),
                          (("burn", 0.4), "stall_burning"))
        for baseline in (main, self.stripped(main)):
            self.assert_done(self.check(same, "--baseline", baseline))
            self.assert_done(self.check(same, "--baseline", baseline, "-b", "new_sites == 0", "-b", "stalls <= +100%"))
            done = self.check(new, "--baseline", baseline, "-b", "new_sites == 0")
            self.assertEqual(done.code, 3, done)
            self.assertIn("stall_burning", done.out)

    def stripped(self, report):
        done = self.run_greenwatch("report", report, "-f", "baseline")
        self.assert_done(done)
        document = expect_report(done.out)
        self.assertEqual((document["stalls"], document["stacks"]), ([], []))
        return self.write("stripped.json", done.out)

    def test_generated_suppressions_cover_what_was_seen_and_nothing_longer(self):
        report, longer = self.stalled(), self.stalled("longer.json", seconds=0.6)
        done = self.run_greenwatch("report", report, "-f", "suppressions")
        self.assert_done(done)
        self.assertIn("py:stall_here  file:", done.out)
        self.write("x.supp", done.out)
        self.assert_done(self.check(report, "--suppress", "x.supp"))
        self.assertEqual(self.check(longer, "--suppress", "x.supp").code, 3)

    def test_what_is_no_report_is_refused_in_one_line(self):
        self.write("x.json", "{}")
        self.assert_refused(self.check("x.json"), 2, "x.json")
        self.assert_refused(self.check("no.json"), 2, "no.json", "No such file")
        self.assert_refused(self.check(), 2, "check needs a report")
        self.write("deep.json", "[" * DEEP)
        self.assert_refused(self.check("deep.json"), 2, "deep.json")

    def test_in_a_workflow_of_github_findings_are_annotated(self):
        report = self.stalled()
        (self.place / "summary.md").touch()  # as the runner does
        done = self.check(report, env={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(self.place / "summary.md")})
        self.assertEqual(done.code, 3, done)
        self.assertRegex(done.out, r"(?m)^::error file=.*app.py,line=\d+,title=")
        self.assertIn("stalls == 0 | ✗ broken", (self.place / "summary.md").read_text())


class Comparing(Judged):
    def diff(self, *args):
        return self.run_greenwatch("diff", *args)

    def test_two_runs_of_the_same_code_are_unchanged(self):
        done = self.diff(self.stalled("a.json"), self.stalled("b.json"), "--fail-on", "new,regressed,improved,fixed")
        self.assert_done(done)
        self.assertRegex(done.out.splitlines()[-1], r"^0 new, 0 regressed, 1 unchanged, 0 improved, 0 fixed \(")

    def test_a_planted_stall_is_named_as_new(self):
        base = self.stalled("a.json")
        new = self.record("b.json", (("stall", 0.15, 3), "stall_here"), (("burn", 0.4), "stall_burning"))
        done = self.diff(base, new, "--fail-on", "new")
        self.assertEqual(done.code, 3, done)
        self.assertRegex(done.out, r"(?m)^new .*none → 1× .*stall_burning")
        self.assert_done(self.diff(base, new))
        self.assertEqual(self.diff(new, base, "--fail-on", "fixed").code, 3)

    def test_a_stall_that_grew_is_named_as_regressed(self):
        base, new = self.stalled("a.json"), self.stalled("b.json", seconds=0.5)
        done = self.diff(base, new, "--fail-on", "regressed")
        self.assertEqual(done.code, 3, done)
        self.assertRegex(done.out, r"(?m)^regressed .*stall_here")
        done = self.diff(new, base, "--markdown", "--fail-on", "new,regressed")
        self.assert_done(done)
        self.assertRegex(done.out, r"(?m)^\| improved \| 3× .*stall")

    def test_what_is_wrong_is_said_in_one_line(self):
        report = self.stalled()
        self.assert_refused(self.diff(report), 2, "diff needs two reports")
        self.assert_refused(self.diff(report, "no.json"), 2, "no.json", "No such file")
        self.assert_refused(self.diff(report, report, "--fail-on", "worse"), 2, "--fail-on", "worse")

    def test_lost_events_leave_no_verdict(self):
        base, new = self.stalled("a.json"), self.stalled("b.json")
        document = json.loads(new.read_text())
        document["quality"]["lost"]["ring-full"] = 1
        document["quality"]["complete"] = False
        new.write_text(json.dumps(document))
        self.assertEqual(self.diff(base, new, "--fail-on", "new").code, 4)
        self.assertIn("INCOMPLETE", self.diff(base, new).out)
