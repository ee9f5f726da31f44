"""gevent: a greenlet reads a file that is not in memory, here and there, until time is up.

On a fast disk the kernel works for as long as it waits, so `cpu` is right too.
Variant pool, the healthy twin: the same reads in gevent's thread pool.
"""

import os
import random
import time

import gevent
import lab
import servers

DICE = random.Random(5)


def stall_read(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        os.pread(FILE, servers.RECORD, DICE.randrange(servers.RECORDS) * servers.RECORD)  # <- here


def one_stall(truth, seconds):
    servers.forget(FILE)
    gevent.sleep(0.02)
    truth.timed(stall_read, "syscall", seconds, also="cpu", call="pread64", peer="file", rule="GW4001")


def in_pool():
    servers.forget(FILE)
    gevent.get_hub().threadpool.apply(stall_read, (0.1,))


if __name__ == "__main__":
    FILE = servers.cold_file()
    if lab.variant("loop", "pool") == "pool":
        lab.live_gevent(in_pool)
    else:
        lab.run_gevent(one_stall)
