"""The matching and judging of score.py, with reports made by hand. No process is started."""

import argparse
import copy
import unittest
from unittest import mock

import lab
import score
import workloads

MS = 1_000_000
START = 1_000_000 * MS
LOOP = "10/11"
NO_WORKLOADS = {"lab.py", "noise.py", "pythons.py", "score.py", "servers.py", "test_score.py", "workloads.py", "compare.py", "compare_cost.py",
                "peers.py", "test_peers.py", "asyncio_debug.py", "pauses.py"}


def stall(at_ms, ms, cause="syscall", frame=0, loop=LOOP, **parts):
    ledger = dict.fromkeys(score.PARTS, 0)
    ledger.update({name + "_ns": round(value * MS) for name, value in parts.items()})
    duration = round(ms * MS)
    ledger["blocked_ns"] += duration - sum(ledger.values())
    made = {"loop": loop, "at_ns": round(at_ms * MS), "duration_ns": duration, "cause": cause, "site": "", "ledger": ledger}
    if frame is not None:
        made["frame"] = frame
    return made


def report(*stalls, complete=True):
    return {"run": {"start_monotonic_ns": START}, "stalls": list(stalls), "quality": {"complete": complete},
            "frames": [{"kind": "python", "name": "app.stall_it"}, {"kind": "python", "name": "other"}]}


def truth(at_ms, ms, cause="syscall", function="stall_it", **extra):
    begin = START + round(at_ms * MS)
    return score.Truth(begin, begin + round(ms * MS), function, cause, {k: str(v) for k, v in extra.items()})


def said(*truths, hiccups=()):
    return score.Said(10, 11, list(truths), [(START + a * MS, START + b * MS) for a, b in hiccups], True)


def judged(truths, stalls, hiccups=(), **more):
    return score.judge(said(*truths, hiccups=hiccups), report(*stalls, **more))


class ReadSaid(unittest.TestCase):
    def test_reads_every_kind_of_line(self):
        got = score.read_said(["READY 5 6", "STALL 1 2 f cpu cpu_ns=3 also=crowd", "HICCUP 7 8", "noise", "", "DONE"])
        self.assertEqual((got.pid, got.tid, got.hiccups, got.done), (5, 6, [(7, 8)], True))
        self.assertEqual(got.truths, [score.Truth(1, 2, "f", "cpu", {"cpu_ns": "3", "also": "crowd"})])

    def test_a_workload_that_broke_off_is_not_done(self):
        self.assertFalse(score.read_said(["READY 5 6"]).done)


class Match(unittest.TestCase):
    def test_a_longer_report_is_found(self):
        result = judged([truth(100, 200)], [stall(99.9, 203)])
        self.assertEqual(score.figures(result)["found"], 1)
        self.assertEqual(result["matches"][0]["error_ns"], 3 * MS)

    def test_no_report_is_a_miss(self):
        f = score.figures(judged([truth(100, 200)], []))
        self.assertEqual((f["missed"], f["recall"], f["precision"]), (1, 0, None))

    def test_a_report_that_only_touches_is_a_miss_and_an_invention(self):
        f = score.figures(judged([truth(100, 200)], [stall(280, 100)]))
        self.assertEqual((f["found"], f["missed"], f["invented"]), (0, 1, 1))

    def test_two_truths_in_one_report_are_one_find_and_one_miss(self):
        f = score.figures(judged([truth(100, 100), truth(300, 100)], [stall(100, 300)]))
        self.assertEqual((f["found"], f["missed"], f["invented"]), (1, 1, 0))

    def test_the_second_half_of_a_split_stall_is_invented(self):
        f = score.figures(judged([truth(100, 200)], [stall(100, 120), stall(220, 80)]))
        self.assertEqual((f["found"], f["invented"]), (1, 1))

    def test_the_larger_overlap_wins(self):
        pairs = score.match([(0, 100), (100, 200)], [(45, 205), (0, 60)])
        self.assertEqual(pairs, {1: 0, 0: 1})

    def test_a_stall_of_another_loop_does_not_count_as_found(self):
        f = score.figures(judged([truth(100, 200)], [stall(100, 200, loop="10/12")]))
        self.assertEqual((f["found"], f["missed"], f["invented"]), (0, 1, 1))

    def test_the_index_is_right_behind_a_foreign_loop(self):
        result = judged([truth(100, 200)], [stall(50, 100, loop="10/12"), stall(100, 200)])
        self.assertEqual((score.figures(result)["found"], result["invented"][0]["loop"]), (1, "10/12"))

    def test_short_truths_are_not_judged_and_their_reports_not_invented(self):
        for stalls in ([], [stall(100, 56)]):
            f = score.figures(judged([truth(100, 55)], stalls))
            self.assertEqual((f["planned"], f["found"], f["missed"], f["invented"]), (0, 0, 0, 0))


