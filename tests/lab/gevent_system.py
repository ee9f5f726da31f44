"""gevent: os.system, which patching leaves alone, waits for its child."""

import os

from gevent import monkey

import lab

monkey.patch_all()


def stall_system(seconds):
    os.system(f"sleep {seconds}")  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_system, "syscall", seconds, call="wait4", rule="GW4006")


if __name__ == "__main__":
    lab.run_gevent(one_stall)
