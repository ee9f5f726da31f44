"""Thread pools: how long they were full and how long work waited, against what the program itself has measured."""

import json
import shutil
import unittest

from tool import App, Case, HERE, alone, expect_report, stop

LONG_NS = 250_000_000   # a wait that is no thread waiting for a CPU
OFF_NS = 250_000_000    # what a wait may be said to be off by; 35 ms on a quiet machine
NEAR_NS = 20_000_000    # between what the program and greenwatch call the begin of a job


class Pools(Case):
    def pooled(self, *args, program=None):
        """The report of the program's whole work, what it says it did, and the text."""
        app = program or self.app("pools.py", *args)
        watching = self.watch("-p", app.pid, "--no-follow", "-o", "x.json")
        app.do("go")
        truth = json.loads(app.line("out", "^TRUTH ", seconds=60).text.split(" ", 1)[1])
        done = stop(watching)
        self.assert_done(done)
        return expect_report((self.place / "x.json").read_text()), truth, done.out

    def node(self, *args):
        app = App("env", "UV_THREADPOOL_SIZE=4", shutil.which("node"), HERE / "pools.js", *args)
        self.addCleanup(app.kill)
        self.addCleanup(app.process.stdin.close)
        return app

    def assert_measured(self, report, truth, kind, name, rule):
        """The one pool of that name is as the program says."""
        found = [pool for pool in report.get("pools", ()) if pool["name"] == name]
        self.assertEqual(len(found), 1, report.get("pools"))
        pool = found[0]
        self.assertEqual((pool["kind"], pool["threads"], pool["size"], pool["busy_max"], pool["rule"]),
                         (kind, truth["threads"], truth["threads"], truth["threads"], rule))
        self.assertLess(abs(pool["saturated_ns"] - truth["full_ns"]), 0.1 * truth["full_ns"], (pool, truth))
        off_ns = pool["wait_off_ns"] + NEAR_NS
        self.assertLess(off_ns, OFF_NS)
        self.assertLess(abs(pool["wait"]["max_ns"] - max(truth["waits"])), off_ns, (pool, truth))
        histogram = pool["wait"]["histogram"]
        long = sum(histogram["counts"][histogram["bounds_ns"].index(LONG_NS) + 1:])
        self.assertEqual(long, sum(ns > LONG_NS for ns in truth["waits"]), (pool, truth))
        self.assertLess(abs(histogram["sum_ns"] - sum(truth["waits"])), len(truth["waits"]) * off_ns, (pool, truth))
        return pool

    def assert_silent(self, report, text):
        """No pool is blamed."""
        self.assertFalse([p for p in report.get("pools", ()) if "rule" in p], report.get("pools"))
        self.assertNotIn("pool", " ".join(report["diagnosis"]))
        self.assertNotRegex(text, "(?m)^pool ")

    @alone
    def test_look_ups_behind_ten_slow_jobs_in_gevents_pool_are_told_with_their_wait(self):
        report, truth, text = self.pooled("gevent", "5")
        pool = self.assert_measured(report, truth, "gevent", "gevent.threadpool", "GW2012")
        self.assertEqual(pool["waiting"], ["getaddrinfo"])
        self.assertEqual(report["stalls"], [])
        said = [line for line in report["diagnosis"] if "thread pool of gevent (10 threads)" in line]
        self.assertEqual(len(said), 1, report["diagnosis"])
        self.assertRegex(said[0], r"2\d jobs \(getaddrinfo\) waited up to \d+ ms to start, though the loop itself was "
                                  r"free \(worst turn .*\)\. GW2012: ")
        self.assertRegex(text, r"(?m)^pool    gevent\.threadpool: 10 threads, full .* %.*, 2\d jobs waited .*GW2012$")

    @alone
    def test_jobs_behind_jobs_in_asyncios_own_executor_are_told_with_their_wait(self):
        report, truth, _ = self.pooled("asyncio", "5")
        pool = self.assert_measured(report, truth, "asyncio", "asyncio", "GW3008")
        self.assertEqual(pool["waiting"], ["slow_job"])
        self.assertIn("The thread pool of asyncio", " ".join(report["diagnosis"]))

    @alone
    def test_an_executor_of_the_programs_own_is_told_by_its_name(self):
        report, truth, _ = self.pooled("executor", "4")
        pool = self.assert_measured(report, truth, "executor", "renderer", "GW3008")
        self.assertEqual(pool["queued_max"], 6)
        self.assertIn("The thread pool renderer (3 threads)", " ".join(report["diagnosis"]))

    @alone
    @unittest.skipUnless(shutil.which("node"), "node is not installed")
    def test_a_file_behind_key_derivations_in_libuvs_pool_is_told_with_its_wait(self):
        report, truth, _ = self.pooled(program=self.node("5", "4"))
        self.assert_measured(report, truth, "libuv", "libuv", "GW8008")
        self.assertIn("The thread pool of libuv (4 threads)", " ".join(report["diagnosis"]))

    @alone
    @unittest.skipUnless(shutil.which("node"), "node is not installed")
    def test_of_a_libuv_pool_with_a_free_thread_nothing_is_said(self):
        report, _, text = self.pooled(program=self.node("3", "2"))
        self.assert_silent(report, text)
        self.assertEqual([(p["name"], p["threads"], p["saturated_ns"]) for p in report["pools"]], [("libuv", 4, 0)])

    def test_of_an_executor_that_is_never_full_nothing_is_said(self):
        report, _, text = self.pooled("healthy", "4")
        self.assert_silent(report, text)
        self.assertEqual([(p["name"], p["busy_max"], p["saturated_ns"]) for p in report["pools"]], [("asyncio", 2, 0)])

    def test_of_gevents_pool_when_it_is_never_full_nothing_is_said(self):
        report, _, text = self.pooled("green", "4")
        self.assert_silent(report, text)
        self.assertEqual([(p["name"], p["saturated_ns"]) for p in report["pools"]], [("gevent.threadpool", 0)])

    def test_where_there_is_no_pool_there_is_no_list(self):
        report, _, text = self.pooled("none", "0")
        self.assertNotIn("pools", report)
        self.assert_silent(report, text)

    @alone
    def test_a_replay_tells_the_same_of_pools(self):
        app = self.app("pools.py", "executor", "2")
        watching = self.watch("record", "x.tape", "-p", app.pid, "--no-follow", "-o", "x.json")
        app.do("go")
        app.line("out", "^TRUTH ", seconds=60)
        self.assert_done(stop(watching))
        self.assert_done(self.run_greenwatch("replay", "x.tape", "-o", "y.json"))
        one, two = (json.loads((self.place / name).read_text()) for name in ("x.json", "y.json"))
        self.assertEqual(one["pools"], two["pools"])
        self.assertGreater(one["pools"][0]["waits"], 0)
