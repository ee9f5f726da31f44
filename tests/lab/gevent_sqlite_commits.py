"""gevent: one SQLite transaction for each row. Every commit waits for the disk a little; together they stall.

On a fast disk SQLite computes for as long as it waits, so `cpu` is right too.
"""

import os
import sqlite3
import time

import lab
import servers


def stall_commits(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        DATABASE.execute("insert into orders values (1)")  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_commits, "syscall", seconds, also="cpu", call="fdatasync", peer="file", rule="GW1009")


if __name__ == "__main__":
    DATABASE = sqlite3.connect(os.path.join(servers.scratch(), "shop.db"), isolation_level=None)
    DATABASE.execute("create table orders (number)")
    lab.run_gevent(one_stall)
