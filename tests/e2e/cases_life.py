"""Targets that begin, change and end: what is a loop, children and threads, exec and exit, and what is left behind."""

import json
import os
import re
import shutil
import signal
import subprocess
import unittest

import tool
from tool import (Case, HERE, NEAR_NS, PYTHON, QUICK_S, SAME_NS, SOON_S, TIMES, UNLOAD_S, Settings, covers,
                  expect_report, interval, stalls_of, stop, told)


class NoLoop(Case):
    def test_a_process_that_is_no_loop_is_described_and_watched_on(self):
        sleeper = self.sleeper()
        tool_ = self.watch("-p", sleeper.pid, "-o", "x.json")
        told = tool_.line("err", "no event loop")
        seconds = (told.ns - tool_.line("err", "^watching ").ns) / 1e9
        self.assertTrue(2 < seconds < 6, seconds)
        for part in (str(sleeper.pid), "sleeps in clock_nanosleep", "still looking"):
            self.assertIn(part, told.text)
        done = stop(tool_)
        self.assertEqual(done.code, 1, done)
        self.assertEqual(len(re.findall("still looking", done.err)), 1, done.err)
        self.assertRegex(done.err.splitlines()[-1], "no event loop was seen")
        self.assertIn("no event loop was seen", done.out)
        self.assertNotIn("stalls", done.out)
        report = expect_report((self.place / "x.json").read_text())
        self.assertEqual((report["loops"], report["stalls"]), ([], []))
        self.assertRegex(report["diagnosis"][0], "(?i)no event loop")

    def test_that_no_loop_was_seen_is_an_error_after_any_time(self):
        done = self.run_greenwatch("-p", self.sleeper().pid, "-d", "0.5", "--json")
        self.assertEqual(done.code, 1, done)
        self.assertRegex(done.err.splitlines()[-1], "no event loop was seen")
        self.assertEqual(expect_report(done.out)["loops"], [])

    def test_a_process_that_becomes_a_loop_later_is_found_then(self):
        app = self.app("app.py", "--later")
        watching = self.watch("-p", app.pid, "-o", "x.json")
        self.assertRegex(watching.line("err", "no event loop").text, "sleeps in read")
        app.do("")
        app.wait_ready(2)
        spans = app.stall()
        done = stop(watching)
        self.assert_done(done)
        self.assertIn("stall_here", done.out)
        report = expect_report((self.place / "x.json").read_text())
        self.assert_reported(report, spans)
        self.assertEqual(len(report["loops"]), 1)

    def test_a_loop_that_idles_all_the_time_is_one(self):
        app = self.app()
        done = self.run_greenwatch("-p", app.pid, "-d", "0.5", "-T", "5s")
        self.assert_done(done)
        self.assertRegex(done.err, r"^watching 1 asyncio loop: \S+ " + str(app.pid))
        self.assertRegex(done.out, "stalls  none over 5 s")


