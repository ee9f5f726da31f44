"""gevent: a lock of multiprocessing, held by another process: a semaphore in shared memory."""

import multiprocessing
import time

import lab


def hold_lock(sock, lock):
    for seconds in lab.requests(sock):
        with lock:
            sock.sendall(b".")
            time.sleep(seconds)


def stall_acquire(_seconds):
    LOCK.acquire()  # <- here
    LOCK.release()


def one_stall(truth, seconds):
    lab.ask_and_wait(HELPER, seconds)
    truth.timed(stall_acquire, "lock", seconds, call="futex", peer="futex-shared", rule="GW3004",
                culprit="lock-owner:holder|waker:holder")


if __name__ == "__main__":
    LOCK = multiprocessing.Lock()
    HELPER = lab.helper(hold_lock, LOCK, name="holder")
    lab.run_gevent(one_stall)
