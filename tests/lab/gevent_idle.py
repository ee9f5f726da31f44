"""Healthy twin: a gevent server to which nobody talks. Plans no stall."""

import lab
from gevent.server import StreamServer


def echo(sock, _address):
    sock.sendall(sock.recv(100))


def start():
    StreamServer(("127.0.0.1", 0), echo).start()


if __name__ == "__main__":
    lab.run_gevent(start=start)