class Noise(unittest.TestCase):
    def test_a_stall_nobody_planned_is_invented(self):
        self.assertEqual(score.figures(judged([], [stall(10, 60)]))["invented"], 1)

    def test_a_hiccup_explains_it(self):
        f = score.figures(judged([], [stall(10, 60)], hiccups=[(5, 75)]))
        self.assertEqual((f["invented"], f["noise"]), (0, 1))

    def test_a_hiccup_elsewhere_does_not(self):
        self.assertEqual(score.figures(judged([], [stall(10, 60)], hiccups=[(60, 130)]))["invented"], 1)

    def test_uncharged_time_explains_it(self):
        f = score.figures(judged([], [stall(10, 60, runqueue=9, stopped=2)]))
        self.assertEqual((f["invented"], f["noise"]), (0, 1))

    def test_charged_time_of_the_threshold_or_more_does_not(self):
        self.assertEqual(score.figures(judged([], [stall(10, 60, runqueue=10)]))["invented"], 1)


class Judgement(unittest.TestCase):
    def test_dispatch_is_allowed_but_never_a_shortfall(self):
        result = judged([truth(100, 100), truth(300, 100)], [stall(100, 100.4), stall(300, 99.6)])
        self.assertEqual([m["net_error_ns"] for m in result["matches"]], [0, 0.4 * MS])

    def test_waiting_for_a_cpu_behind_the_stall_is_allowed(self):
        result = judged([truth(100, 100, tail_runqueue_ns=3 * MS)], [stall(100, 104)])
        self.assertEqual(result["matches"][0]["net_error_ns"], 0.5 * MS)

    def test_the_bound(self):
        self.assertEqual(score.complaints(judged([truth(100, 200)], [stall(100, 202.4)])), [])
        self.assertIn("over 1 ms", score.complaints(judged([truth(100, 200)], [stall(100, 202.6)]))[0])

    def test_the_bound_is_judged_at_p95(self):
        truths = [truth(300 * i, 100) for i in range(20)]
        stalls = [stall(300 * i, 100 + (9 if i == 4 else 0)) for i in range(20)]
        self.assertEqual(score.complaints(judged(truths, stalls)), [])
        stalls[5] = stall(1500, 109)
        self.assertEqual(len(score.complaints(judged(truths, stalls))), 1)

    def test_the_ledger_must_add_up(self):
        broken = stall(100, 200)
        broken["ledger"]["oncpu_ns"] += 1
        self.assertIn("by -1 ns", judged([truth(100, 200)], [broken])["ledger_faults"][0])

    def test_unaccounted_time_is_a_fault_of_a_complete_report_only(self):
        stalls = [stall(100, 200, unaccounted=1)]
        self.assertEqual(len(judged([truth(100, 200)], stalls)["ledger_faults"]), 1)
        self.assertEqual(judged([truth(100, 200)], stalls, complete=False)["ledger_faults"], [])

    def test_a_wrong_cause_and_function_are_told(self):
        told = score.complaints(judged([truth(100, 200)], [stall(100, 200, cause="cpu", frame=1)]))
        self.assertEqual(told, ["cause wrong: 1x syscall -> cpu", "function wrong: 1x stall_it -> other"])

    def test_a_second_cause_may_be_right_too(self):
        self.assertEqual(score.complaints(judged([truth(100, 200, "cpu", also="crowd")], [stall(100, 200, "crowd")])), [])

    def test_a_starved_stall_may_be_the_run_queue(self):
        told = [stall(100, 200, "runqueue", frame=None)]
        self.assertEqual(score.complaints(judged([truth(100, 200, "cpu", runqueue_ns=90 * MS)], told)), [])
        self.assertEqual(len(score.complaints(judged([truth(100, 200, "cpu", runqueue_ns=9 * MS)], told))), 2)

    def test_no_code_to_blame_means_no_frame(self):
        planned = [truth(100, 200, "stopped", "-")]
        self.assertEqual(score.complaints(judged(planned, [stall(100, 200, "stopped", frame=None)])), [])
        self.assertEqual(len(score.complaints(judged(planned, [stall(100, 200, "stopped", frame=0)]))), 1)

    def test_totals_add(self):
        one = judged([truth(100, 200)], [stall(100, 200)])
        two = judged([truth(100, 200)], [stall(500, 200)], complete=False)
        total = score.sum_up([one, copy.deepcopy(two)])
        f = score.figures(total)
        self.assertEqual((f["planned"], f["found"], f["missed"], f["invented"], total["complete"]), (2, 1, 1, 1, False))

    def test_nothing_planned_and_nothing_told_is_no_complaint(self):
        self.assertEqual(score.complaints(judged([], [])), [])


