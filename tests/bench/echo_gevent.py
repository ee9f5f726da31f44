"""A gevent echo server to be saturated: one greenlet per connection, recv then sendall.

Prints "READY PID TID PORT" once it listens on loopback. It pins and measures nothing
itself, serves nobody but 127.0.0.1, and is dead after --seconds whatever happens.
With --stall MS it also blocks its loop twice a second, so that a watcher has work.
"""

import argparse
import os
import signal
import threading
import time

import gevent
from gevent.server import StreamServer


def echo(conn, _address):
    """Answer every chunk with itself until the peer leaves."""
    recv, sendall = conn.recv, conn.sendall
    try:
        while data := recv(4096):
            sendall(data)
    except ConnectionError:
        pass


def stall(ms):
    """Block the loop, half of the time on the CPU and half of it asleep, for ever."""
    while True:
        gevent.sleep(0.5)
        busy_until = time.monotonic() + ms / 2000
        while time.monotonic() < busy_until:
            pass
        time.sleep(ms / 2000)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="life span (600)")
    parser.add_argument("--stall", type=int, default=0, metavar="MS", help="block the loop (0)")
    opts = parser.parse_args()
    signal.alarm(opts.seconds)
    if opts.stall:
        gevent.spawn(stall, opts.stall)
    server = StreamServer(("127.0.0.1", 0), echo, backlog=1024)
    server.start()
    print("READY", os.getpid(), threading.get_native_id(), server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
