"""Who and what used the loop: the inventory of calls, and shares of the CPU by function."""

import json

from tool import Case, alone, expect_report, stop


class Users(Case):
    def used(self, *args, options=()):
        """Report of the program's whole work, and what it says it did."""
        app = self.app("users.py", *args)
        watching = self.watch("-p", app.pid, "--no-follow", "-o", "x.json", *options)
        app.do("go")
        truth = json.loads(app.line("out", "^TRUTH ", seconds=60).text.split(" ", 1)[1])
        done = stop(watching)
        self.assert_done(done)
        return expect_report((self.place / "x.json").read_text()), truth, done.out

    def call(self, report, function, call):
        """The one line of the inventory with that function and call."""
        found = [c for c in report["calls"]
                 if c["call"] == call and "frame" in c and report["frames"][c["frame"]]["name"] == function]
        self.assertEqual(len(found), 1, report["calls"])
        return found[0]

    def shares(self, report):
        total = sum(task["oncpu_ns"] for task in report["tasks"])
        return {task["name"]: 100 * task["oncpu_ns"] / total for task in report["tasks"]}

    def test_short_calls_that_slept_are_counted_with_place_peer_and_rule(self):
        report, truth, text = self.used("short", "3")
        napper, saver = self.call(report, "napper", "clock_nanosleep"), self.call(report, "saver", "fsync")
        self.assertEqual(report["stalls"], [])
        self.assertEqual(napper["calls"], truth["napper"])
        self.assertEqual(napper["class"], "sleep")
        self.assertLess(abs(napper["total_ns"] - truth["napper_ns"]), 0.2 * truth["napper_ns"])
        self.assertEqual(napper["advice"][0]["rule"], "GW3001")
        self.assertEqual(saver["peer"]["kind"], "file")
        self.assertEqual(report["run"]["settings"]["calls"], "slept")
        self.assertRegex(text, r"×  max .* napper .*users\.py:\d+ → clock_nanosleep\(\)  GW3001")

    def test_with_calls_all_those_that_never_slept_are_counted_exactly(self):
        report, truth, _ = self.used("short", "2", options=("--calls=all",))
        self.assertEqual(report["run"]["settings"]["calls"], "all")
        for function, call in (("napper", "clock_nanosleep"), ("saver", "fsync"), ("reader", "pread64")):
            self.assertEqual(self.call(report, function, call)["calls"], truth[function])

    @alone
    def test_calls_of_loops_that_ended_long_ago_are_kept(self):
        report, truth, _ = self.used("threads", "150")
        sleeps = [c for c in report["calls"] if c["call"] == "clock_nanosleep"]
        self.assertEqual(sum(c["calls"] for c in sleeps), truth["sleeps"])
        self.assertGreater(len({c["loop"] for c in sleeps}), 140)

    @alone
    def test_fifty_thousand_places_are_counted_to_the_last_call(self):
        report, truth, text = self.used("sites", "50000", options=("--calls=all",))
        sleeps = [c for c in report["calls"] if c["call"] == "clock_nanosleep"]
        counted = sum(c["calls"] for c in sleeps) + report["quality"]["calls_folded"]
        others = 10  # of what the program does beside
        self.assertTrue(truth["sites"] <= counted <= truth["sites"] + others, counted)
        self.assertGreater(report["quality"]["calls_folded"], 30000)
        self.assertLess(report["quality"]["overhead"]["rss_bytes"], 100e6)
        self.assertIn("too many different places", text)

    @alone
    def test_shares_of_the_cpu_are_right_by_function(self):
        report, truth, text = self.used("hogs", "10")
        shares, burnt = self.shares(report), sum(truth[name] for name in ("fifty", "thirty", "fifteen", "five"))
        for name in ("fifty", "thirty", "fifteen", "five"):
            self.assertLess(abs(shares[name] - 100 * truth[name] / burnt), 3, (shares, truth))
        self.assertRegex(text, r"users   of \d.* on the CPU, by [\d  ]+ samples")

    def check_hold(self, within_ns, *options):
        """The longest time that one kept the loop: its 45 ms on the CPU, and at most what the machine made of them."""
        report, truth, _ = self.used("holds", "5", options=options)
        (seen,) = (task["longest_hold_ns"] for task in report["tasks"] if task["name"] == "holder")
        self.assertGreaterEqual(seen, 45_000_000 - within_ns, truth)
        self.assertLessEqual(seen, truth["holder_max_ns"] + within_ns, truth)

    @alone
    def test_the_longest_hold_is_known_to_one_sample_period(self):
        self.check_hold(10_000_000)

    @alone
    def test_the_longest_hold_is_known_to_two_milliseconds_at_a_sample_period_of_one(self):
        self.check_hold(2_000_000, "--sample-period=1ms")

    @alone
    def test_short_greenlets_are_one_user_with_the_places_that_spawned_them(self):
        report, truth, _ = self.used("crowd", "6")
        shares = self.shares(report)
        tasks = {task["name"]: task for task in report["tasks"]}
        self.assertLess(abs(shares["handle"] - 80), 8, shares)
        spawned = [report["frames"][report["stacks"][s["stack"]][0]]["name"] for s in tasks["handle"]["spawned"]]
        self.assertEqual(sorted(spawned), ["spawn_here", "spawn_there"])
        self.assertEqual(tasks["handle"]["kind"], "greenlet")
        self.assertGreaterEqual(tasks["handle"]["instances"], 4)
        self.assertEqual(sum(tasks["handle"]["trend"]["oncpu_ns"]), tasks["handle"]["oncpu_ns"])
