"""gevent without monkey patching: time.sleep in a greenlet blocks the whole loop."""

import time

import lab


def stall_unpatched_sleep(seconds):
    time.sleep(seconds)


def one_stall(truth, seconds):
    truth.timed(stall_unpatched_sleep, "syscall", seconds)


if __name__ == "__main__":
    lab.run_gevent(one_stall)
