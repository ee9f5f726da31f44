"""gevent: a regular expression that tries every way to split what does not match. One C call, and it keeps the GIL."""

import re
import time

import lab

PATTERN = re.compile(r"(a+)+$")
TEXT = "a" * 18 + "!"


def stall_match(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        PATTERN.match(TEXT)  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_match, "cpu", seconds, rule="GW5004")


if __name__ == "__main__":
    lab.run_gevent(one_stall)
