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
    def last():
        truth.add(begin, truth.after(), stall_export.__name__, "cpu", planned_ns=int(seconds * 1e9),
                  task="export-report", line=stall_export, rule="GW5008")

    begin = truth.before()
    some = [gevent.spawn(work_briefly) for _ in range(10)]
    long = gevent.spawn(stall_export, seconds)
    long.name = "export-report"
    others = [gevent.spawn(work_briefly) for _ in range(10)]
    gevent.joinall(some + [long] + others + [gevent.spawn(last)])


if __name__ == "__main__":
    lab.run_gevent(one_stall)
