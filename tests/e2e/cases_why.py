"""Why a turn was late: what the call slept on, which other thread had to do with it, who had to wait for it."""

from tool import Case, expect_report, stop


class Why(Case):
    def stalled(self, kind, follow=False):
        """The report's stall that covers the one planned, what its program said of helpers, and the text."""
        app = self.app("why.py", kind)
        watching = self.watch("-p", app.pid, *([] if follow else ["--no-follow"]), "-o", "x.json")
        app.do("go")
        span = app.span(kind)
        done = stop(watching)
        self.assert_done(done)
        report = expect_report((self.place / "x.json").read_text())
        start = report["run"]["start_monotonic_ns"]
        found = [s for s in report["stalls"]
                 if start + s["at_ns"] < span.end and span.begin < start + s["at_ns"] + s["duration_ns"]]
        self.assertEqual(len(found), 1, done.out)
        return report, found[0], app, done.out

    def main_wait(self, stall):
        return max(stall["waits"], key=lambda wait: wait["total_ns"])

    def thread(self, app, name):
        return int(app.line("out", f"^THREAD {name} ").text.split()[2])

    def test_a_socket_in_blocking_mode_is_told_with_its_peer(self):
        _, stall, app, text = self.stalled("tcp")
        wait = self.main_wait(stall)
        remote = app.line("out", "^PEER ").text.split()[1]
        self.assertEqual((stall["cause"], wait["call"], wait["class"]), ("syscall", "recvfrom", "network"))
        self.assertEqual(wait["peer"]["kind"], "tcp")
        self.assertEqual(wait["peer"]["remote"], remote)
        self.assertTrue(wait["peer"]["blocking_mode"])
        self.assertIn(f"blocked in recvfrom() on tcp {remote}", text)

    def test_a_file_lock_is_told_with_the_name_of_its_file(self):
        _, stall, _, _ = self.stalled("flock")
        wait = self.main_wait(stall)
        self.assertEqual((wait["call"], wait["class"]), ("flock", "lock"))
        self.assertEqual(wait["peer"]["kind"], "file")
        self.assertTrue(wait["peer"]["path"].startswith("why-"), wait)

    def test_a_lock_names_the_thread_that_gave_it_up(self):
        report, stall, app, text = self.stalled("lock")
        tid = self.thread(app, "keeper")
        self.assertEqual(stall["cause"], "lock")
        self.assertEqual(self.main_wait(stall)["peer"]["kind"], "futex-private")
        self.assert_culprit(report, stall, "waker", tid, "keeper", "keep")
        self.assertIn(f"thread keeper ({tid}) ended it in lock.<locals>.keep", stall["why"])
        self.assertRegex(text, rf"thread keeper \({tid}\) ended the wait for 2\d\d ms: lock.<locals>.keep \S*why.py:\d+")
        self.assertGreater(stall["ledger"]["lock_ns"], 100_000_000)

    def assert_culprit(self, report, stall, role, tid, comm, function):
        culprit = max((c for c in stall["culprits"] if c["role"] == role), key=lambda c: c["share_ns"])
        self.assertEqual((culprit["tid"], culprit["comm"]), (tid, comm), stall)
        names = [report["frames"][i]["name"].rsplit(".", 1)[-1] for i in report["stacks"][culprit["stack"]]]
        self.assertIn(function, names)
        return names

    def test_a_mutex_names_its_owner_and_what_that_did(self):
        report, stall, app, text = self.stalled("mutex")
        tid = self.thread(app, "keeper")
        names = self.assert_culprit(report, stall, "lock-owner", tid, "keeper", "keep_mutex")
        self.assertTrue({"clock_nanosleep", "ffi_call"} & set(names), "seen neither as it held it nor as it gave it up")
        self.assertIn(f"thread keeper ({tid}) held it in mutex.<locals>.keep_mutex", stall["why"])
        self.assertIn(f"thread keeper ({tid})", text)

    def test_a_mutex_that_is_never_given_up_names_its_owner_and_what_that_does(self):
        app = self.app("why.py", "stuck")
        watching = self.watch("-p", app.pid, "-o", self.place / "x.json")
        app.do("go")
        watching.line("out", "still going on")
        done = stop(watching)
        self.assert_done(done)
        report = expect_report((self.place / "x.json").read_text())
        (stall,) = report["stalls"]
        tid = self.thread(app, "keeper")
        names = self.assert_culprit(report, stall, "lock-owner", tid, "keeper", "keep_mutex")
        self.assertEqual(names[0], "clock_nanosleep")
        self.assertTrue(stall["open"])
        self.assertIn(f"thread keeper ({tid}) held it in mutex.<locals>.keep_mutex", stall["why"])

    def test_a_lock_of_multiprocessing_names_the_process_that_gave_it_up(self):
        report, stall, app, _ = self.stalled("shared", follow=True)
        pid = int(app.line("out", "^SHARED ").text.split()[1])
        self.assertEqual(self.main_wait(stall)["peer"]["kind"], "futex-shared")
        self.assert_culprit(report, stall, "waker", pid, "keeper", "keep_shared")

    def test_the_holder_of_the_gil_is_named_with_its_thread_and_stack(self):
        report, stall, app, text = self.stalled("gil")
        tid = self.thread(app, "hog")
        self.assert_culprit(report, stall, "gil-holder", tid, "hog", "crunch")
        self.assertIn(f"thread hog ({tid}) held it in gil.<locals>.crunch", stall["why"])
        self.assertIn(f"thread hog ({tid})", text)

    def test_the_processes_that_had_the_cpu_are_named_with_their_shares(self):
        _, stall, app, text = self.stalled("crowded")
        self.assertEqual(stall["cause"], "runqueue")
        shares = {c["pid"]: c["share_ns"] for c in stall["culprits"] if c["role"] == "preemptor"}
        for name in ("heavy", "light"):
            pid = int(app.line("out", f"^RIVAL {name} ").text.split()[2])
            ran = int(app.line("out", f"^RAN {name} ").text.split()[2])
            self.assertAlmostEqual(shares[pid], ran, delta=ran * 0.1 + 8_000_000, msg=name)
        self.assertRegex(stall["why"], r"; heavy \(\d+\) had the CPU for \d+\.\d ms of it$")

    def test_a_page_fault_is_told_with_the_path_of_its_file(self):
        _, stall, app, text = self.stalled("fault")
        wait = self.main_wait(stall)
        path = app.line("out", "^PAGES ").text.split()[1]
        self.assertEqual((stall["cause"], wait["call"], wait["class"]), ("pagefault",) * 3)
        self.assertEqual(wait["peer"], {"kind": "file", "path": path, "fstype": "tmpfs"})
        self.assertIn(f"page fault on file {path} (tmpfs)", text)
        self.assertGreater(stall["ledger"]["pagefault_ns"], 150_000_000)

    def test_a_page_fault_on_memory_of_no_file_says_so(self):
        _, stall, _, text = self.stalled("memory")
        self.assertEqual((stall["cause"], self.main_wait(stall)["peer"]), ("pagefault", {"kind": "memory"}))
        self.assertIn("page fault on memory of no file", text)

    def test_who_had_to_wait_for_a_stall_is_counted(self):
        _, stall, _, text = self.stalled("sleep")
        self.assertGreaterEqual(stall["delayed"]["ready"], 5)
        self.assertLess(abs(stall["delayed"]["longest_ns"] - 200_000_000), 60_000_000)
        self.assertRegex(text, r"descriptors had to wait for it, one of them [12]\d\d ms")

    def test_who_had_to_wait_is_left_out_where_the_loop_has_no_epoll(self):
        _, stall, _, text = self.stalled("poll")
        self.assertEqual(self.main_wait(stall)["call"], "clock_nanosleep")
        self.assertNotIn("delayed", stall)
        self.assertNotIn("had to wait", text)
