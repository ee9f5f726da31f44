"""gevent: a mapped file that is not in memory. Every touch of a page waits for the disk, without any system call.

On a fast disk the kernel works for as long as it waits, so `cpu` is right too.
"""

import mmap
import random
import time

import gevent
import lab
import servers

DICE = random.Random(5)


def stall_touch_pages(seconds):
    until = time.monotonic() + seconds
    total = 0
    while time.monotonic() < until:
        total += MAP[DICE.randrange(servers.RECORDS) * servers.RECORD]  # <- here
    return total


def one_stall(truth, seconds):
    servers.advise(MAP, servers.MADV_DONTNEED)
    servers.forget(FILE)
    gevent.sleep(0.02)
    truth.timed(stall_touch_pages, "pagefault", seconds, also="cpu", call="pagefault", peer="file", rule="GW7003")


if __name__ == "__main__":
    FILE = servers.cold_file()
    MAP = mmap.mmap(FILE, 0)
    servers.advise(MAP, servers.MADV_RANDOM)
    lab.run_gevent(one_stall)
