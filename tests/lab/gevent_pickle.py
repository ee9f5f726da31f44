"""gevent: pickle.loads of a big object, again and again until time is up. It keeps the GIL."""

import pickle
import time

import lab

BYTES = pickle.dumps([{"number": n, "name": f"item {n}"} for n in range(20_000)])


def stall_loads(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pickle.loads(BYTES)  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_loads, "cpu", seconds, rule="GW5002")


if __name__ == "__main__":
    lab.run_gevent(one_stall)
