"""The audit of monkey patching: what was planted is named, what is fine is not, in every interpreter that is there."""

import glob
import json
import os
import re
import shutil
import subprocess

import tool
from tool import Case, HERE, PYTHON, ROOT

APPS = HERE / "audit"
VENVS = "/tmp/gw-venvs/*/bin/python"  # of tests/venvs.sh
OTHERS = "/tmp/gw-programs/bin/python"  # of tests/venvs.sh --programs
WARNINGS = ("-W", "ignore")

CAPTURED = {
    ("select.poll", "early.poll"), ("time.sleep", "early.sleep"), ("socket.socket", "early.S"),
    ("time.sleep", "early.waiter (functools.partial)"), ("time.sleep", "early.table (dict)"),
    ("socket.socket", "early.MySocket (base class)"), ("ssl.SSLContext", "early.Context (base class)"),
    ("time.sleep", "early.Client.nap"), ("time.sleep", "early.Client.wait"),
    ("subprocess.Popen", "early.Client.launcher"), ("os.waitpid", "early.Client.ask (default argument)"),
    ("time.sleep", "early.client.pause"), ("time.sleep", "early.with_default (default argument)"),
    ("socket.getaddrinfo", "early.with_keyword (default argument)"), ("time.sleep", "early.closed (closure)"),
    ("select.select", "early.decorated (closure)"),
}
LOCKS = {
    ("threading.Lock", "early.biglock"), ("threading.RLock", "early.again"), ("queue.SimpleQueue", "early.simple"),
    ("queue.Queue", "early.jobs"), ("threading.Event", "early.ready"), ("threading.Lock", "early.client._guard"),
    ("threading.RLock", "early.Quiet early-handler"), ("threading.Lock", "early.handler.guard"),
}


GEVENT = "from gevent import monkey; monkey.patch_all()"  # some lack what that needs


def can(python, code):
    return not subprocess.run([python, *WARNINGS, "-c", code], capture_output=True, check=False).returncode


def pythons(code):
    """The interpreters that are there and can run that."""
    return [python for python in (PYTHON, *sorted(glob.glob(VENVS))) if can(python, code)]


def patches(report, kind):
    return {(p["what"], p.get("where")) for p in report["patches"] if p["kind"] == kind}


class Audit(Case):

    def target(self, *argv, python=PYTHON, **more):
        target = self.start(python, "-B", *WARNINGS, *argv, **more)
        ready = target.line("out", "^(READY|SKIP) ")
        if ready.text.startswith("SKIP"):
            self.skipTest(ready.text)
        target.pid = int(ready.text.split()[1])
        return target

    def audit(self, target, *args, code=0):
        done = self.run_greenwatch("audit", "-p", target.pid, *args)
        self.assert_done(done, code)
        return done

    def report(self, target, *args):
        return tool.expect_report(self.audit(target, "--json", *args).out)

    def patching(self, report):
        self.assertEqual(len(report["targets"]), 1)
        return report["targets"][0]["patching"]


