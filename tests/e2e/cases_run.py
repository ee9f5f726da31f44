"""greenwatch run: a command is held, watched, waited for and judged; its own failure comes first."""

import json
import os
import pathlib
import shutil
import signal
import time
import unittest

import tool
import verdicts
from tool import Case, HERE, NOBODY, PYTHON, SOON_S, TIMES, Settings, alone, expect_report

NONE = ("-b", "none")
CALM = 20
QUIET_S = 0.3   # in which something would have happened


class Run(Case):
    def run_command(self, *args, options=NONE, seconds=SOON_S, **more):
        """greenwatch run with that command, to its end."""
        return self.run_greenwatch("run", *options, "--", *args, seconds=seconds, **more)

    def begin(self, *options, command=(PYTHON, "-B", HERE / "app.py"), **more):
        """greenwatch run with the app, which takes commands through it, once the app is ready."""
        app = tool.App.__new__(tool.App)
        tool.Process.__init__(app, [Settings.greenwatch, "run", "-o", "x.json", *options, "--", *command],
                              cwd=self.place, stdin=tool.subprocess.PIPE, **more)
        self.addCleanup(app.kill)
        self.addCleanup(app.process.stdin.close)
        app.line("err", "^watching ", 2 * SOON_S)
        self.app_pid, self.app_tid = app.wait_ready()
        self.addCleanup(self.end_app)
        return app

    def end_app(self):
        """What is left of the app, where greenwatch has left it alone."""
        try:
            os.kill(self.app_pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def calm(self, app):
        """Turns that are not late, meanwhile greenwatch gets to know the program."""
        app.do("stall", 0, CALM)
        app.span("stall_here", CALM)

    def finish_alone(self, app):
        """greenwatch to its end, its command not: whether that went on then, and what greenwatch said."""
        app.wait()
        goes_on = self.runs(self.app_pid)
        self.end_app()      # it holds stdout open
        return goes_on, app.finish()

    def leave(self, app, status=0):
        app.do("leave", status)
        return app.finish()

    def report(self):
        return expect_report((self.place / "x.json").read_text())

    def runs(self, pid):
        """It is there, and no zombie."""
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return False
        return stat.rpartition(")")[2].split()[0] not in "ZX"


class Status(Run):
    def test_the_status_of_the_command_is_passed_on(self):
        for status in (0, 1, 7, 255):
            with self.subTest(status=status):
                self.assertEqual(self.run_command("sh", "-c", f"exit {status}").code, status)

    def test_killed_by_a_signal_greenwatch_dies_by_the_same(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
            with self.subTest(signal=number.name):
                done = self.run_command("sh", "-c", f"kill -{number.value} $$", options=(*NONE, "-o", "x.json"))
                self.assertEqual(done.code, -number)
                self.assertEqual(self.report()["run"]["child_exit"], 128 + number)

    def test_a_command_that_is_not_there_is_127(self):
        for name in ("no-such-command", "./no-such-file", ""):
            with self.subTest(name=name):
                done = self.run_command(name)
                self.assertEqual(done.code, 127, done)
                self.assertIn(f"{name}: command not found", done.err.splitlines()[-1])

    def test_a_command_that_cannot_be_executed_is_126(self):
        plain, script = self.place / "plain", self.place / "script"
        plain.write_text("#!/bin/sh\n")
        script.write_text("#!/no/such/interpreter\n")
        script.chmod(0o755)
        for what, gist in ((plain, "Permission denied"), (self.place, "Permission denied"),
                           (script, "its interpreter is not there")):
            with self.subTest(what=what.name):
                done = self.run_command(what)
                self.assertEqual(done.code, 126, done)
                self.assertIn(gist, done.err.splitlines()[-1])

    def test_what_was_asked_for_wrongly_starts_nothing(self):
        for args, gist in ((["run"], "no command given"), (["run", "--"], "no command given"),
                           (["run", "sh", "-c", "echo"], "put -- before it"),
                           (["run", "sh", "echo"], "put -- before the command"),
                           (["run", "-o", "-", "--", "echo"], "stdout is the command's"),
                           (["run", "--label", "x", "--", "echo"], "must be KEY=VALUE"),
                           (["run", "--json", "--", "echo"], "--json is not an option of run"),
                           (["run", "-b", "stals == 0", "--", "echo"], "stals")):
            with self.subTest(args=args):
                self.assert_refused(self.run_greenwatch(*args), 2, gist)

    def test_what_cannot_be_watched_is_125_and_starts_nothing(self):
        done = self.run_greenwatch("run", "-p", self.dead_pid(), "--", "echo", "begun")
        self.assert_refused(done, 125, "no process with pid")
        done = self.run_greenwatch("run", "-o", self.place / "no" / "x.json", "--", "echo", "begun")
        self.assert_refused(done, 125, "No such file or directory")

    def test_without_privileges_it_is_125(self):
        done = self.run_command("echo", "begun", before=("setpriv", "--reuid", str(NOBODY), "--clear-groups",
                                                         "--bounding-set=-all", "--inh-caps=-all"))
        self.assertEqual(done.code, 125, done)
        self.assertEqual(done.out, "")


class Child(Run):
    def test_it_begins_once_the_probes_are_on(self):
        done = self.run_command("sh", "-c", "echo begun >&2")
        lines = [line for line in done.err.splitlines() if line.startswith(("watching ", "begun"))]
        self.assertEqual([line.split()[0] for line in lines], ["watching", "begun"], done.err)

    def test_stdout_and_stdin_are_its_own(self):
        done = self.run_command("cat", "/dev/stdin", options=("-o", "x.json"), stdin=open(HERE / "second.py", "rb"))
        self.assertEqual(done.out, (HERE / "second.py").read_text())
        self.assertEqual(done.code, 4, "no loop, no verdict")

    def test_it_has_the_signals_that_greenwatch_was_started_with(self):
        done = self.run_command("grep", "^Sig[BI]", "/proc/self/status")
        alone_ = self.start("grep", "^Sig[BI]", "/proc/self/status").finish()
        self.assertEqual(done.out, alone_.out)

    def test_descriptors_of_greenwatch_are_not_its_own(self):
        done = self.run_command("sh", "-c", "ls -l /proc/self/fd | grep -c '[0-9] ->'")
        alone_ = self.start("sh", "-c", "ls -l /proc/self/fd | grep -c '[0-9] ->'").finish()
        self.assertEqual(done.out, alone_.out)

    def test_it_may_close_its_descriptors(self):
        done = self.run_command("sh", "-c", "exec <&- >&- 2>&-; sleep 0.3; exit 5")
        self.assertEqual(done.code, 5)

    def test_a_loop_in_a_session_of_its_own_is_watched(self):
        app = self.begin("--warmup", "0", command=("setsid", "--wait", PYTHON, "-B", HERE / "app.py"))
        self.calm(app)
        spans = app.stall(earlier=CALM)
        done = self.leave(app)
        self.assertEqual(done.code, 3, done.err)
        self.assert_reported(self.report(), spans)

    def test_a_loop_in_a_grandchild_is_watched(self):
        app = self.begin("--warmup", "0", command=("sh", "-c", f"{PYTHON} -B {HERE}/app.py; exit 0"))
        self.calm(app)
        spans = app.stall(earlier=CALM)
        self.assertEqual(self.leave(app).code, 3)
        report = self.report()
        self.assert_reported(report, spans)
        self.assertIn("sh", [target["comm"] for target in report["targets"]], "what CMD became is told of")

    def test_one_that_goes_to_the_background_is_said_to_go_on(self):
        app = self.begin(*NONE, command=("sh", "-c", f"exec 3<&0; {PYTHON} -B {HERE}/app.py <&3 & sleep 1.5"))
        for _ in range(3):
            app.do("stall", 0)
        goes_on, done = self.finish_alone(app)
        self.assertIn("goes on unwatched", done.err)
        self.assertTrue(goes_on)

    def test_killed_greenwatch_leaves_it_alone(self):
        app = self.begin()
        app.signal(signal.SIGKILL)
        app.wait()
        time.sleep(QUIET_S)
        self.assertTrue(self.runs(self.app_pid))
        app.do("stall", 0)
        app.span("stall_here")

    def test_it_runs_as_who_called_sudo(self):
        sudo = {"SUDO_UID": str(NOBODY), "SUDO_GID": str(NOBODY)}
        done = self.run_command("sh", "-c", "id -u; id -g; id -G; echo $HOME", options=(*NONE, "-o", "x.json"),
                                env=sudo)
        home = done.out.split()[3]
        self.assertEqual(done.out.split()[:3], [str(NOBODY)] * 3)
        self.assertNotEqual(home, "/root")
        self.assertEqual((self.place / "x.json").stat().st_uid, NOBODY, "the report belongs to that user")
        done = self.run_command("id", "-u", options=(*NONE, "--as-root"), env=sudo)
        self.assertEqual(done.out, "0\n")
        done = self.run_command("id", "-u", env={"SUDO_UID": "me", "SUDO_GID": "0"})
        self.assert_refused(done, 125, 'SUDO_UID "me"')


class Signals(Run):
    TRAP = "trap 'echo caught; exit 9' TERM INT; echo READY $$ $$; while :; do sleep 0.05; done"

    def stopped(self, number, *options, trap=TRAP):
        app = self.begin(*options, command=("sh", "-c", trap))
        app.signal(number)
        return self.finish_alone(app)

    def test_signals_are_passed_on_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number.name):
                _, done = self.stopped(number)
                self.assertEqual(done.code, 9, done.err)
                self.assertEqual(done.out.count("caught"), 1)
                self.assertEqual(self.report()["run"]["ended_by"], "signal")
                self.assertEqual(self.report()["run"]["child_exit"], 9)

    def test_one_that_does_not_end_is_left_alone_after_the_grace(self):
        goes_on, done = self.stopped(signal.SIGTERM, "--grace", "1s", trap=self.TRAP.replace("exit 9", ":"))
        self.assertEqual(done.code, 1)
        self.assertIn("has not ended and is left alone", done.err)
        self.assertTrue(goes_on)
        self.assertIsNone(self.report()["run"]["child_exit"])

    def test_a_second_interrupt_does_not_wait_and_writes_the_report(self):
        app = self.begin(command=("sh", "-c", self.TRAP.replace("exit 9", ":")))
        app.signal(signal.SIGINT)
        app.line("err", "waiting for sh to end")
        app.signal(signal.SIGINT)
        _, done = self.finish_alone(app)
        self.assertEqual(done.code, 130)
        self.assertIsNone(self.report()["run"]["child_exit"])

    def test_the_window_ends_with_the_signal(self):
        """What a program does while it shuts down is not judged."""
        app = self.begin("--warmup", "0")
        for _ in range(10):
            app.do("stall", 0)
        app.span("stall_here", 10)
        os.kill(self.app_pid, signal.SIGSTOP)
        app.signal(signal.SIGTERM)
        time.sleep(QUIET_S)
        os.kill(self.app_pid, signal.SIGCONT)
        done = app.finish()
        self.assertEqual(done.code, -signal.SIGTERM)
        self.assertLess(self.report()["run"]["duration_ns"], 1e9 * done.seconds - 1e9 * QUIET_S / 2)

    def test_a_duration_ends_the_command_without_blame(self):
        done = self.run_command("sleep", "60", options=(*NONE, "-d", "0.5", "-o", "x.json"))
        self.assertEqual(done.code, 0, done.err)
        self.assertEqual(self.report()["run"]["ended_by"], "duration")
        self.assertEqual(self.report()["run"]["child_exit"], 128 + signal.SIGTERM)


class Verdict(Run):
    def test_a_stall_is_3_and_the_report_says_how_it_was_made(self):
        app = self.begin("--label", "branch=faulty", "--tag", "job=7", command=(PYTHON, "-B", HERE / "app.py", "secret"))
        time.sleep(2.2)     # the warm-up of a program that does not listen
        spans = app.stall()
        done = self.leave(app)
        self.assertEqual(done.code, 3, done.err)
        report = self.report()
        self.assert_reported(report, spans)
        run = report["run"]
        self.assertEqual(run["command"], [PYTHON, "-B", str(HERE / "app.py"), "*"])
        self.assertEqual((run["child_exit"], run["ended_by"]), (0, "child-exit"))
        self.assertEqual(run["tags"], {"branch": "faulty", "job": "7"})
        self.assertIn("exit 3", done.err)
        self.assertNotIn("exit 3", done.out)

    def test_without_a_stall_it_is_0(self):
        app = self.begin("--warmup", "0")
        self.calm(app)
        self.assertEqual(self.leave(app).code, 0)

    def test_failure_of_the_command_comes_first(self):
        app = self.begin("--warmup", "0")
        app.stall()
        done = self.leave(app, 5)
        self.assertEqual(done.code, 5, done.err)
        self.assertFalse(next(b for b in self.report()["budgets"] if "stalls" in b["expr"])["ok"])

    def test_a_loop_that_hardly_turned_is_4(self):
        self.assertEqual(self.run_command("sleep", "0.5", options=()).code, 4)
        app = self.begin("--warmup", "0", "--min-turns", "100000")
        app.do("stall", 0)
        app.span("stall_here")
        done = self.leave(app)
        self.assertEqual(done.code, 4, done.err)
        self.assertIn("fewer than 100000", done.err)

    def test_a_run_within_its_warm_up_is_4_and_says_what_to_do(self):
        app = self.begin("--warmup", "60s")
        app.stall()
        done = self.leave(app)
        self.assertEqual(done.code, 4, done.err)
        self.assertIn("--warmup", done.err)
        report = self.report()
        self.assertEqual([s["warmup"] for s in report["stalls"]], [True] * TIMES)
        self.assertEqual(report["run"]["settings"]["warmup_ns"], report["run"]["duration_ns"])

    def test_the_warm_up_is_listed_and_not_judged(self):
        app = self.begin("--warmup", "3s")
        spans = app.stall()
        app.do("stall", 0.02, 100)
        app.span("stall_here", TIMES + 100)
        done = self.leave(app)
        self.assertEqual(done.code, 0, done.err)
        report = self.report()
        self.assertEqual([s.get("warmup") for s in report["stalls"]], [True] * TIMES)
        self.assert_reported(report, spans)
        loop = report["loops"][0]
        self.assertGreaterEqual(loop["lag"]["max_ns"], 20_000_000)
        self.assertLess(loop["lag"]["max_ns"], 150_000_000, "the longest turn of the warm-up is not in it")
        self.assertLess(loop["turns"], 400)
        watched = sum(loop["time"][part] for part in ("idle_ns", *tool.LEDGER))
        whole = report["run"]["duration_ns"] - report["run"]["settings"]["warmup_ns"]
        self.assertLess(abs(watched - whole), 100_000_000)
        self.assertEqual([site["count"] for site in report["sites"]], [0] * len(report["sites"]))
        slept = sum(c["total_ns"] for c in report["calls"] if c["call"] == "clock_nanosleep")
        self.assertLess(slept, 100 * 30_000_000)

    def test_a_server_is_warm_when_it_listens(self):
        server = self.start(Settings.greenwatch, "run", "-o", "x.json", *NONE, "--", PYTHON, "-B", HERE / "served.py")
        server.line("out", "^PORT ")
        began = time.monotonic()
        time.sleep(QUIET_S)
        done = tool.stop(server, signal.SIGTERM)
        self.assertEqual(done.code, 0, done.err)
        settings = self.report()["run"]
        self.assertLess(settings["settings"]["warmup_ns"], settings["duration_ns"] - 1e8, time.monotonic() - began)

    def test_fail_fast_ends_the_command(self):
        app = self.begin("--warmup", "0", "--fail-fast")
        app.do("stall", 0, 5)
        app.do("stall", 0.15)
        done = app.finish()
        self.assertEqual(done.code, 3, done.err)
        run = self.report()["run"]
        self.assertEqual((run["ended_by"], run["child_exit"]), ("fail-fast", 128 + signal.SIGTERM))

    @alone
    def test_lost_events_are_4(self):
        program = self.place / "storm"
        tool.subprocess.run(["cc", "-O2", "-Wall", "-std=gnu11", "-o", program, HERE / "storm.c"], check=True)
        storm = self.begin("--warmup", "0", "-T", "1us", "-b", "lag.p99 < 10s", command=(program, "2"))
        for _ in range(3):
            storm.signal(signal.SIGSTOP)
            time.sleep(0.5)
            storm.signal(signal.SIGCONT)
            time.sleep(0.2)
        storm.process.stdin.close()
        done = storm.finish()
        self.assertEqual(done.code, 4, done.err[-2000:])
        self.assertIn("events were lost", done.err)

    @alone
    def test_on_a_busy_machine_every_verdict_is_right(self):
        servers = ["pywsgi", "outside"] + ["gunicorn"] * verdicts.has_gunicorn()
        for server in servers:
            for run in verdicts.runs(Settings.greenwatch, server, 1, 4):
                self.addCleanup(shutil.rmtree, run.place)
                with self.subTest(server=server, branch=run.branch):
                    self.assertTrue(verdicts.is_right(run), f"{run.code}: {verdicts.why(run)}\n{run.err[-3000:]}")


class Outside(Run):
    """With -p the command is only the load."""

    def test_the_target_is_watched_while_the_command_runs(self):
        app = self.app()
        load = self.greenwatch("run", "-p", app.pid, "-o", "x.json", "--", "sleep", "1.5")
        load.line("err", "^watching ", 2 * SOON_S)
        spans = app.stall()
        done = load.finish()
        self.assertEqual(done.code, 3, done.err)
        self.assert_reported(self.report(), spans)
        self.assertEqual(self.report()["run"]["command"], ["sleep", "*"])
        self.assertEqual(self.report()["run"]["settings"]["warmup_ns"], 0)
        self.assertIsNone(app.process.poll(), "the target goes on")

    def test_a_load_generator_that_stalls_is_called_out(self):
        app = self.app()
        load = self.begin("-p", app.pid)
        self.calm(app)
        self.calm(load)
        load.stall(earlier=CALM)
        done = self.leave(load)
        self.assertEqual(done.code, 0, "the program under load has not stalled")
        self.assertRegex(done.err, r"python3 stalled [0-9.]+ % of the time: the latencies it reports are wrong")
        notes = [note for note in self.report()["quality"]["degraded"] if "latencies" in note["what"]]
        self.assertEqual(len(notes), 1)
        self.assertIn("3 times", notes[0]["why"])

    def test_a_target_that_ends_ends_the_window(self):
        app = self.app()
        load = self.greenwatch("run", "-p", app.pid, "-o", "x.json", *NONE, "--", "sleep", "1")
        load.line("err", "^watching ", 2 * SOON_S)
        app.do("leave", 0)
        done = load.finish()
        self.assertEqual(done.code, 0, done.err)
        self.assertEqual(self.report()["run"]["ended_by"], "target-exit")


class Names(Run):
    def named(self, name):
        script = self.place / name
        shutil.copy(HERE / "app.py", script)
        app = tool.App(PYTHON, "-B", script)
        self.addCleanup(app.kill)
        self.addCleanup(app.process.stdin.close)
        return app

    def test_a_target_by_name(self):
        app = self.named("gw_unique_app.py")
        app.do("fork", "child")
        app.wait_ready(2)
        for args in (["-n", "gw_unique_app.py"], ["gw_unique_app.py"], ["-n", "gw_unique_app.py", "--no-follow"]):
            with self.subTest(args=args):
                watching = self.watch(*args)
                self.assertIn(str(app.pid), watching.line("err", "^watching ").text)
                tool.stop(watching)
        done = self.run_greenwatch("audit", "-n", "gw_unique_app.py", "--json")
        self.assertEqual(json.loads(done.out)["targets"][0]["pid"], app.pid)

    def test_several_of_one_name_are_listed_and_none_is_chosen(self):
        apps = [self.named("gw_twice_app.py") for _ in range(2)]
        done = self.run_greenwatch("-n", "gw_twice_app.py")
        self.assertEqual(done.code, 1)
        self.assertIn('2 processes are called "gw_twice_app.py"', done.err)
        for app in apps:
            self.assertIn(f"-p {app.pid} ", done.err)

    def test_a_name_that_nobody_has(self):
        self.assert_refused(self.run_greenwatch("-n", "gw-nobody"), 1, 'no process is called "gw-nobody"')
        self.assert_refused(self.run_greenwatch("gw-nobody"), 2, "neither a command nor the name of a process")
        self.assert_refused(self.run_greenwatch("run", "-n", "gw-nobody", "--", "echo"), 125, "no process is called")


if __name__ == "__main__":
    unittest.main()
