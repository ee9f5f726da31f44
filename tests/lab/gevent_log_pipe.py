"""gevent: logging writes to a pipe whose reader has fallen asleep, as behind `| tee` or a container's log driver."""

import fcntl
import logging
import os
import time

import lab

F_SETPIPE_SZ = 1031
LOG = logging.getLogger("shop")


def drain_late(sock, reader):
    os.set_blocking(reader, False)
    for seconds in lab.requests(sock):
        time.sleep(seconds)
        try:
            while os.read(reader, 65536):
                time.sleep(0.001)
        except BlockingIOError:
            pass


def fill(writer):
    os.set_blocking(writer, False)
    for size in (4096, 1):
        try:
            while True:
                os.write(writer, b"\n" * size)
        except BlockingIOError:
            pass
    os.set_blocking(writer, True)


def stall_logging(_seconds):
    LOG.warning("order paid")  # <- here


def one_stall(truth, seconds):
    fill(WRITER)
    lab.ask(HELPER, seconds)
    truth.timed(stall_logging, "syscall", seconds, call="write", peer="pipe", rule="GW4003")


if __name__ == "__main__":
    reader, WRITER = os.pipe()
    fcntl.fcntl(WRITER, F_SETPIPE_SZ, 4096)
    HELPER = lab.helper(drain_late, reader)
    LOG.addHandler(logging.StreamHandler(os.fdopen(WRITER, "w", encoding="utf-8")))
    lab.run_gevent(one_stall)