class Faults(Audit):

    def check_faults(self, python):
        report = self.report(self.target(APPS / "app.py", python=python))
        self.assertEqual(patches(report, "captured-original"), CAPTURED)
        self.assertEqual(patches(report, "native-lock"), LOCKS)
        self.assertEqual(patches(report, "late"), {("ssl", None)})
        self.assertEqual(patches(report, "not-patched"), set())
        self.assertEqual(patches(report, "native-client"), set())
        sockets = [p["detail"] for p in report["patches"] if p["kind"] == "native-socket"]
        self.assertEqual(len(sockets), 2, sockets)
        self.assertRegex(" ".join(sorted(sockets)), r"tcp 127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+ tcp, listens at 127")
        closure = next(p for p in report["patches"] if p.get("where") == "early.closed (closure)")
        source = (APPS / "early.py").read_text().splitlines()
        self.assertIn("def closed", source[closure["line"] - 1])
        self.assertEqual(os.path.basename(closure["file"]), "early.py")
        self.assertTrue(self.patching(report)["complete"])

    def test_every_planted_fault_is_named_and_no_decoy(self):
        found = pythons(GEVENT)
        self.assertIn(PYTHON, found)
        for python in found:
            with self.subTest(python=python):
                self.check_faults(python)

    def test_a_program_patched_first_of_all_has_nothing(self):
        for python in pythons(GEVENT):
            with self.subTest(python=python):
                target = self.target(APPS / "app.py", "--clean", python=python)
                report = self.report(target)
                self.assertEqual(report["patches"], [])
                self.assertEqual(self.patching(report)["state"], "patched")
                self.assertEqual(self.patching(report)["patched"]["time"], ["sleep"])
                self.assertIn("nothing was missed", self.audit(target).out)

    def test_what_patch_all_was_told_to_leave_out_is_named(self):
        report = self.report(self.target(APPS / "app.py", "--no-subprocess", "--no-thread"))
        details = {p["detail"] for p in report["patches"] if p["kind"] == "not-patched"}
        self.assertEqual(details, {"patch_all(subprocess=False)", "patch_all(thread=False)"})
        report = self.report(self.target(APPS / "app.py", "--no-dns"))
        self.assertIn("dns=False", json.dumps([p for p in report["patches"] if p["kind"] == "not-patched"]))

    def test_a_hub_without_any_patching_is_named(self):
        target = self.target(APPS / "app.py", "--never")
        report = self.report(target)
        self.assertEqual(self.patching(report)["state"], "not-patched")
        self.assertIn(("everything", None), patches(report, "not-patched"))
        self.assertRegex(self.audit(target).out, r"never called")

    def test_patching_in_another_thread_is_named(self):
        for python in pythons(GEVENT):
            with self.subTest(python=python):
                report = self.report(self.target(APPS / "app.py", "--thread", python=python))
                self.assertIn(("monkey patching", None), patches(report, "late"))

    def test_eventlet_is_understood_too(self):
        found = pythons("import eventlet")
        if not found:
            self.skipTest("no interpreter here has eventlet; tests/venvs.sh makes one")
        for python in found:
            with self.subTest(python=python):
                report = self.report(self.target(APPS / "green.py", python=python))
                self.assertEqual(self.patching(report)["library"], "eventlet")
                named = patches(report, "captured-original")
                for pair in (("time.sleep", "early.sleep"), ("socket.socket", "early.S"),
                             ("select.select", "early.decorated (closure)"),
                             ("socket.socket", "early.MySocket (base class)")):
                    self.assertIn(pair, named)
                self.assertIn(("threading.Lock", "early.biglock"), patches(report, "native-lock"))
                for patch in report["patches"]:
                    self.assertTrue(patch.get("where", "early").startswith("early"), patch)
                report = self.report(self.target(APPS / "green.py", python=python, env={"GREEN": "part"}))
                self.assertIn(("_thread", None), patches(report, "not-patched"))


    def test_it_agrees_with_what_the_process_itself_knows(self):
        done = self.start(PYTHON, "-B", APPS / "truth.py", "--greenwatch", tool.Settings.greenwatch, "--wait", 3, "--",
                          PYTHON, "-B", APPS / "app.py").finish(60)
        self.assert_done(done)
        self.assertRegex(done.out, r"patched: [4-9]\d entries of saved, [3-9] attributes named, .*: agrees")


# What is run; what the audit says of one of its processes; how many attributes it names there at least.
PROGRAMS = {
    "gunicorn": (("gunicorn", "-k", "gevent", "-b", "127.0.0.1:0", "web:application"), "patched", 0),
    "gunicorn --preload": (("gunicorn", "--preload", "-k", "gevent", "-b", "127.0.0.1:0", "web:application"),
                           "patched", 1),
    "celery": (("celery", "-A", "jobs", "worker", "-P", "gevent", "-c", "4"), "patched", 0),
    "locust": (("locust", "-f", "locustfile.py", "--headless", "-u", "2", "-r", "2", "--host", "http://127.0.0.1:1"),
               "patched", 0),
    "uvicorn": (("uvicorn", "web:endpoint", "--port", "0"), "none", 0),
}


