"""gevent: SysLogHandler sends to a unix datagram socket whose reader does not keep up: its queue is full."""

import logging.handlers
import os
import socket
import time

import lab
import servers

LOG = logging.getLogger("shop")


def drain_late(sock, path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        server.setblocking(False)
        sock.sendall(b".")
        for seconds in lab.requests(sock):
            time.sleep(seconds)
            try:
                while server.recv(4096):
                    pass
            except BlockingIOError:
                pass


def fill(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect(path)
        try:
            while True:
                sock.send(b"filler")
        except BlockingIOError:
            pass


def stall_syslog(_seconds):
    LOG.warning("order paid")  # <- here


def one_stall(truth, seconds):
    fill(PATH)
    lab.ask(HELPER, seconds)
    truth.timed(stall_syslog, "syscall", seconds, call="sendto", peer="unix", rule="GW4004")


if __name__ == "__main__":
    PATH = os.path.join(servers.scratch(), "log")
    HELPER = lab.helper(drain_late, PATH)
    HELPER.recv(1)
    LOG.addHandler(logging.handlers.SysLogHandler(PATH))
    lab.run_gevent(one_stall)
