"""Healthy twin: a gevent server with many short requests over loopback, from a client process. Plans no stall.

No handler computes for more than 3 ms. The client ends by itself after CLIENT_S seconds.
"""

import random
import socket
import threading
import time

import gevent
import lab
from gevent.server import StreamServer

CLIENT_S = 3.5
CONNECTIONS = 6
THINK_S = 0.004
LONGEST_HANDLER_S = 0.003


def handle(sock, _address):
    dice = random.Random(3)
    while sock.recv(100):
        until = time.monotonic() + dice.uniform(0, LONGEST_HANDLER_S)
        while time.monotonic() < until:
            sum(range(100))
        gevent.sleep(dice.choice((0, 0.002)))
        sock.sendall(b"answer\n")


def talk(port, until):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        while time.monotonic() < until:
            sock.sendall(b"question\n")
            sock.recv(100)
            time.sleep(THINK_S)


def load(sock):
    for port in lab.requests(sock):
        until = time.monotonic() + CLIENT_S
        threads = [threading.Thread(target=talk, args=(int(port), until)) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def start():
    server = StreamServer(("127.0.0.1", 0), handle)
    server.start()
    lab.ask(CLIENT, server.server_port)


if __name__ == "__main__":
    CLIENT = lab.helper(load)
    lab.run_gevent(start=start)
