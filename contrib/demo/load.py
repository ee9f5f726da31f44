#!/usr/bin/env python3
"""Light load for shop.py: a few visitors on loopback, for a bounded time and at a bounded rate.

    load.py PORT SECONDS

At the end it says how long the fast pages took: they are slow whenever the shop's loop stalls.
"""

import http.client
import sys
import threading
import time

PATHS = ("/", "/item/7", "/cart", "/item/8", "/", "/pay", "/item/9", "/", "/order", "/item/10")
FAST_VISITORS = 3
PAUSE_S = 0.15


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        connection.getresponse().read()
    finally:
        connection.close()


def visit(port, paths, until, took):
    while True:
        for path in paths:
            if time.monotonic() > until:
                return
            begin = time.monotonic()
            try:
                get(port, path)
            except OSError:
                return  # the shop has closed
            took.append(time.monotonic() - begin)
            time.sleep(PAUSE_S)


def main():
    port, seconds = int(sys.argv[1]), min(float(sys.argv[2]), 600)
    until, fast = time.monotonic() + seconds, []
    visitors = [threading.Thread(target=visit, args=(port, PATHS, until, []))]
    for number in range(FAST_VISITORS):
        visitors.append(threading.Thread(target=visit, args=(port, ("/", f"/item/{number}"), until, fast)))
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    if fast:
        fast.sort()
        print(f"{len(fast)} fast pages: median {fast[len(fast) // 2] * 1e3:.0f} ms, worst {fast[-1] * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
