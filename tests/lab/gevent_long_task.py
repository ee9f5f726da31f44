"""gevent: one long greenlet with a name among twenty short ones, all in one turn. The long one is to blame."""

import time

import gevent
import lab


def work_briefly():
    sum(range(2000))


def stall_export(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:  # <- here
        sum(range(200))  # <- here


def one_stall(truth, seconds):
    def export():
        truth.timed(stall_export, "cpu", seconds, task="export-report", rule="GW5008")

    some = [gevent.spawn(work_briefly) for _ in range(10)]
    long = gevent.spawn(export)
    long.name = "export-report"
    gevent.joinall(some + [long] + [gevent.spawn(work_briefly) for _ in range(10)])


if __name__ == "__main__":
    lab.run_gevent(one_stall)
