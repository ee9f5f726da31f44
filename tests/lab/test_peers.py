"""What peers.py reads out of the output of other tools, and how compare.py judges it. The samples are captured, shortened.

Workloads lie in /lab here. No process is started.
"""

import json
import unittest

import compare
import peers
import score

HOME = "/lab"
MS = 1_000_000

MONITOR = """\
/usr/lib/python3/dist-packages/gevent/_monitor.py:267: MonitorWarning: Unable to monitor memory usage. Install psutil.
  warnings.warn("Unable to monitor memory usage. Install psutil.",
================================================================================

2026-11-25T04:16:42Z : Greenlet <Greenlet "driver" at 0x7f605a750cc0: drive> appears to be blocked
    Reported by <gevent._gevent_c_tracer.GreenletTracer object at 0x7f605a742d90>
Blocked Stack (for thread id 0x7f605ad14040):
  File "/lab/lab.py", line 206, in drive
    one_stall(truth, seconds)
  File "/lab/gevent_gil.py", line 33, in one_stall
    truth.timed(stall_stat_files, "gil", seconds, call="gil")
  File "/lab/gevent_gil.py", line 26, in stall_stat_files
    os.stat("/")  # <- here

Info:
********************************************************************************
* Threads
********************************************************************************
Thread 0x7f6059bf46c0 (None) (CURRENT)

  File "/usr/lib/python3/dist-packages/gevent/_monitor.py", line 203, in __call__
    f(hub)

********************************************************************************
Thread 0x7f605ad14040 (MainThread)

  File "/lab/gevent_gil.py", line 26, in stall_stat_files
    os.stat("/")  # <- here

********************************************************************************
Thread 0x7f6058bf46c0 (hog)

  File "/lab/gevent_gil.py", line 19, in hog_loop
    sum(range(300))

********************************************************************************
* Greenlets
********************************************************************************
 +--- <Greenlet "Greenlet-1" at 0x7f605a750b80: heartbeat>
 :          Spawned at:
 :            File "/lab/lab.py", line 211, in run_gevent
 :              gevent.spawn(heartbeat)
"""

DEBUG = """\
Executing <Task pending name='driver' coro=<run_asyncio.<locals>.drive() running at /lab/lab.py:267> \
wait_for=<Future pending cb=[Task.task_wakeup()] created at /usr/lib/python3.11/asyncio/base_events.py:427> \
cb=[_run_until_complete_cb() at /usr/lib/python3.11/asyncio/base_events.py:180] \
created at /usr/lib/python3.11/asyncio/runners.py:100> took 0.108 seconds
Executing <TimerHandle when=23337.876 tick() at /lab/app.py:5 created at /lab/app.py:9> took 0.070 seconds
Executing <Handle tick() at /lab/app.py:5 created at /lab/app.py:9> took 0.070 seconds
Using selector: EpollSelector
"""


def blocksnoop_event(*stacks):
    frames = [[{"file": file, "function": function, "line": 1, "source": "x"} for function, file in stack]
              for stack in stacks]
    return json.dumps({"duration_ms": 107.919, "event_number": 1, "level": "warning",
                       "observed_at": "2026-11-25T04:23:22.304Z", "pid": 22396, "python_stacks": frames or None,
                       "schema": "blocksnoop.events/v1", "schema_version": 1, "session_id": "4c8d96cb",
                       "tid": 22396, "timestamp_s": 1.291175, "type": "blocking_event"})


HUB = ("Hub.run", "/usr/lib/python3/dist-packages/gevent/hub.py")
DRIVE, TIMED = ("run_gevent.<locals>.drive", "/lab/lab.py"), ("Truth.timed", "/lab/lab.py")
SLEEP = ("stall_unpatched_sleep", "/lab/gevent_sleep.py")
IDLE = [("<module>", "/lab/asyncio_crowd.py"), ("run_asyncio", "/lab/lab.py"),
        ("BaseEventLoop._run_once", "/usr/lib/python3.11/asyncio/base_events.py")]

PYSPY = """\
thread (9409): MainThread;run_gevent.<locals>.drive (/lab/lab.py:209);Truth.write (/lab/lab.py:122);say (/lab/lab.py:132) 3
thread (9409): MainThread;Hub.run (/usr/lib/python3/dist-packages/gevent/hub.py:647) 113
thread (9409): MainThread;run_gevent.<locals>.drive (/lab/lab.py:206);one_stall (/lab/gevent_gil.py:33);\
Truth.timed (/lab/lab.py:86);stall_stat_files (/lab/gevent_gil.py:26) 84
thread (9409): MainThread 2
thread (9411): hog;run (threading.py:975);hog_loop (/lab/gevent_gil.py:19);wait (threading.py:629) 200
"""

