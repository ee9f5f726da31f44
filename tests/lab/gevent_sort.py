"""gevent: list.sort is C code that keeps the GIL. Copies of one list of random numbers are sorted until time is up."""

import random
import time

import lab

NUMBERS = [random.Random(7).random() for _ in range(40_000)]


def stall_list_sort(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        NUMBERS.copy().sort()  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_list_sort, "cpu", seconds)


if __name__ == "__main__":
    lab.run_gevent(one_stall)
