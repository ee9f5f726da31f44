"""gevent: the process is stopped (SIGSTOP) in the middle of a turn by a helper, which also continues it."""

import mmap
import os
import signal
import time

import lab

GIVE_UP_S = 2.0


def stop_and_continue(sock, pid, continued):
    for seconds in lab.requests(sock):
        try:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
        continued[0] = (continued[0] + 1) % 256


def work_until_continued(seconds):
    before = CONTINUED[0]
    lab.ask(HELPER, seconds)
    give_up = time.monotonic() + seconds + GIVE_UP_S
    while CONTINUED[0] == before:
        if time.monotonic() > give_up:
            raise RuntimeError("the helper did not stop this process")


def one_stall(truth, seconds):
    truth.timed(work_until_continued, "stopped", seconds, function="-", rule="GW7005")


if __name__ == "__main__":
    CONTINUED = mmap.mmap(-1, mmap.PAGESIZE)
    HELPER = lab.helper(stop_and_continue, os.getpid(), CONTINUED)
    lab.run_gevent(one_stall)
