"""gevent: a mutex of pthreads in a C library, held by a native thread. It tells its owner itself."""

import ctypes
import threading
import time

import gevent
import lab

LIBC = ctypes.CDLL(None)
MUTEX = ctypes.create_string_buffer(64)
WANTED = threading.Event()
HELD = threading.Event()
LENGTH = [0.0]


def hold_mutex():
    while True:
        WANTED.wait()
        WANTED.clear()
        LIBC.pthread_mutex_lock(MUTEX)
        HELD.set()
        time.sleep(LENGTH[0])
        LIBC.pthread_mutex_unlock(MUTEX)


def stall_lock(_seconds):
    LIBC.pthread_mutex_lock(MUTEX)  # <- here
    LIBC.pthread_mutex_unlock(MUTEX)


def one_stall(truth, seconds):
    LENGTH[0] = seconds + 0.002
    HELD.clear()
    WANTED.set()
    while not HELD.is_set():
        gevent.sleep(0.001)
    truth.timed(stall_lock, "lock", seconds, call="futex", peer="futex-private", culprit="lock-owner:holder",
                culprit_function="hold_mutex")


if __name__ == "__main__":
    lab.thread(hold_mutex, name="holder")
    lab.run_gevent(one_stall)
