"""gevent without monkey patching: time.sleep in a greenlet blocks the whole loop."""

import time

import lab


def stall_unpatched_sleep(seconds):
    time.sleep(seconds)  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_unpatched_sleep, "syscall", seconds, call="clock_nanosleep|select|pselect6", rule="GW3001")


if __name__ == "__main__":
    lab.run_gevent(one_stall)
