"""gevent: callbacks that run in the hub itself, no greenlet: by turns one of loop.run_callback and one of a timer."""

import itertools
import time

import gevent
import lab
from gevent.event import Event

TURN = itertools.count()


def stall_in_hub_callback(seconds):
    time.sleep(seconds)  # <- here


def one_stall(truth, seconds):
    over = Event()

    def callback():
        truth.timed(stall_in_hub_callback, "syscall", seconds, task=None, call="clock_nanosleep|select|pselect6",
                    rule="GW3001")
        over.set()

    loop = gevent.get_hub().loop
    if next(TURN) % 2:
        timer = loop.timer(0.002)
        timer.start(callback)
        over.wait()
        timer.close()
    else:
        loop.run_callback(callback)
        over.wait()


if __name__ == "__main__":
    lab.run_gevent(one_stall)