NATIVE = """\
thread (13242): MainThread;0x3a7ab70 (?);greenlet::UserGreenlet::g_switch (greenlet/_greenlet.cpython-311-x86_64-linux-gnu.so);\
run_gevent.<locals>.drive (/lab/lab.py:206);stall_query (/lab/gevent_psycopg2.py:12);\
PQexec (libpq.so.5.15);poll (libc.so.6) 97
"""


def timed(text, ns=5):
    return [(ns, line) for line in text.splitlines()]


class Monitor(unittest.TestCase):
    def test_a_block_is_one_report_with_its_greenlet_and_innermost_function(self):
        reports = peers.parse_monitor(timed(MONITOR), HOME)
        self.assertEqual([(r.at_ns, r.names, r.task) for r in reports], [(5, ["stall_stat_files"], "driver")])

    def test_the_stacks_of_other_threads_are_shown_not_blamed(self):
        self.assertEqual(peers.parse_monitor(timed(MONITOR), HOME)[0].others, {"hog_loop"})

    def test_every_block_is_a_report(self):
        self.assertEqual(len(peers.parse_monitor(timed(MONITOR + MONITOR), HOME)), 2)

    def test_a_block_that_is_cut_off_names_nothing(self):
        cut = MONITOR[:MONITOR.index("Info:")]
        self.assertEqual(peers.parse_monitor(timed(cut), HOME)[0].names, [])

    def test_a_stack_without_code_of_the_program_names_nothing(self):
        self.assertEqual(peers.parse_monitor(timed(MONITOR), "/elsewhere")[0].names, [])


class Debug(unittest.TestCase):
    def test_a_slow_step_names_the_task_and_its_coroutine(self):
        report = peers.parse_debug(timed(DEBUG), HOME)[0]
        self.assertEqual((report.names, report.task), (["drive"], "driver"))

    def test_a_slow_callback_names_the_callback(self):
        self.assertEqual([r.names for r in peers.parse_debug(timed(DEBUG), HOME)[1:]], [["tick"], ["tick"]])

    def test_other_lines_of_the_log_are_no_reports(self):
        self.assertEqual(len(peers.parse_debug(timed(DEBUG), HOME)), 3)


class Blocksnoop(unittest.TestCase):
    def names(self, *stacks):
        return [r.names for r in peers.parse_blocksnoop(timed(blocksnoop_event(*stacks)), HOME)]

    def test_an_event_names_every_stack_it_lists_in_order(self):
        self.assertEqual(self.names([DRIVE], [DRIVE, TIMED, SLEEP]), [["drive", "stall_unpatched_sleep"]])

    def test_the_idle_hub_and_the_idle_loop_are_nobody(self):
        self.assertEqual(self.names([HUB], IDLE), [[]])

    def test_an_event_without_stacks_is_a_report_too(self):
        self.assertEqual(self.names(), [[]])

    def test_the_start_the_summary_and_what_is_no_json_are_no_events(self):
        lines = '{"type": "session_start"}\nplain words\n{"type": "session_summary", "event_count": 4}'
        self.assertEqual(peers.parse_blocksnoop(timed(lines), HOME), [])


class Pyspy(unittest.TestCase):
    def test_samples_are_counted_by_the_innermost_function_of_the_program(self):
        profile = peers.parse_pyspy(timed(PYSPY), HOME)
        self.assertEqual(profile.names, {"stall_stat_files": 84, "say": 3})

    def test_another_thread_is_not_the_loop(self):
        self.assertEqual(peers.parse_pyspy(timed(PYSPY), HOME).others, {"hog_loop"})

    def test_native_frames_below_are_not_of_the_program(self):
        self.assertEqual(peers.parse_pyspy(timed(NATIVE), HOME).names, {"stall_query": 97})


class FailedSamples(unittest.TestCase):
    LINE = "py-spy> Wrote raw flamegraph data to '/tmp/spy'. Samples: {} Errors: {}"

    def test_many_errors_are_told(self):
        self.assertEqual(peers.failed_samples(["x", self.LINE.format(118, 83)]), "Samples: 118 Errors: 83")

    def test_few_or_none_are_not(self):
        self.assertIsNone(peers.failed_samples([self.LINE.format(281, 0)]))
        self.assertIsNone(peers.failed_samples([]))


def truth(at_ms, ms, function="stall_it", **extra):
    return score.Truth(at_ms * MS, (at_ms + ms) * MS, function, "syscall", extra)


def said(*truths, hiccups=()):
    return score.Said(10, 10, list(truths), [(a * MS, b * MS) for a, b in hiccups], True)


def report(at_ms, *names, task=None, others=()):
    return peers.Report(at_ms * MS, list(names), task, set(others))