class Ends(Case):
    def test_a_target_that_exits_ends_the_run(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-o", "x.json")
        spans = app.stall()
        app.leave()
        done = watching.finish(SOON_S)
        self.assert_done(done)
        self.assert_summary(done.out)
        report = expect_report((self.place / "x.json").read_text())
        self.assertEqual(report["run"]["ended_by"], "target-exit")
        self.assert_reported(report, spans)

    def test_a_target_killed_in_a_stall_ends_the_run_with_the_stall_so_far(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-o", "x.json")
        app.do("stall", 30)
        began = app.begin_ns("stall_here")
        watching.line("out", "still going on")
        before = tool.time.monotonic_ns()
        app.process.kill()
        app.wait()
        after = tool.time.monotonic_ns()
        self.assertLess((watching.line("out", "^[0-9]+ events? lost").ns - after) / 1e9, QUICK_S)
        self.assert_done(watching.finish())
        self.assertLess((tool.time.monotonic_ns() - after) / 1e9, QUICK_S + UNLOAD_S)
        report = expect_report((self.place / "x.json").read_text())
        self.assertEqual(report["run"]["ended_by"], "target-exit")
        found = stalls_of(report, "stall_here")
        self.assertEqual(len(found), 1, report["stalls"])
        begin, end = interval(report, found[0])
        self.assertFalse(found[0].get("open", False))
        self.assertEqual(found[0]["cause"], "syscall")
        self.assertLess(abs(begin - began), SAME_NS)
        self.assertLess(before - NEAR_NS, end)
        self.assertLess(end, after + NEAR_NS)

    def test_it_goes_on_until_the_last_of_its_targets_has_ended(self):
        first, second = self.app(), self.app()
        watching = self.watch("-p", first.pid, "-p", second.pid, "--json")
        first.leave()
        spans = second.stall()
        second.leave()
        done = watching.finish(SOON_S)
        self.assert_done(done)
        report = expect_report(done.out)
        self.assertEqual(report["run"]["ended_by"], "target-exit")
        self.assert_reported(report, spans, second.loop)

    def test_exec_in_a_stall_ends_that_stall_and_the_next_image_is_watched(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "-o", "x.json")
        app.stall()
        app.do("execute", 0.8)
        began = app.begin_ns("stall_before_exec")
        app.wait_ready(2)
        spans = app.stall(function="stall_in_second_image")
        done = stop(watching)
        self.assert_done(done)
        self.assertIn("stall_in_second_image", done.out)
        report = expect_report((self.place / "x.json").read_text())
        first = stalls_of(report, "stall_before_exec")
        self.assertEqual(len(first), 1, told(report))
        self.assertRegex(done.out, "executed another image|has ended")
        begin, end = interval(report, first[0])
        self.assertLess(abs(begin - began), SAME_NS)
        self.assertGreater(end - begin, 800_000_000 - NEAR_NS)
        self.assertLess(end, spans[0].begin)
        second = self.assert_reported(report, spans)
        frame = report["frames"][second["frame"]]
        self.assertEqual((os.path.basename(frame["file"]), frame["line"]), ("second.py", 9))
        names = {report["frames"][i]["name"] for i in report["stacks"][second["stack"]]}
        self.assertNotIn("stall_here", names)
        self.assertEqual(len(report["targets"]), 1)
        self.assertEqual(len(report["loops"]), 2)


class Families(Case):
    def test_a_child_is_followed_and_without_follow_it_is_not(self):
        app = self.app()
        both = self.watch("-p", app.pid, "--json")
        alone = self.watch("-p", app.pid, "--no-follow", "--json")
        app.do("fork", "child")
        child, _ = app.wait_ready(2)
        in_parent = app.stall()
        in_child = app.stall("tell", "child", "stall", function="stall_in_child")
        done = stop(both)
        self.assert_done(done)
        report = expect_report(done.out)
        self.assertEqual({loop["pid"] for loop in report["loops"]}, {app.pid, child})
        self.assert_reported(report, in_parent, app.loop)
        self.assert_reported(report, in_child, f"{child}/{child}")
        self.assertIn({"pid": child, "parent": app.pid},
                      [{key: t.get(key) for key in ("pid", "parent")} for t in report["targets"]])
        done = stop(alone)
        self.assert_done(done)
        report = expect_report(done.out)
        self.assertEqual({loop["pid"] for loop in report["loops"]}, {app.pid})
        self.assertEqual({target["pid"] for target in report["targets"]}, {app.pid})
        self.assert_reported(report, in_parent)
        self.assertEqual(stalls_of(report, "stall_in_child"), [])

    def workers_are_reported(self, early, kind, *args):
        """A master of two workers, forked before or after greenwatch came."""
        function = "stall_in_greenlet" if kind == "gevent" else "stall_in_child"
        master = self.app("prefork.py", *args)
        watching = None if early else self.watch("-p", master.pid, "-o", "x.json")
        workers = []
        for i, name in enumerate(("one", "two")):
            master.do("fork", name)
            workers.append(master.wait_ready(i + 2)[0])
        if early:
            watching = self.watch("-p", master.pid, "-o", "x.json")
        spans = []
        for i, name in enumerate(("one", "two")):
            spans.append(master.stall("tell", name, "stall", function=function, earlier=i * TIMES))
        done = stop(watching)
        self.assert_done(done)
        report = expect_report((self.place / "x.json").read_text())
        self.assertEqual({(loop["pid"], loop["runtime"]) for loop in report["loops"]}, {(pid, kind) for pid in workers})
        for pid, own in zip(workers, spans):
            self.assert_reported(report, own, f"{pid}/{pid}")
            self.assertRegex(done.out, rf"(?m)^loop +{pid} .*[1-9] stalls?$")
        return done

    def test_workers_forked_later_are_followed(self):
        self.workers_are_reported(False, "asyncio")

    def test_gevent_workers_forked_later_are_followed(self):
        self.workers_are_reported(False, "gevent", "--gevent")

    def test_workers_that_are_there_already_are_watched(self):
        done = self.workers_are_reported(True, "asyncio")
        self.assertRegex(done.err, r"(?m)^watching 2 asyncio loops: ")

    def test_gevent_workers_that_are_there_already_are_watched(self):
        done = self.workers_are_reported(True, "gevent", "--gevent")
        self.assertRegex(done.err, r"(?m)^watching 2 gevent loops: ")

    def test_a_thread_started_later_with_a_loop_of_its_own_is_followed(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "--json")
        app.do("thread", "later")
        tid = int(app.line("out", "^THREAD later ").text.split()[2])
        spans = app.stall("threadstall", "later", function="stall_in_thread")
        done = stop(watching)
        self.assert_done(done)
        self.assert_reported(expect_report(done.out), spans, f"{app.pid}/{tid}")

    def test_of_two_loops_in_one_process_only_the_one_that_stalls_is_blamed(self):
        app = self.app()
        app.do("thread", "other")
        tid = int(app.line("out", "^THREAD other ").text.split()[2])
        watching = self.watch("-p", app.pid, "-o", "x.json")
        self.assertRegex(watching.err.text(), "^watching 2 asyncio loops: ")
        spans = app.stall("threadstall", "other", function="stall_in_thread")
        done = stop(watching)
        self.assert_done(done)
        report = expect_report((self.place / "x.json").read_text())
        self.assertEqual({loop["tid"] for loop in report["loops"]}, {app.pid, tid})
        self.assert_reported(report, spans, f"{app.pid}/{tid}")
        wrong = [s for s in report["stalls"] if s["loop"] == app.loop]
        self.assertFalse(any(covers(interval(report, s), span) for s in wrong for span in spans), told(report))
        self.assertRegex(done.out, rf"(?m)^ \+\d+\.\d+s  {app.pid}/{tid}  ")


class Targets(Case):
    def test_several_pids_are_watched_however_they_are_given(self):
        apps = [self.app() for _ in range(4)]
        a, b, c, d = (app.pid for app in apps)
        watching = self.watch("-p", f"{a},{b}", f"--pid={c}", d, "--json")
        self.assertRegex(watching.err.text(), "^watching 4 asyncio loops: ")
        spans = [app.stall() for app in apps]
        done = stop(watching)
        self.assert_done(done)
        report = expect_report(done.out)
        self.assertEqual({target["pid"] for target in report["targets"]}, {a, b, c, d})
        for app, own in zip(apps, spans):
            self.assert_reported(report, own, app.loop)

    def test_a_bare_number_is_a_pid_and_watch_may_be_said(self):
        app = self.app()
        for args in ((app.pid,), ("watch", app.pid), ("-d", "0.2", "watch", "-p", app.pid), (app.pid, "-p", app.pid)):
            with self.subTest(args=args):
                done = self.run_greenwatch(*args, "-d", "0.3", "--json")
                self.assert_done(done)
                report = expect_report(done.out)
                self.assertEqual([t["pid"] for t in report["targets"]], [app.pid])
                self.assertEqual([loop["pid"] for loop in report["loops"]], [app.pid])
                self.assertEqual(report["run"]["ended_by"], "duration")

    def test_a_target_in_a_pid_namespace_is_known_by_its_outer_pid(self):
        app = tool.App("unshare", "-pf", "--mount-proc", PYTHON, "-B", HERE / "app.py")
        self.addCleanup(app.kill)
        self.addCleanup(app.process.stdin.close)
        self.assertEqual(app.wait_ready(), (1, 1))
        with open(f"/proc/{app.pid}/task/{app.pid}/children", encoding="ascii") as file:
            outer = int(file.read())
        watching = self.watch("-p", outer, "--json")
        app.do("thread", "other")
        app.line("out", "^THREAD other ")
        in_main = app.stall()
        in_thread = app.stall("threadstall", "other", function="stall_in_thread")
        done = stop(watching)
        self.assert_done(done)
        report = expect_report(done.out)
        self.assert_reported(report, in_main, f"{outer}/{outer}")
        other = next(loop["id"] for loop in report["loops"] if loop["tid"] != outer)
        self.assert_reported(report, in_thread, other)
        self.assertEqual({loop["pid"] for loop in report["loops"]}, {outer})

    def test_options_of_the_environment_come_before_those_of_the_line(self):
        app = self.app()
        done = self.run_greenwatch("-p", app.pid, "-d", "0.2", env={"GREENWATCH_OPTIONS": "-d 30 --json -T 70ms"})
        self.assert_done(done)
        report = expect_report(done.out)
        self.assertEqual(report["run"]["settings"]["threshold_ns"], 70_000_000)
        self.assertLess(report["run"]["duration_ns"], 10_000_000_000)


class Traces(Case):
    """What it does to the machine, and what it leaves."""

    def programs_of(self, pid):
        """The ids of the BPF programs and maps that a process holds."""
        ids = set()
        for fd in os.listdir(f"/proc/{pid}/fdinfo"):
            try:
                with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii", errors="replace") as file:
                    ids.update(re.findall(r"^(prog|map)_id:\s*(\d+)", file.read(), re.M))
            except FileNotFoundError:
                pass
        return ids

    def programs(self):
        """The ids of all BPF programs and maps there are, and the programs' names."""
        bpftool = shutil.which("bpftool", path=os.environ["PATH"] + ":/usr/sbin")
        ids, names = set(), {}
        for kind in ("prog", "map"):
            listed = subprocess.run([bpftool, "-j", kind, "list"], capture_output=True, check=True, timeout=SOON_S)
            for item in json.loads(listed.stdout):
                ids.add((kind, str(item["id"])))
                if kind == "prog":
                    names[str(item["id"])] = item.get("name", "")
        return ids, names

    def children_of(self, pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    def runs(self, pid):
        """A dead child that PID 1 has not buried yet does not."""
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                return file.read().rpartition(")")[2].split()[0] not in "ZX"
        except FileNotFoundError:
            return False

    def leaves_nothing(self, number):
        app = self.app()
        watching = self.watch("-p", app.pid)
        own = self.programs_of(watching.pid)
        there, names = self.programs()
        programs = {names[i] for kind, i in own if kind == "prog" and i in names}
        for wanted in ("turn_", "sched_switch", "sample_tick", "life_"):
            self.assertTrue(any(name.startswith(wanted) for name in programs), programs)
        self.assertTrue(own <= there)
        namers = self.children_of(watching.pid)
        self.assertEqual(len(namers), 1)
        watching.signal(number)
        watching.wait()
        self.eventually(lambda: not own & self.programs()[0], UNLOAD_S, "its BPF programs and maps are gone")
        self.eventually(lambda: not self.runs(namers[0]), UNLOAD_S, "its namer is gone")
        self.assertIsNone(app.process.poll(), "the target goes on")
        app.do("stall", 0)
        app.span("stall_here")

    def test_killed_it_leaves_no_program_map_or_process_behind(self):
        self.leaves_nothing(signal.SIGKILL)

    def test_stopped_it_leaves_no_program_map_or_process_behind(self):
        self.leaves_nothing(signal.SIGTERM)

    def test_it_neither_traces_nor_signals_nor_writes_to_its_target(self):
        strace = shutil.which("strace")
        if not strace:
            self.skipTest("strace is not installed")
        app = self.app()
        log = self.place / "calls"
        calls = "trace=ptrace,process_vm_writev,kill,tkill,tgkill,rt_sigqueueinfo,rt_tgsigqueueinfo," \
                "pidfd_send_signal,socket,connect,execve,execveat,open,openat,openat2"
        watching = self.start(strace, "-f", "-qq", "--seccomp-bpf", "-o", log, "-e", calls,
                              Settings.greenwatch, "-p", app.pid, "-o", "x.json", "-d", "2")
        watching.line("err", "^watching ")
        spans = app.stall()
        self.assert_done(watching.finish())
        report = expect_report((self.place / "x.json").read_text())
        self.assertTrue(any(covers(interval(report, s), spans[0]) for s in report["stalls"]), told(report))
        lines = [line.split(None, 1)[1] for line in log.read_text().splitlines()]
        begun = [line for line in lines if line.startswith(("execve", "execveat"))]
        self.assertEqual(len(begun), 1, "greenwatch itself, and nothing else")
        others = [line for line in lines if not line.startswith(("exec", "open", "---", "+++", "<..."))]
        for line in others:
            self.assertTrue(line.startswith("pidfd_send_signal"), line)  # to end its namer, and that of the audit
        self.assertLessEqual(len(others), 2, others)
        opened = [line for line in lines if line.startswith("open")]
        self.assertTrue(any("mem" in line for line in opened), "the target's memory is opened, for reading")
        for line in opened:
            if re.search(r"O_WRONLY|O_RDWR", line):
                self.assertRegex(line, r"x\.json|/dev/|perf|bpf", "nothing of the target is opened for writing")


if __name__ == "__main__":
    unittest.main()
