"""gevent: full garbage collections of a heap with a million containers. None comes unasked: the plan is the truth."""

import gc
import time

import lab


def stall_collect(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        gc.collect()  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_collect, "gc", seconds, rule="GW6001")


if __name__ == "__main__":
    gc.disable()
    HEAP = [[number] for number in range(1_000_000)]
    lab.run_gevent(one_stall)
