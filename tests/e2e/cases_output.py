"""Where the report goes: files that appear whole or not at all, stdout that holds one thing, tapes."""

import json
import os
import shlex
import stat
import unittest

from cases_usage import AS_NOBODY
from tool import Case, NOBODY, QUICK_S, SOON_S, TIMES, Settings, expect_report, expect_stall, expect_valid, stop


class Refused(Case):
    """An output that cannot be had is found before the watching begins, in one line, and nothing is left."""

    def refuse(self, path, *gist, more=(), left=()):
        done = self.run_greenwatch("-p", self.sleeper().pid, "-o", path, *more)
        self.assert_refused(done, 1, str(path), *gist)
        self.assertNotIn("watching", done.err)
        self.assertEqual(sorted(p.name for p in self.place.iterdir()), sorted(left))

    def test_a_directory_that_is_not_there(self):
        done = self.run_greenwatch("-p", self.sleeper().pid, "-o", self.place / "no" / "x.json")
        self.assert_refused(done, 1, str(self.place / "no"), "No such file")

    def test_a_directory_that_cannot_be_written(self):
        self.refuse_in("/proc/x.json", "/proc/x.json")
        self.refuse_in("/sys/kernel/x.json", "/sys/kernel/x.json")

    def refuse_in(self, path, *gist):
        self.assert_refused(self.run_greenwatch("-p", self.sleeper().pid, "-o", path), 1, *gist)

    def test_a_directory_of_somebody_else(self):
        copy = self.place / "bin" / "greenwatch"
        copy.parent.mkdir()
        copy.write_bytes(Settings.greenwatch.read_bytes())
        copy.chmod(0o755)
        done = self.start(*AS_NOBODY, copy, "-p", self.sleeper().pid, "-o", self.place / "x.json").finish()
        self.assert_refused(done, 1, "x.json", "Permission denied")

    def test_a_directory_by_that_name(self):
        (self.place / "x.json").mkdir()
        self.refuse("x.json", "is a directory", left=["x.json"])
        done = self.run_greenwatch("-p", self.sleeper().pid, "-o", "x.json/")
        self.assertIn(done.code, (1, 2), done)
        self.assert_one_line(done.err, "x.json/")

    def test_a_symbolic_link(self):
        (self.place / "real.json").write_text("mine")
        (self.place / "x.json").symlink_to("real.json")
        self.refuse("x.json", "symbolic link", left=["real.json", "x.json"])
        self.assertEqual((self.place / "real.json").read_text(), "mine")
        (self.place / "real.json").unlink()
        self.refuse("x.json", "symbolic link", left=["x.json"])

    def test_a_file_that_is_no_regular_one(self):
        os.mkfifo(self.place / "x.json")
        self.refuse("x.json", "no regular file", left=["x.json"])

    def test_a_file_of_somebody_else(self):
        (self.place / "x.json").write_text("theirs")
        os.chown(self.place / "x.json", NOBODY, NOBODY)
        self.refuse("x.json", "another user", left=["x.json"])
        self.assertEqual((self.place / "x.json").read_text(), "theirs")

    def test_a_file_that_is_there_with_no_clobber(self):
        (self.place / "x.json").write_text("old")
        self.refuse("x.json", "exists", more=["--no-clobber"], left=["x.json"])
        self.assertEqual((self.place / "x.json").read_text(), "old")

    def test_one_of_two_that_cannot_be_had(self):
        done = self.run_greenwatch("-p", self.sleeper().pid, "-o", "good.json", "-o", "no/bad.json")
        self.assert_refused(done, 1, "no", "No such file")
        self.assertEqual(list(self.place.iterdir()), [])

    def test_a_tape_that_cannot_be_written(self):
        done = self.run_greenwatch("record", "no/x.tape", "-p", self.sleeper().pid)
        self.assert_refused(done, 1, "no/x.tape", "No such file")


