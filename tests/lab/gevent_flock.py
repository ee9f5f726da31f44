"""gevent: flock waits in the kernel while another process holds the file's lock."""

import fcntl
import os
import time

import lab
import servers


def hold_lock(sock, path):
    with open(path, "w", encoding="ascii") as file:
        for seconds in lab.requests(sock):
            fcntl.flock(file, fcntl.LOCK_EX)
            sock.sendall(b".")
            time.sleep(seconds)
            fcntl.flock(file, fcntl.LOCK_UN)


def stall_flock(_seconds):
    fcntl.flock(FILE, fcntl.LOCK_EX)  # <- here


def one_stall(truth, seconds):
    lab.ask_and_wait(HELPER, seconds)
    truth.timed(stall_flock, "lock", seconds, call="flock", peer="file", rule="GW3005",
                culprit="lock-owner:holder|waker:holder")
    fcntl.flock(FILE, fcntl.LOCK_UN)


if __name__ == "__main__":
    path = os.path.join(servers.scratch(), "jobs.lock")
    HELPER = lab.helper(hold_lock, path, name="holder")
    FILE = open(path, "w", encoding="ascii")
    lab.run_gevent(one_stall)
