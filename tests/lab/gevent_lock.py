"""gevent: a lock of the interpreter's own, held by a native thread."""

import threading
import time

import gevent
import lab

LOCK = threading.Lock()
WANTED = threading.Event()
LENGTH = [0.0]


def hold_lock():
    while True:
        WANTED.wait()
        WANTED.clear()
        with LOCK:
            time.sleep(LENGTH[0])


def stall_acquire(_seconds):
    LOCK.acquire()  # <- here
    LOCK.release()


def one_stall(truth, seconds):
    LENGTH[0] = seconds + 0.002
    WANTED.set()
    while not LOCK.locked():
        gevent.sleep(0.001)
    truth.timed(stall_acquire, "lock", seconds, call="futex", peer="futex-private", rule="GW3002",
                culprit="lock-owner:holder|waker:holder", culprit_function="hold_lock")


if __name__ == "__main__":
    lab.thread(hold_lock, name="holder")
    lab.run_gevent(one_stall)
