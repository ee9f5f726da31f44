"""The namer holds: memory, files and paths of a target that never answer cost names, and nothing else."""

import os
import subprocess
import time

from tool import App, Case, HERE, PYTHON, UNLOAD_S, Span, expect_report, stop

ENDS_S = 1.0 + UNLOAD_S
HELD_S = 1.0    # a stall of 0.15 s that greenwatch itself had made longer
FEW_RIGHTS = ("setpriv", "--bounding-set", "-all,+bpf,+perfmon,+sys_ptrace,+setuid,+setgid", "--inh-caps", "-all")


class Holds(Case):
    def stuck(self, *words):
        """stuck.py with what it is to do, where needed on a file system that never answers a read."""
        argv = [PYTHON, "-B", HERE / "stuck.py", *words]
        if words[0] in ("file", "code"):
            if not os.path.exists("/dev/fuse"):
                self.skipTest("no /dev/fuse here; the case of the userfaultfd is the same for the memory")
            argv = [PYTHON, "-B", HERE / "stuckfs.py", os.path.dirname(words[1]), *argv]
        app = App(*argv)
        self.addCleanup(app.kill)
        self.addCleanup(app.process.stdin.close)
        return app

    def library(self):
        path = self.place / "libstall.so"
        subprocess.run(["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", path, HERE / "stall_in_c.c"], check=True,
                       timeout=60)
        return path

    def watched(self, stuck, function, named=None, before=()):
        """The report on a stuck program and a sound one beside it; both stall as always and are found.

        named: the application frame that is told where the stalling function's own is not to be had.
        """
        sound = self.app()
        watching = self.watch("-p", stuck.pid, "-p", sound.pid, "-o", "x.json", before=before)
        spans = stuck.stall(function=function)
        sound_spans = sound.stall()
        began = time.monotonic()
        done = stop(watching)
        self.assertLess(time.monotonic() - began, ENDS_S)
        self.assert_done(done)
        for span in spans:
            self.assertLess((span.end - span.begin) / 1e9, HELD_S, "the target was held up")
        report = expect_report((self.place / "x.json").read_text())
        self.assert_reported(report, [Span(s.begin, s.end, named or s.function) for s in spans], stuck.loop)
        self.assert_reported(report, sound_spans, sound.loop)
        return report

    def reasons(self, report):
        return {frame["nameless"] for frame in report["frames"] if frame["kind"] == "python" and "nameless" in frame}

    def test_memory_of_a_file_that_never_answers_costs_its_name_and_the_target_goes_on(self):
        """The kernel would hold the target's address space for as long as such a read waits."""
        report = self.watched(self.stuck("file", f"{self.place}/names"), "stall_stuck", named="timed")
        self.assertEqual(self.reasons(report), {"memory could not be read"})

    def test_memory_whose_faults_are_never_served_costs_its_name(self):
        report = self.watched(self.stuck("fault"), "stall_stuck", named="timed")
        self.assertEqual(self.reasons(report), {"memory could not be read"})

    def test_a_mapped_library_that_never_answers_costs_two_seconds_and_no_name_of_others(self):
        report = self.watched(self.stuck("code", f"{self.place}/libc.so.6"), "stall_stuck")
        self.assertEqual(self.reasons(report), set())

    def test_a_library_whose_path_is_a_fifo_now_is_read_from_its_mapping(self):
        report = self.watched(self.stuck("library", self.library()), "stall_in_library")
        self.assertIn("stall_in_c", {frame["name"] for frame in report["frames"]})

    def test_a_fifo_at_a_librarys_path_is_not_opened_where_the_mapping_is_out_of_reach(self):
        report = self.watched(self.stuck("library", self.library()), "stall_in_library", before=FEW_RIGHTS)
        lost = {frame["nameless"] for frame in report["frames"] if frame.get("module") == "libstall.so"}
        self.assertEqual(lost, {"file is gone"})