class Programs(Audit):

    def agree(self, name):
        argv, state, named = PROGRAMS[name]
        python = next((p for p in (PYTHON, OTHERS) if os.access(p, os.X_OK) and can(p, f"import {argv[0]}")), None)
        if not python:
            self.skipTest(f"no interpreter here has {argv[0]}; make deps or tests/venvs.sh --programs installs it")
        shutil.copytree(APPS / "programs", self.place, dirs_exist_ok=True)
        done = self.start(PYTHON, "-B", APPS / "truth.py", "--greenwatch", tool.Settings.greenwatch, "--wait", 8,
                          "--name", name, "--", python, "-B", "-m", *argv).finish(60)
        self.assert_done(done)
        told = re.findall(r"(?m)^.* \d+ (\S+): \d+ entries of saved, (\d+) attributes named, \d+ modules, \d+ ms, "
                          r"(\d+) ms of CPU in all: agrees$", done.out)
        self.assertEqual(len(told), done.out.count("\n"), done.out)
        self.assertTrue(any(it[0] == state and int(it[1]) >= named for it in told), done.out)
        self.assertLessEqual(max(int(it[2]) for it in told), 500, done.out)

    def test_gunicorn_is_audited_as_it_knows_itself(self):
        self.agree("gunicorn")

    def test_gunicorn_with_preload_is_audited_as_it_knows_itself(self):
        self.agree("gunicorn --preload")

    def test_a_worker_of_celery_is_audited_as_it_knows_itself(self):
        self.agree("celery")

    def test_locust_is_audited_as_it_knows_itself(self):
        self.agree("locust")

    def test_uvicorn_is_audited_as_it_knows_itself(self):
        self.agree("uvicorn")


class Clients(Audit):

    def test_psycopg2_is_named_unless_it_has_a_wait_callback(self):
        found = pythons(GEVENT + "; import psycopg2")
        if not found:
            self.skipTest("no interpreter here has psycopg2")
        for python in found:
            with self.subTest(python=python):
                report = self.report(self.target(APPS / "app.py", "--clean", "--psycopg2", python=python))
                self.assertEqual([(p["kind"], p["what"], p["rule"]) for p in report["patches"]],
                                 [("native-client", "psycopg2", "GW1001")])
                report = self.report(self.target(APPS / "app.py", "--clean", "--psycopg2", "--psycogreen",
                                                 python=python))
                self.assertEqual(report["patches"], [])

    def test_an_open_sqlite_connection_is_named(self):
        report = self.report(self.target(APPS / "app.py", "--clean", "--sqlite3"))
        self.assertEqual([p["what"] for p in report["patches"]], ["sqlite3"])


class Harmless(Audit):

    def test_each_harmless_holder_may_hold_what_a_stranger_may_not(self):
        table = (ROOT / "lib" / "audit" / "harmless.c").read_text().split("harmless[] = {")[1].split("};")[0]
        rows = re.findall(r'\{ "([^"]+)",\s*"([^"]+)",\s*"[^"]+" \}', table)
        self.assertEqual(len(rows), table.count("{"), table)
        words = [f"{module.replace('*', '_x')}:{name.replace('*', 'nap')}" for module, name in rows]
        report = self.report(self.target(APPS / "harmless.py", *words, "stranger:nap"))
        self.assertEqual({p["where"] for p in report["patches"]}, {"stranger.nap", "stranger.holder.nap"})


class Others(Audit):

    def test_asyncio_is_told_that_the_inventory_is_the_answer(self):
        target = self.target(APPS / "idle.py", "asyncio")
        done = self.audit(target)
        self.assertIn("does not use monkey patching", done.out)
        self.assertIn("asyncio", done.out)
        self.assertEqual(self.patching(self.report(target))["state"], "none")

    def test_a_python_without_a_loop_does_not_use_patching(self):
        self.assertIn("does not use monkey patching", self.audit(self.target(APPS / "idle.py", "plain")).out)

    def test_gevent_that_is_only_imported_is_no_fault(self):
        target = self.target(APPS / "idle.py", "imported")
        self.assertIn("nothing to find", self.audit(target, "--fail-on", "any").out)
        self.assertEqual(self.report(target)["patches"], [])

    def test_a_process_without_python_is_told_so(self):
        sleeper = self.sleeper()
        self.assertIn("runs no Python", self.audit(sleeper).out)

    def test_a_process_that_is_not_there_is_an_error(self):
        pid = self.dead_pid()
        self.assert_refused(self.run_greenwatch("audit", "-p", pid), 1, f"no process with pid {pid}")
        self.assert_refused(self.run_greenwatch("audit", "-p", 2), 1, "kernel thread")

    def test_children_are_audited_with_their_parent(self):
        target = self.start("sh", "-c", f"{PYTHON} -B -W ignore {APPS / 'app.py'} --clean & wait")
        child = int(target.line("out", "^READY ").text.split()[1])
        report = tool.expect_report(self.run_greenwatch("audit", "-p", target.pid, "--json").out)
        self.assertEqual({t["pid"]: t["patching"]["state"] for t in report["targets"]},
                         {target.pid: "no-python", child: "patched"})
        report = tool.expect_report(self.run_greenwatch("audit", "-p", target.pid, "--no-follow", "--json").out)
        self.assertEqual([t["pid"] for t in report["targets"]], [target.pid])
        os.kill(child, 9)


