"""gevent: deriving keys with PBKDF2 on the loop, one after the other until time is up."""

import hashlib
import time

import lab

ROUNDS = 20_000


def stall_pbkdf2(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", ROUNDS)  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_pbkdf2, "cpu", seconds, rule="GW5005")


if __name__ == "__main__":
    lab.run_gevent(one_stall)
