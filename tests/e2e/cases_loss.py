"""More events than can be taken in: nothing is lost in silence, and the tool stays small and stoppable."""

import json
import re
import signal
import subprocess
import threading
import unittest

import tool
from tool import Case, HERE, PYTHON, alone, expect_report, expect_valid

SPIN_US = 2
STOPPED_S, STOPS = 0.5, 4
RECORD_BYTES = 400      # of a late turn, about
MEMORY_KB = 64 * 1024
END_S = 2.0 + tool.QUICK_S  # the kernel takes 0.6 s to free the programs


class Storm(Case):
    """The target is a loop of some hundred thousand turns a second (storm.c)."""

    def storm(self):
        program = self.place / "storm"
        subprocess.run(["cc", "-O2", "-Wall", "-std=gnu11", "-o", program, HERE / "storm.c"], check=True, timeout=60)
        storm = tool.App(program, SPIN_US)
        self.addCleanup(storm.kill)
        self.addCleanup(storm.process.stdin.close)
        return storm

    def peak_kb(self, pid):
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            return int(re.search(r"VmHWM:\s*(\d+) kB", file.read()).group(1))

    def pause(self, seconds):
        """Time that simply has to pass."""
        threading.Event().wait(seconds)

    def starve(self, watching):
        for _ in range(STOPS):
            watching.signal(signal.SIGSTOP)
            self.pause(STOPPED_S)
            watching.signal(signal.SIGCONT)
            self.pause(0.2)

    def end_in_time(self, watching):
        peak = self.peak_kb(watching.pid)
        began = tool.time.monotonic()
        done = tool.stop(watching)
        self.assertLess(tool.time.monotonic() - began, END_S)
        self.assertEqual(done.code, 0, done.err)
        self.assertLess(peak, MEMORY_KB)
        return done

    def check_incomplete(self, report, text):
        quality = report["quality"]
        self.assertIs(quality["complete"], False)
        self.assertGreater(quality["lost"]["ring-full"], 10_000)
        lost = {reason for reason, n in quality["lost"].items() if n}
        # a namer that was kept waiting by a stopped greenwatch has missed its deadline
        self.assertEqual(lost - {"names-lost"}, {"ring-full"}, quality["lost"])
        self.assertRegex(report["diagnosis"][0], "(?i)lost.*incomplete.*may have been more")
        self.assertNotRegex(" ".join(report["diagnosis"]), "(?i)no stall")
        summary = text[text.rindex("\n\n") + 2:].splitlines()
        self.assertRegex(summary[0], r"^INCOMPLETE: [\d ]+ events were lost \(ring-full ")
        self.assertRegex(summary[-1], r"^[1-9][\d ]* events lost · ")
        self.assertNotRegex("\n".join(summary), r"(?i)\bno(ne)?\b.* stalls?|stalls? +none")
        self.assertRegex("\n".join(summary), r"(?m)^stalls  [\d ]+ seen ")

    @alone
    def test_what_a_starved_consumer_loses_is_counted_exactly_and_said_first(self):
        storm = self.storm()
        watching = self.watch("-p", storm.pid, "-T", "1us", "-o", "x.json")
        self.starve(watching)
        done = self.end_in_time(watching)
        report = expect_report((self.place / "x.json").read_text())
        self.check_incomplete(report, done.out)
        loop = next(loop for loop in report["loops"] if loop["pid"] == storm.pid)
        seconds = report["run"]["duration_ns"] / 1e9
        self.assertGreater(loop["turns"] * RECORD_BYTES / seconds / 1e6, 20, "MB/s: no storm")
        # every late turn was either seen or lost; the histogram holds them all
        seen = sum(site["count"] for site in report["sites"])
        late = loop["turns"] - sum(1 for stall in report["stalls"] if stall.get("open"))
        accounted = seen + report["quality"]["lost"]["ring-full"]
        self.assertGreater(accounted, late * 0.98)
        self.assertEqual(seen, len(report["stalls"]) + report["quality"]["stalls_folded"])

    @alone
    def test_starved_jsonl_ends_in_time_and_says_that_it_is_incomplete(self):
        storm = self.storm()
        watching = self.watch("-p", storm.pid, "-T", "1us", "-o", "x.jsonl", "-q")
        self.starve(watching)
        self.end_in_time(watching)
        with open(self.place / "x.jsonl", encoding="utf-8") as file:
            for line in file:
                pass
        summary = json.loads(line)
        self.assertEqual(summary["type"], "summary")
        expect_valid(summary)
        self.assertIs(summary["quality"]["complete"], False)
        self.assertEqual(summary["quality"]["lost"]["unexplained"], 0)

    @alone
    def test_it_ends_in_time_in_the_middle_of_a_storm(self):
        """With nothing else to wait for: the ring never runs empty by itself."""
        storm = self.storm()
        for _ in range(3):
            watching = self.watch("-p", storm.pid, "-T", "1us", "--json")
            self.pause(0.5)
            done = self.end_in_time(watching)
            report = expect_report(done.out)
            self.assertEqual(report["quality"]["lost"]["unexplained"], 0)

    @alone
    def test_it_stays_small_however_many_stalls_there_are(self):
        storm = self.storm()
        watching = self.watch("-p", storm.pid, "-T", "1us", "-o", "x.json")
        self.pause(6)
        self.end_in_time(watching)
        report = expect_report((self.place / "x.json").read_text())
        self.assertGreater(report["quality"]["stalls_folded"], 100_000)

    @alone
    def test_the_same_storm_loses_nothing_at_the_default_threshold(self):
        storm = self.storm()
        watching = self.watch("-p", storm.pid, "-o", "x.json")
        self.starve(watching)
        done = self.end_in_time(watching)
        report = expect_report((self.place / "x.json").read_text())
        self.assertIs(report["quality"]["complete"], True)
        self.assertEqual(sum(report["quality"]["lost"].values()), 0)
        self.assertGreater(report["loops"][0]["turns"], 100_000)
        self.assertRegex(done.out, r"(?m)^0 events lost · ")
        self.assertNotIn("INCOMPLETE", done.out)