class Files(Case):
    def test_a_new_file_is_whole_and_private(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-o", "x.json", umask=0)
        self.assertFalse((self.place / "x.json").exists(), "nothing is there before the end")
        self.assert_done(stop(watching))
        self.assertEqual([p.name for p in self.place.iterdir()], ["x.json"])
        self.assertEqual(stat.S_IMODE((self.place / "x.json").stat().st_mode), 0o600)
        expect_report((self.place / "x.json").read_text())

    def test_an_old_file_is_replaced_in_one_step_and_keeps_its_mode(self):
        app = self.app()
        path = self.place / "x.json"
        path.write_text("old")
        path.chmod(0o640)
        before = path.stat().st_ino
        with open(path, encoding="utf-8") as held:
            watching = self.watch("-p", app.pid, "-o", "x.json")
            self.assertEqual(path.read_text(), "old")
            self.assert_done(stop(watching))
            self.assertEqual(held.read(), "old", "who has the old file open still reads it whole")
        self.assertNotEqual(path.stat().st_ino, before)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o640)
        expect_report(path.read_text())
        self.assertEqual([p.name for p in self.place.iterdir()], ["x.json"])

    def test_a_file_that_appears_meanwhile_is_kept_with_no_clobber(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-o", "x.json", "--no-clobber")
        (self.place / "x.json").write_text("theirs")
        done = stop(watching)
        self.assertEqual(done.code, 1, done)
        self.assert_one_line("\n".join(done.err.splitlines()[2:]) + "\n", "x.json", "exists")
        self.assertEqual((self.place / "x.json").read_text(), "theirs")
        self.assertEqual([p.name for p in self.place.iterdir()], ["x.json"])
        self.assert_summary(done.out)

    def test_several_files_hold_the_same_run(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-o", "a.json", "-o", "b.json", "-o", "c.jsonl")
        spans = app.stall()
        self.assert_done(stop(watching))
        self.assertEqual((self.place / "a.json").read_text(), (self.place / "b.json").read_text())
        report = expect_report((self.place / "a.json").read_text())
        self.assert_reported(report, spans)
        last = json.loads((self.place / "c.jsonl").read_text().splitlines()[-1])
        self.assertEqual(last["run"], report["run"])

    def test_a_page_holds_the_same_run(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-o", "x.json", "-o", "x.html")
        spans = app.stall()
        self.assert_done(stop(watching))
        report = expect_report((self.place / "x.json").read_text())
        self.assert_reported(report, spans)
        page = (self.place / "x.html").read_text()
        self.assertIn("stall_here", page)
        data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
        self.assertEqual(data["stalls"]["took"], [s["duration_ns"] // 1000 for s in report["stalls"]])

    def test_the_longest_turns_over_the_run_are_told(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-o", "x.json")
        app.stall()
        app.stall()
        self.assert_done(stop(watching))
        report = expect_report((self.place / "x.json").read_text())
        lag = report["loops"][0]["lag"]
        self.assertGreater(max(lag["trend"]["max_ns"]), report["run"]["settings"]["threshold_ns"])
        self.assertLessEqual(max(lag["trend"]["max_ns"]), lag["max_ns"])

    def test_every_format_is_written_by_watch_too(self):
        app = self.app()
        names = ["a.json", "a.folded", "a.speedscope.json", "a.trace.json", "a.md", "a.html", "a.csv", "a.pb.gz", "a.txt"]
        watching = self.watch("-p", app.pid, *[arg for name in names for arg in ("-o", name)])
        app.stall()
        self.assert_done(stop(watching))
        self.assertEqual(sorted(p.name for p in self.place.iterdir()), sorted(names))
        for name in names:  # what a run has written is what its saved report gives
            with self.subTest(name):
                done = self.run_greenwatch("report", "a.json", "-o", "again-" + name)
                self.assertEqual((done.code, done.out, done.err), (0, "", ""))
                live, saved = (self.place / name).read_bytes(), (self.place / ("again-" + name)).read_bytes()
                if name != "a.txt":  # tells of stalls while they last
                    self.assertEqual(live, saved)

    def test_a_format_on_stdout_leaves_text_to_stderr(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-f", "csv")
        app.stall()
        done = stop(watching)
        self.assert_done(done)
        self.assertTrue(done.out.startswith("fingerprint,"), done.out)
        self.assertIn(" turns ", done.err)

    def full_disk(self, *args):
        """greenwatch in a directory without room; says what is left there at the end."""
        script = 'mkdir full && mount -t tmpfs -o size=64k none full && ' \
                 'head -c 64k /dev/zero >full/filler 2>/dev/null; ' \
                 f'{shlex.quote(str(Settings.greenwatch))} "$@"; code=$?; ls -A full >left; exit $code'
        return self.start("unshare", "-m", "sh", "-c", script, "sh", *args)

    def test_a_full_disk_is_an_error_that_names_the_file(self):
        app = self.app()
        done = self.full_disk("-p", app.pid, "-d", "0.5", "-o", "full/x.json", "-o", "good.json").finish()
        self.assertEqual(done.code, 1, done)
        bad = [line for line in done.err.splitlines() if line.startswith("greenwatch: ")]
        self.assert_one_line("\n".join(bad) + "\n", "full/x.json", "No space left")
        self.assertEqual((self.place / "left").read_text(), "filler\n")
        self.assert_summary(done.out)
        expect_report((self.place / "good.json").read_text())

    def test_a_full_disk_under_the_tape_is_an_error(self):
        app = self.app()
        done = self.full_disk("record", "full/x.tape", "-p", app.pid, "-d", "0.5").finish()
        self.assertEqual(done.code, 1, done)
        self.assertRegex(done.err, "(?m)^greenwatch: .*tape")


class Stdout(Case):
    def test_a_full_stdout_is_an_error_that_names_it(self):
        for args in ((), ("--json",), ("--jsonl",)):
            with self.subTest(args=args), open("/dev/full", "wb") as full:
                done = self.greenwatch("-p", self.app().pid, "-d", "0.3", *args, stdout=full).finish()
                self.assertEqual(done.code, 1, done)
                bad = [line for line in done.err.splitlines() if line.startswith("greenwatch: ")]
                self.assert_one_line("\n".join(bad) + "\n", "stdout", "No space left")

    def stalled(self, *args):
        """A run over some stalls: what was said, and their spans."""
        app = self.app()
        watching = self.watch("-p", app.pid, *args)
        spans = app.stall()
        return stop(watching), spans

    def test_json_on_stdout_is_the_report_and_text_goes_to_stderr(self):
        for args in (("--json",), ("-o", "-")):
            with self.subTest(args=args):
                done, spans = self.stalled(*args)
                self.assert_done(done)
                self.assert_reported(expect_report(done.out), spans)
                self.assertTrue(done.out.startswith("{") and done.out.endswith("}\n"))
                self.assertIn("stall_here", done.err)
                self.assert_summary(done.err)

    def test_quiet_json_says_nothing_else(self):
        done, spans = self.stalled("--json", "-q")
        self.assert_done(done)
        self.assert_reported(expect_report(done.out), spans)
        self.assertRegex(done.err, r"\Awatching [^\n]*\nstopping[^\n]*\n\Z")

    def test_quiet_text_is_the_summary_alone(self):
        done, _ = self.stalled("-q")
        self.assert_done(done)
        self.assertNotRegex(done.out, r"(?m)^ \+")
        self.assert_summary(done.out)
        self.assertIn("stall_here", done.out)
        self.assertTrue(done.err.startswith("watching "), done.err)

    def test_a_pipe_gets_no_colour_and_no_control_character(self):
        done, _ = self.stalled()
        self.assert_done(done)
        self.assertNotRegex(done.out + done.err, "[\x00-\x09\x0b-\x1f\x7f-\x9f]")
        done, _ = self.stalled("--color=always")
        self.assertIn("\x1b[", done.out)

    def test_jsonl_starts_tells_each_stall_and_sums_up(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "--jsonl")
        start = json.loads(watching.line("out", "start").text)
        self.assertEqual((start["type"], start["schema"]["name"]), ("start", "greenwatch-report"))
        self.assertEqual([target["pid"] for target in start["targets"]], [app.pid])
        spans = app.stall()
        for nth, span in enumerate(spans, 1):
            told = watching.line("out", '"type":"stall"', nth=nth)
            self.assertLess((told.ns - span.end) / 1e9, QUICK_S)
        done = stop(watching)
        self.assert_done(done)
        lines = [json.loads(line) for line in done.out.splitlines()]
        self.assertEqual([lines[0]["type"], lines[-1]["type"]], ["start", "summary"])
        stalls = lines[1:-1]
        self.assertEqual({line["type"] for line in stalls}, {"stall"})
        summary = lines[-1]
        expect_valid(summary)
        self.assertEqual(summary["stalls"], [])
        self.assertEqual(summary["run"]["id"], start["run"]["id"])
        frames, stacks, sites = [], [], {}
        for stall in stalls:
            frames += stall["frames"]
            stacks += stall["stacks"]
            sites.update({site["fingerprint"]: site for site in stall["sites"]})
            expect_stall(stall, len(frames), len(stacks))
            self.assertIn(stall["site"], sites)
            self.assertTrue(all(index < len(frames) for stack in stacks for index in stack))
        self.assertEqual(frames, summary["frames"][:len(frames)])
        ours = [s for s in stalls if frames[s.get("frame", 0)]["name"].endswith("stall_here") and not s.get("open")]
        self.assertGreaterEqual(len(ours), TIMES - 1)
        self.assertEqual(len({s["site"] for s in ours}), 1)
        self.assertEqual(len([stall for stall in stalls if stall["sites"]]), len(sites), "each site is told once")

    def test_a_reader_who_leaves_ends_the_run_quietly(self):
        for args in ((), ("--jsonl", "-q")):
            with self.subTest(args=args):
                app = self.app()
                ours, theirs = os.pipe()
                watching = self.watch("-p", app.pid, *args, stdout=theirs)
                os.close(theirs)
                app.do("stall", 0.2)
                app.span("stall_here")
                self.assertTrue(os.read(ours, 65536))
                os.close(ours)
                app.do("stall", 0.3, 4)
                done = watching.finish(SOON_S)
                self.assert_done(done)
                self.assert_one_line(done.err, "watching ")
                self.assertIsNone(app.process.poll())

    def test_head_ends_a_run(self):
        app = self.app()
        script = f'{shlex.quote(str(Settings.greenwatch))} -p {app.pid} | head -1; echo head has ended'
        shell = self.start("bash", "-c", script)
        shell.line("err", "^watching ")
        app.do("stall", 0.2)
        shell.line("out", r"^ \+\d")
        app.do("burn", 0.3)
        app.do("stall", 0.2, 3)
        done = shell.finish(SOON_S)
        self.assert_done(done)
        self.assertEqual(done.out.count("\n"), 2, done.out)
        self.assert_one_line(done.err, "watching ")


class Tapes(Case):
    def test_a_tape_replayed_without_root_gives_the_same_bytes(self):
        app = self.app()
        watching = self.watch("record", "x.tape", "-p", app.pid, "--json", "-o", "live.jsonl")
        app.do("stall", 0.2, 3)
        app.do("burn", 0.3)
        app.do("stall", 0.6)
        app.span("stall_here", 4)
        live = stop(watching)
        self.assert_done(live)
        report = expect_report(live.out)
        self.assertGreaterEqual(len(report["stalls"]), 5)
        tape = self.place / "x.tape"
        elsewhere = self.place / "elsewhere"
        elsewhere.mkdir()
        for name in ("greenwatch", "x.tape"):
            (elsewhere / name).write_bytes((Settings.greenwatch if name == "greenwatch" else tape).read_bytes())
            (elsewhere / name).chmod(0o755)
        app.kill()
        done = self.start(*AS_NOBODY, elsewhere / "greenwatch", "replay", elsewhere / "x.tape", "--json").finish()
        self.assert_done(done)
        self.assertEqual(done.out, live.out)
        self.assertLess(done.seconds, 5)
        text = self.start(*AS_NOBODY, elsewhere / "greenwatch", "replay", elsewhere / "x.tape").finish()
        self.assert_done(text)
        self.assert_summary(text.out)
        self.assertEqual(text.err, "")

    def test_a_file_that_is_no_tape_is_refused_in_one_line(self):
        (self.place / "junk.tape").write_bytes(b"junk" * 1000)
        (self.place / "empty.tape").write_bytes(b"")
        for name in ("junk.tape", "empty.tape", "missing.tape", "."):
            with self.subTest(name=name):
                self.assert_refused(self.run_greenwatch("replay", name), 1, name)

    def test_a_tape_that_was_cut_is_refused_or_said_to_be_short(self):
        app = self.app()
        watching = self.watch("record", "x.tape", "-p", app.pid)
        app.stall()
        self.assert_done(stop(watching))
        whole = (self.place / "x.tape").read_bytes()
        for part in (len(whole) - 3, len(whole) // 2, 20):
            with self.subTest(part=part):
                (self.place / "cut.tape").write_bytes(whole[:part])
                done = self.run_greenwatch("replay", "cut.tape", "--json")
                self.assertEqual(done.code, 1, done)
                self.assertRegex(done.err, r"(?m)^greenwatch: .*tape.*\n\Z")


if __name__ == "__main__":
    unittest.main()
