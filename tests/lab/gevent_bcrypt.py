"""gevent: hashing passwords with bcrypt on the loop, one after the other until time is up."""

import time

import bcrypt
import lab

SALT = bcrypt.gensalt(7)


def stall_hashpw(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        bcrypt.hashpw(b"secret", SALT)  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_hashpw, "cpu", seconds, rule="GW5005")


if __name__ == "__main__":
    lab.run_gevent(one_stall)