class Limits(Case):
    def test_stalls_over_the_limit_are_counted_and_said(self):
        app = self.app()
        watching = self.watch("-p", app.pid, "--max-stalls", "3", "-o", "x.json")
        app.do("stall", 0.12, 6)
        app.span("stall_here", 6)
        done = tool.stop(watching)
        self.assertEqual(done.code, 0, done)
        report = expect_report((self.place / "x.json").read_text())
        self.assertEqual(len(report["stalls"]), 3)
        self.assertGreaterEqual(report["quality"]["stalls_folded"], 3)
        self.assertEqual(report["quality"]["lost"]["ring-full"], 0)
        self.assertEqual(sum(site["count"] for site in report["sites"]), 3 + report["quality"]["stalls_folded"])
        self.assertRegex(done.out, r"(?m)^stalls .*, \d+ only counted: over the limit of 3")

    def test_more_loops_than_a_test_likes_are_all_watched(self):
        """Two hundred threads with a loop each, in one process."""
        script = (
            "import asyncio, os, threading, time\n"
            "async def idle():\n"
            "    while True:\n"
            "        await asyncio.sleep(0.05)\n"
            "for i in range(200):\n"
            "    threading.Thread(target=asyncio.run, args=(idle(),), daemon=True).start()\n"
            "os.write(1, f'READY {os.getpid()} 0\\n'.encode())\n"
            "os.read(0, 1)\n")
        app = tool.App(PYTHON, "-c", script)
        self.addCleanup(app.kill)
        self.addCleanup(app.process.stdin.close)
        done = self.run_greenwatch("-p", app.pid, "-d", "2", "-T", "10s", "--json")
        self.assert_done(done)
        report = expect_report(done.out)
        self.assertEqual(len(report["loops"]), 200)
        self.assertIs(report["quality"]["complete"], True)
        self.assertTrue(all(loop["turns"] for loop in report["loops"]))

    def maps_bytes(self, watching):
        """Memory of the kernel's that this greenwatch's maps take: of all, and of those with the stacks of loops."""
        everything = stacks = 0
        for info in (tool.pathlib.Path("/proc") / str(watching.pid) / "fdinfo").iterdir():
            has = dict(line.split(":\t", 1) for line in info.read_text().splitlines() if ":\t" in line)
            if "map_type" in has:
                everything += int(has["memlock"])
                stacks += int(has["memlock"]) if int(has["value_size"]) > 40_000 else 0
        return everything, stacks

    def test_kernel_memory_is_taken_for_the_loops_there_are_and_not_for_all_there_could_be(self):
        app = self.app()
        watching = self.watch("-p", app.pid)
        few, stacks = self.maps_bytes(watching)
        self.assertTrue(0 < stacks < 1_500_000, stacks)
        self.assertLess(few, 8_000_000)
        for i in range(40):
            app.do("thread", f"t{i}")
        app.line("out", "^THREAD t39 ")
        for i in (0, 39):
            app.do("threadstall", f"t{i}", 0.15, 3)
        app.span("stall_in_thread", 6)
        self.assertGreater(self.maps_bytes(watching)[1], 2 * stacks)
        done = tool.stop(watching)
        self.assert_done(done)
        self.assertIn("0 events lost", done.out)
        self.assertRegex(done.out, "stall_in_thread")

    def test_loops_that_start_all_at_once_are_all_watched_in_the_end(self):
        script = (
            "import asyncio, os, threading\n"
            "async def idle():\n"
            "    while True:\n"
            "        await asyncio.sleep(0.05)\n"
            "os.write(1, f'READY {os.getpid()} 0\\n'.encode())\n"
            "os.read(0, 1)\n"
            "for i in range(200):\n"
            "    threading.Thread(target=asyncio.run, args=(idle(),), daemon=True).start()\n"
            "os.write(1, b'STARTED\\n')\n"
            "os.read(0, 1)\n")
        app = tool.App(PYTHON, "-c", script)
        self.addCleanup(app.kill)
        self.addCleanup(app.process.stdin.close)
        watching = self.watch("-p", app.pid, "-T", "10s", "-o", "x.json")
        app.do()
        app.line("out", "^STARTED")
        threading.Event().wait(2)  # time for all of them to turn many times
        done = tool.stop(watching)
        self.assert_done(done)
        report = expect_report((self.place / "x.json").read_text())
        self.assertEqual(len(report["loops"]), 200)
        self.assertEqual(report["quality"]["lost"]["loops-full"], 0)