class Attributes(unittest.TestCase):
    def match(self, told, **wanted):
        """The match of a stall that the report tells `told` about and the truth `wanted`."""
        document = report(dict(stall(100, 200), site="gw1-a", **told))
        document["frames"][0]["line"] = 12
        document["stacks"] = [[1, 0]]
        document["sites"] = [{"fingerprint": "gw1-a", "advice": [{"rule": "GW1001", "title": "t"}]},
                             {"fingerprint": "gw1-b", "advice": [{"rule": "GW9999", "title": "t"}]}]
        return score.judge(said(truth(100, 200, **wanted)), document)

    def wrong(self, told, **wanted):
        f = score.figures(self.match(told, **wanted))
        return [a for a in score.ATTRIBUTES if f[a] is not None and f[a] < 1]

    def wait(self, call, ms, kind="poll", **more):
        return dict({"call": call, "class": kind, "calls": 1, "total_ns": ms * MS, "max_ns": ms * MS}, **more)

    def test_what_the_truth_does_not_tell_is_not_judged(self):
        f = score.figures(self.match({}))
        self.assertEqual([f[a] for a in score.ATTRIBUTES[2:]], [None] * 8)

    def test_what_the_report_lacks_is_wrong(self):
        wanted = {"call": "poll", "peer": "tcp", "task": "t", "culprit": "waker:x"}
        self.assertEqual(self.wrong({}, **wanted), list(wanted))

    def test_the_call_with_most_time_counts(self):
        waits = [self.wait("poll", 60), self.wait("poll", 60), self.wait("futex", 80)]
        self.assertEqual(self.wrong({"waits": waits}, call="poll"), [])
        self.assertEqual(self.wrong({"waits": waits}, call="futex"), ["call"])

    def test_one_of_several_calls(self):
        self.assertEqual(self.wrong({"waits": [self.wait("select", 9)]}, call="clock_nanosleep|select"), [])

    def test_the_gil_is_a_class_of_futex(self):
        self.assertEqual(self.wrong({"waits": [self.wait("futex", 9, "gil")]}, call="gil"), [])
        self.assertEqual(self.wrong({"waits": [self.wait("futex", 9, "lock")]}, call="gil"), ["call"])

    def test_the_peer_is_that_of_the_call_with_most_time(self):
        waits = [self.wait("poll", 60, peer={"kind": "tcp"}), self.wait("write", 8, peer={"kind": "pipe"})]
        self.assertEqual(self.wrong({"waits": waits}, peer="tcp"), [])
        self.assertEqual(self.wrong({"waits": waits}, peer="pipe"), ["peer"])

    def test_any_marked_line(self):
        self.assertEqual(self.wrong({}, line="11|12"), [])
        self.assertEqual(self.wrong({}, line="13"), ["line"])

    def test_the_task_with_the_largest_share(self):
        tasks = [{"name": "small", "share_ns": 1}, {"name": "export", "share_ns": 7}]
        self.assertEqual(self.wrong({"tasks": tasks}, task="export"), [])
        self.assertEqual(self.wrong({"tasks": tasks}, task="small"), ["task"])

    def test_the_chain_of_the_task_with_the_largest_share(self):
        tasks = [{"name": "small", "share_ns": 1}, {"name": "export", "share_ns": 7, "chain": 0}]
        self.assertEqual(self.wrong({"tasks": tasks}, chain="stall_it>other"), [])
        self.assertEqual(self.wrong({"tasks": tasks}, chain="other>stall_it"), ["chain"])
        self.assertEqual(self.wrong({"tasks": tasks[:1]}, chain="stall_it>other"), ["chain"])

    def test_the_functions_of_all_tasks(self):
        tasks = [{"name": "small", "share_ns": 1, "chain": 0}, {"name": "export", "share_ns": 7}]
        self.assertEqual(self.wrong({"tasks": tasks}, members="stall_it"), [])
        self.assertEqual(self.wrong({"tasks": tasks}, members="stall_it+another"), ["members"])
        self.assertEqual(self.wrong({}, members="stall_it"), ["members"])

    def test_the_culprit_of_the_wanted_role(self):
        culprits = [{"role": "preemptor", "comm": "cc", "share_ns": 9}, {"role": "waker", "comm": "feeder", "share_ns": 1}]
        self.assertEqual(self.wrong({"culprits": culprits}, culprit="lock-owner:feeder|waker:feeder"), [])
        self.assertEqual(self.wrong({"culprits": culprits}, culprit="waker:cc"), ["culprit"])

    def test_what_the_culprit_did(self):
        told = {"culprits": [{"role": "gil-holder", "comm": "hog", "stack": 0}]}
        self.assertEqual(self.wrong(told, culprit="gil-holder:hog", culprit_function="stall_it"), [])
        self.assertEqual(self.wrong(told, culprit="gil-holder:hog", culprit_function="another"), ["culprit"])

    def test_the_rule_of_the_stalls_own_site(self):
        self.assertEqual(self.wrong({}, rule="GW1001"), [])
        self.assertEqual(self.wrong({}, rule="GW9999"), ["rule"])

    def test_a_starved_stall_that_is_told_so_is_judged_no_further(self):
        self.assertEqual(self.wrong({"cause": "runqueue"}, rule="GW9999", runqueue_ns=90 * MS), [])
        self.assertEqual(self.wrong({}, rule="GW9999", runqueue_ns=90 * MS), ["rule"])

    def test_only_judged_columns_are_held_against_it(self):
        result = self.match({}, rule="GW9999", cause="cpu")
        self.assertEqual(score.complaints(result), ["cause wrong: 1x cpu -> syscall"])
        self.assertEqual(score.complaints(result, ("rule",)), ["rule wrong: 1x GW9999 -> GW1001"])
        self.assertEqual(score.complaints(result, ("missed", "ledger")), [])

    def test_the_table_has_a_dot_where_nothing_is_promised(self):
        table = score.markdown({"one": self.match({}, rule="GW9999")}, {"two": "not run: no module x"})
        self.assertIn("| one | 1 | 1 | 0 | 100 | 100 | · | · | · | · | · | · | · | 0 |", table)
        self.assertIn("two: not run: no module x", table)