class Verdict(Audit):

    def test_fail_on_is_the_exit_code(self):
        target = self.target(APPS / "app.py")
        self.audit(target, code=0)
        self.audit(target, "--fail-on", "captured-original", code=3)
        self.audit(target, "--fail-on", "not-patched,native-socket", code=3)
        self.audit(target, "--fail-on=not-patched", "--fail-on", "late", code=3)
        self.audit(target, "--fail-on", "any", "-q", code=3)
        self.audit(target, "--fail-on", "not-patched,native-client", code=0)

    def test_what_is_no_kind_is_refused(self):
        for value in ("banana", "late,", ",", "late,banana", "captured"):
            self.assert_refused(self.run_greenwatch("audit", "-p", "1", "--fail-on", value), 2, "--fail-on",
                                "captured-original")
        self.assert_refused(self.run_greenwatch("audit"), 2, "no process given")
        self.assert_refused(self.run_greenwatch("audit", "banana"), 2, "banana")
        self.assert_refused(self.run_greenwatch("-p", "1", "--fail-on", "late"), 2, "--fail-on", "watch")
        self.assert_refused(self.run_greenwatch("audit", "-p", "1", "-T", "5ms"), 2, "threshold", "audit")


class Hostile(Audit):

    def test_a_huge_process_costs_bounded_time(self):
        target = self.target(APPS / "hostile.py", "big")
        done = self.audit(target, "--json")
        report = tool.expect_report(done.out)
        self.assertIn(("time.sleep", "__main__.sleep"), patches(report, "captured-original"))
        self.assertLess(done.seconds, 10)
        self.assertLess(report["quality"]["overhead"]["cpu_ns"], 1_500_000_000)

    def test_names_of_the_target_cannot_drive_the_terminal(self):
        target = self.target(APPS / "hostile.py", "evil")
        text = self.audit(target, "-v").out
        self.assertIn("nap", text)
        for bad in ("\x1b", "\x07", "\u202e"):
            self.assertNotIn(bad, text)
        self.report(target)

    def test_a_page_that_nobody_fills_in_is_passed_over(self):
        report = self.report(self.target(APPS / "hostile.py", "stuck"))
        self.assertIn(("time.sleep", "__main__.sleep"), patches(report, "captured-original"))

    def test_torn_pointers_are_passed_over(self):
        for python in pythons(GEVENT):
            with self.subTest(python=python):
                report = self.report(self.target(APPS / "hostile.py", "torn", python=python))
                self.assertIn(("time.sleep", "__main__.sleep"), patches(report, "captured-original"))


class Watch(Audit):

    def test_watch_has_the_findings_in_its_report_and_summary(self):
        target = self.target(APPS / "app.py")
        place = self.place / "out.json"
        watching = self.watch("-p", target.pid, "-d", 3, "-o", place)
        done = watching.finish()
        self.assert_done(done)
        report = tool.expect_report(place.read_text())
        self.assertEqual(patches(report, "captured-original"), CAPTURED)
        self.assertEqual(patches(report, "native-lock"), LOCKS)
        self.assertEqual(len(report["patches"]), len(CAPTURED) + len(LOCKS) + 3)
        self.assertRegex(done.out, r"(?m)^ +\d+ captured-original: .* and \d+ more$")
        self.assertIn(f"greenwatch audit -p {target.pid}", done.out)

    def test_a_tape_holds_the_audit(self):
        target = self.target(APPS / "app.py")
        tape = self.place / "a.tape"
        first, second = self.place / "first.json", self.place / "second.json"
        self.assert_done(self.run_greenwatch("record", tape, "-p", target.pid, "-d", 3, "-o", first))
        self.assert_done(self.run_greenwatch("replay", tape, "-o", second))
        before, after = (json.loads(path.read_text()) for path in (first, second))
        self.assertTrue(before["patches"])
        self.assertEqual(before["patches"], after["patches"])
        self.assertEqual(before["targets"], after["targets"])