class Judge(unittest.TestCase):
    def counts(self, truths, reports, hiccups=(), guilty=None):
        seen = compare.judge_reports(said(*truths, hiccups=hiccups), reports, guilty)
        return seen.found, seen.right, seen.wrong, seen.more

    def test_a_report_in_time_with_the_function_is_right(self):
        self.assertEqual(self.counts([truth(100, 100)], [report(150, "stall_it")]), (1, 1, 0, 0))

    def test_a_report_shortly_after_the_end_still_counts(self):
        self.assertEqual(self.counts([truth(100, 100)], [report(280, "stall_it")]), (1, 1, 0, 0))

    def test_a_report_long_after_the_end_or_before_the_begin_is_one_too_many(self):
        self.assertEqual(self.counts([truth(100, 100)], [report(300, "stall_it"), report(99)]), (0, 0, 0, 2))

    def test_several_reports_of_one_stall_are_one_find(self):
        self.assertEqual(self.counts([truth(100, 100)], [report(150), report(200, "stall_it")]), (1, 1, 0, 0))

    def test_other_code_alone_is_wrong_and_beside_the_right_one_is_not(self):
        self.assertEqual(self.counts([truth(100, 100)], [report(150, "other")]), (1, 0, 1, 0))
        self.assertEqual(self.counts([truth(100, 100)], [report(150, "other", "stall_it")]), (1, 1, 0, 0))

    def test_who_names_other_code_too_is_counted(self):
        reports = [report(150, "stall_it", "stall_it"), report(350, "other", "stall_it")]
        seen = compare.judge_reports(said(truth(100, 100), truth(300, 100)), reports)
        self.assertEqual((seen.right, seen.both), (2, 1))

    def test_the_right_task_with_another_function_is_neither(self):
        got = self.counts([truth(100, 100, task="driver")], [report(150, "drive", task="driver")])
        self.assertEqual(got, (1, 0, 0, 0))

    def test_where_the_machine_is_to_blame_any_name_is_wrong_and_none_is_right(self):
        self.assertEqual(self.counts([truth(100, 100, "-")], [report(150, "work", task="driver")]), (1, 0, 1, 0))
        self.assertEqual(self.counts([truth(100, 100, "-")], [report(150)]), (1, 1, 0, 0))

    def test_nobody_planned_a_stall_so_it_is_one_too_many_unless_the_loop_was_late(self):
        self.assertEqual(self.counts([], [report(150)]), (0, 0, 0, 1))
        self.assertEqual(self.counts([], [report(150)], hiccups=[(80, 145)]), (0, 0, 0, 0))

    def test_the_guilty_one_is_shown_by_a_name_or_a_stack(self):
        truths, guilty = [truth(100, 100), truth(300, 100)], {"hog", "hog_loop"}
        reports = [report(150, "stall_it", others=["hog_loop"]), report(350, "stall_it")]
        self.assertEqual(compare.judge_reports(said(*truths), reports, guilty).guilty, (1, 2))

    def test_whom_a_starved_stall_is_due_to_is_not_asked(self):
        starved = truth(100, 100, runqueue_ns=str(60 * MS))
        self.assertEqual(compare.judge_reports(said(starved), [report(150, "stall_it")], {"hog"}).guilty, (0, 0))


class JudgeProfile(unittest.TestCase):
    def seen(self, names, *truths):
        return compare.judge_profile(said(*truths), peers.Profile(peers.collections.Counter(names), set()))

    def test_the_function_with_the_most_samples_decides(self):
        got = self.seen({"stall_it": 30, "say": 10}, truth(100, 100))
        self.assertEqual((got.right, got.wrong, got.top), (True, False, (0.75, "stall_it")))
        self.assertTrue(self.seen({"stall_it": 3, "say": 10}, truth(100, 100)).wrong)

    def test_of_two_functions_both_must_be_ahead(self):
        truths = truth(100, 100), truth(300, 100, "other_stall")
        self.assertTrue(self.seen({"stall_it": 30, "other_stall": 20, "say": 5}, *truths).right)
        self.assertTrue(self.seen({"stall_it": 30, "other_stall": 2, "say": 5}, *truths).wrong)

    def test_an_empty_profile_is_neither(self):
        got = self.seen({}, truth(100, 100))
        self.assertEqual((got.right, got.wrong), (False, False))

    def test_where_the_machine_is_to_blame_a_profile_is_wrong(self):
        self.assertTrue(self.seen({"work": 30}, truth(100, 100, "-")).wrong)

    def test_without_stalls_it_says_nothing(self):
        self.assertEqual(compare.cell(self.seen({"heartbeat": 3})), "n/a")


class Cells(unittest.TestCase):
    def test_what_is_not_as_it_should_be_is_bold(self):
        seen = compare.Seen(10, 9, 8, 1, 2, 3)
        self.assertEqual(compare.cell(seen), "**9** · **8** · **1** (3 with others) (+2)")
        self.assertEqual(compare.cell(compare.Seen(10, 10, 10, 0, 0, 0)), "10 · 10 · 0")

    def test_a_healthy_twin_has_only_inventions(self):
        self.assertEqual(compare.cell(compare.Seen(0, 0, 0, 0, 3, 0)), "3 invented")


if __name__ == "__main__":
    unittest.main()