class Columns(unittest.TestCase):
    def test_short_and_long_names_and_all(self):
        self.assertEqual(score.columns("cause,func,function"), ("cause", "function", "function"))
        self.assertEqual(score.columns("all"), score.ALWAYS + score.ATTRIBUTES)

    def test_an_unknown_one_is_refused(self):
        with self.assertRaises(argparse.ArgumentTypeError):
            score.columns("cause,colour")


class NotReady(unittest.TestCase):
    def reason(self, said_lines=(), error_lines=()):
        said_by, complained = mock.Mock(), mock.Mock()
        said_by.find = lambda start: next((line for line in said_lines if line.startswith(start)), None)
        complained.rest = lambda: list(error_lines)
        return score.why_not_ready(said_by, complained)

    def test_a_module_is_missing(self):
        reason = self.reason(error_lines=["Traceback", "ModuleNotFoundError: No module named 'zmq'"])
        self.assertEqual((type(reason), str(reason)), (score.Missing, "no module zmq"))

    def test_the_machine_lacks_something(self):
        reason = self.reason(["CANNOT no program initdb"])
        self.assertEqual((type(reason), str(reason)), (score.Missing, "no program initdb"))

    def test_anything_else_is_trouble(self):
        self.assertIsInstance(self.reason(error_lines=["ValueError: 3"]), score.Trouble)


