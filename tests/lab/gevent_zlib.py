"""gevent: zlib.compress on the loop, again and again until time is up. It gives up the GIL: a pool would help."""

import random
import time
import zlib

import lab

TEXT = bytes(random.Random(7).choices(b"abcdefgh", k=300_000))


def stall_compress(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        zlib.compress(TEXT)  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_compress, "cpu", seconds, rule="GW5003")


if __name__ == "__main__":
    lab.run_gevent(one_stall)