class Torn(Case):
    """Stacks that are none: shown as far as they are sound, marked, and counted."""

    def torn(self, kind, reason, why):
        app = self.app("torn.py", kind)
        watching = self.watch("-p", app.pid, "-o", "x.json")
        app.do("go")
        span = app.span("stall_torn")
        done = tool.stop(watching)
        self.assert_done(done)
        report = expect_report((self.place / "x.json").read_text())
        stall = self.assert_reported(report, [span])
        frames = [report["frames"][index] for index in report["stacks"][stall["stack"]]]
        self.assertEqual([f["name"] for f in frames if f["kind"] == "python"], ["stall_torn"])
        self.assertEqual(frames[-1]["kind"], "marker")
        self.assertIn(why, frames[-1]["name"])
        self.assertGreaterEqual(report["quality"]["stacks"][reason], 1)
        self.assertIs(report["quality"]["complete"], True)
        return report

    def test_frames_that_go_in_a_circle_are_counted_and_the_stall_is_named(self):
        report = self.torn("circle", "circular", "come round again")
        told = [part for part in report["quality"]["degraded"] if "come round again" in part["why"]]
        self.assertEqual(len(told), 1, report["quality"])

    def test_a_frame_that_cannot_be_read_is_counted_and_the_stall_is_named(self):
        self.torn("nowhere", "unreadable", "could not be read")

    def test_two_hundred_frames_below_three_calls_from_c_are_whole(self):
        app = self.app("deep.py")
        watching = self.watch("-p", app.pid, "-o", "x.json")
        app.do("go")
        span = app.span("stall_deep")
        self.assert_done(tool.stop(watching))
        report = expect_report((self.place / "x.json").read_text())
        stall = self.assert_reported(report, [span])
        frames = [report["frames"][index] for index in report["stacks"][stall["stack"]]]
        names = [f["name"] for f in frames if f["kind"] == "python"]
        begin = names.index("stall_deep")
        self.assertEqual(names[begin:begin + 6], ["stall_deep", "in_key", "in_sort", "in_callback", "in_reduce", "start"])
        self.assertEqual(names.count("down"), 200)
        self.assertEqual(names[-1], "<module>")
        self.assertFalse([f for f in frames if f["kind"] == "marker"])
        inner = [f["name"] for f in frames]
        native = [f["kind"] for f in frames[inner.index("in_callback"):inner.index("in_reduce")]]
        self.assertIn("native", native, "ctypes lies between the two")
        self.assertEqual(report["quality"]["stacks"]["cut"], 0)


if __name__ == "__main__":
    unittest.main()
