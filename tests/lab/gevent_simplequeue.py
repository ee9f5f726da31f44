"""gevent: the interpreter's own SimpleQueue is empty until a native thread puts something in."""

import _queue
import time

import lab

JOBS = _queue.SimpleQueue()
ANSWERS = _queue.SimpleQueue()


def feed():
    while True:
        time.sleep(JOBS.get())
        ANSWERS.put("answer")


def stall_get(_seconds):
    ANSWERS.get()  # <- here


def one_stall(truth, seconds):
    JOBS.put(seconds)
    truth.timed(stall_get, "lock", seconds, call="futex", peer="futex-private", rule="GW3003", culprit="waker:feeder")


if __name__ == "__main__":
    lab.thread(feed, name="feeder")
    lab.run_gevent(one_stall)
