"""gevent: another Python thread computes. Whenever the loop gives up the GIL, it waits 5 ms to have it back."""

import os
import threading
import time

import lab

WANTED = threading.Event()
UNTIL = [0.0]


def hog_loop():
    while True:
        WANTED.wait()
        WANTED.clear()
        while time.monotonic() < UNTIL[0]:
            sum(range(300))


def stall_stat_files(seconds):
    UNTIL[0] = time.monotonic() + seconds
    WANTED.set()
    while time.monotonic() < UNTIL[0]:
        os.stat("/")  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_stat_files, "gil", seconds, call="gil", rule="GW3006", culprit="gil-holder:hog",
                culprit_function="hog_loop")


if __name__ == "__main__":
    lab.thread(hog_loop, name="hog")
    lab.run_gevent(one_stall)
