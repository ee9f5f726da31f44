"""gevent: another process keeps an SQLite database locked. SQLite's busy handler sleeps many short sleeps."""

import os
import sqlite3
import time

import lab
import servers


def hold_database(sock, path):
    database = sqlite3.connect(path, isolation_level=None)
    for seconds in lab.requests(sock):
        database.execute("begin exclusive")
        sock.sendall(b".")
        time.sleep(seconds)
        database.execute("rollback")


def stall_insert(_seconds):
    with DATABASE:
        DATABASE.execute("insert into orders values (1)")  # <- here


def one_stall(truth, seconds):
    lab.ask_and_wait(HELPER, seconds)
    truth.timed(stall_insert, "syscall", seconds, call="clock_nanosleep", rule="GW1008")


if __name__ == "__main__":
    path = os.path.join(servers.scratch(), "shop.db")
    HELPER = lab.helper(hold_database, path)
    DATABASE = sqlite3.connect(path, timeout=10)
    DATABASE.execute("pragma synchronous = off")
    DATABASE.execute("create table orders (number)")
    lab.run_gevent(one_stall)
