"""gevent: json.dumps of a big document, again and again until time is up.

Variant pieces, the healthy twin: small documents, and the loop gets its turn between them.
"""

import json
import time

import gevent
import lab

ROWS = [{"number": n, "name": f"item {n}", "tags": ["a", "b", "c"], "price": n / 7} for n in range(8000)]


def stall_dumps(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        json.dumps(ROWS)  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_dumps, "cpu", seconds, rule="GW5001")


def in_pieces():
    for start in range(0, len(ROWS), 200):
        json.dumps(ROWS[start:start + 200])
        gevent.sleep(0)


if __name__ == "__main__":
    if lab.variant("whole", "pieces") == "pieces":
        lab.live_gevent(in_pieces)
    else:
        lab.run_gevent(one_stall)
