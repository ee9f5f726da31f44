"""gevent: a greenlet computes in pure Python and does not yield. Bounded by time, not by work."""

import time

import lab


def stall_python_cpu(seconds):
    until = time.monotonic() + seconds
    total = 0
    while time.monotonic() < until:  # <- here
        for number in range(200):  # <- here
            total += number * number  # <- here
    return total


def one_stall(truth, seconds):
    truth.timed(stall_python_cpu, "cpu", seconds, rule="GW5008")


if __name__ == "__main__":
    lab.run_gevent(one_stall)