class Marks(unittest.TestCase):
    def test_lines_are_those_of_the_file(self):
        import asyncio_sleep
        with open(asyncio_sleep.__file__, encoding="utf-8") as file:
            lines = file.read().split("\n")
        self.assertIn(lab.MARK, lines[int(lab.marked(asyncio_sleep.stall_sleep_in_coroutine)) - 1])

    def test_no_mark(self):
        self.assertIsNone(lab.marked(lab.say))


class Table(unittest.TestCase):
    def test_every_workload_has_its_file_and_every_python_file_its_workload(self):
        used = {program for program, *_ in workloads.WORKLOADS.values()}
        there = {path.name for path in score.HERE.glob("*.py")} - NO_WORKLOADS
        self.assertEqual({program for program in used if program.endswith(".py")}, there)

    def test_what_runs_with_others_or_alone_is_a_workload_and_one_of_both(self):
        self.assertLessEqual(workloads.BUSY | workloads.ALONE, set(workloads.WORKLOADS))
        self.assertFalse(workloads.BUSY & workloads.ALONE)

    def test_core_is_a_part(self):
        self.assertLessEqual(set(workloads.CORE), set(workloads.WORKLOADS))


class Advised(unittest.TestCase):
    def told_of(self, cause, truths=()):
        told = report()
        told["sites"] = [{"fingerprint": "a", "cause": cause, "advice": [{"rule": "GW5001"}]}]
        result = score.judge(said(*truths), told)
        return result["advised"], score.complaints(result, ("advised",))

    def test_a_rule_for_a_healthy_program_is_wrong(self):
        self.assertEqual(self.told_of("cpu"), (["GW5001"], ["rules for a healthy program: GW5001"]))

    def test_the_machines_doing_is_none(self):
        self.assertEqual(self.told_of("runqueue"), ([], []))

    def test_a_program_with_stalls_is_advised(self):
        self.assertEqual(self.told_of("cpu", [truth(100, 200)]), ([], []))


class SideBySide(unittest.TestCase):
    def ran(self, names, jobs):
        begun = []
        score.side_by_side(begun.append, names, jobs)
        return begun

    def test_one_by_one_keeps_the_order(self):
        self.assertEqual(self.ran(["gevent_stopped", "gevent_cpu", "gevent_sleep"], 1),
                         ["gevent_stopped", "gevent_cpu", "gevent_sleep"])

    def test_all_run_once_and_those_that_take_the_machine_last(self):
        names = ["gevent_stopped", "gevent_cpu", "gevent_sleep", "gevent_sort", "gevent_recv"]
        begun = self.ran(names, 3)
        self.assertEqual(sorted(begun), sorted(names))
        self.assertEqual(begun[-1], "gevent_stopped")


class Percentile(unittest.TestCase):
    def test_nearest_rank(self):
        self.assertEqual(score.percentile(range(1, 21), 0.95), 19)
        self.assertEqual(score.percentile([7], 0.5), 7)
        self.assertIsNone(score.percentile([], 0.5))


class Hiccups(unittest.TestCase):
    def left(self, gap, *stalls):
        witness = lab.Truth()
        witness.gaps = [(gap[0] * MS, gap[1] * MS)]
        witness.stalls = [lab.Stall(a * MS, b * MS, "f", "cpu", {}) for a, b in stalls]
        return [(a // MS, b // MS) for a, b in witness.hiccups()]

    def test_a_gap_without_a_plan(self):
        self.assertEqual(self.left((0, 80)), [(0, 80)])

    def test_a_planned_gap(self):
        self.assertEqual(self.left((0, 300), (10, 290)), [])

    def test_what_is_left_beside_a_plan(self):
        self.assertEqual(self.left((0, 300), (60, 200)), [(0, 60), (200, 300)])


if __name__ == "__main__":
    unittest.main()
