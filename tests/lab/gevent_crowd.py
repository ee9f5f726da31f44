"""gevent: twenty greenlets are ready at once. Each computes for a few ms, none yields: together they are one long turn.

The cause is CPU; `crowd` (many short tasks, none long by itself) names the same thing more exactly.
"""

import time

import gevent
import lab

MEMBERS = 20


def stall_one_of_many(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(200))


def one_stall(truth, seconds):
    def member(number):
        stall_one_of_many(seconds / MEMBERS)
        if number == MEMBERS - 1:
            planned = int(seconds * 1e9)
            truth.add(begin, truth.after(), stall_one_of_many.__name__, "cpu", also="crowd",
                      planned_ns=planned, task=None, rule="GW5012")

    begin = truth.before()
    gevent.joinall([gevent.spawn(member, number) for number in range(MEMBERS)])


if __name__ == "__main__":
    lab.run_gevent(one_stall)
