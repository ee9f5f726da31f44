#!/usr/bin/env python3
"""A small web shop on gevent with three classic mistakes, for the demonstration of greenwatch.

    GET /            fast      the catalogue
    GET /item/N      fast      one article
    GET /cart        mistake   renders a huge cart: pure CPU, nobody else is served meanwhile
    GET /pay         mistake   retries with a time.sleep that was imported before gevent patched it
    GET /order       mistake   writes an audit log and syncs every line to the disk

It listens on loopback only, prints its port, and keeps its log in a temporary directory that it removes.
"""

from time import sleep  # too early: this name keeps the original, blocking sleep

from gevent import monkey

monkey.patch_all()

import json
import os
import signal
import sys
import tempfile
import time

from gevent.pywsgi import WSGIServer

ARTICLES = [{"id": n, "name": f"article {n}", "price": 100 + n * 7 % 900} for n in range(50)]
CART = [{"article": ARTICLES[n % 50], "count": n % 5 + 1, "note": "gift & card"} for n in range(70_000)]


def catalogue():
    return json.dumps(ARTICLES)


def item(number):
    return json.dumps(ARTICLES[number % len(ARTICLES)])


def render_cart():
    rows, total = [], 0
    for line in CART:
        price = line["count"] * line["article"]["price"]
        total += price
        note = line["note"].replace("&", "&amp;").replace("<", "&lt;")
        rows.append(f"<tr><td>{line['article']['name']}<td>{line['count']}<td>{price / 100:.2f}<td>{note}")
    return "\n".join(rows) + json.dumps({"total": total, "lines": CART})


def charge_card():
    for attempt in range(2):
        sleep(0.08 * (attempt + 1))  # the bank is busy, try again
    return json.dumps({"paid": True})


def write_audit_log(log):
    """Every line is synced by itself. The time is fixed, not the lines: disks differ too much for a demonstration."""
    until, line = time.monotonic() + 0.2, 0
    while time.monotonic() < until:
        line += 1
        log.write(f"order line {line}\n")
        log.flush()
        os.fsync(log.fileno())
    return json.dumps({"ordered": line})


class Shop:
    def __init__(self, audit_log):
        self.audit_log = audit_log

    def __call__(self, environ, start_response):
        status, body = self.route(environ["PATH_INFO"])
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [body.encode()]

    def route(self, path):
        if path == "/":
            return "200 OK", catalogue()
        if path.startswith("/item/") and path[6:].isdecimal():
            return "200 OK", item(int(path[6:]))
        if path == "/cart":
            return "200 OK", render_cart()
        if path == "/pay":
            return "200 OK", charge_card()
        if path == "/order":
            return "200 OK", write_audit_log(self.audit_log)
        return "404 Not Found", "no such page\n"


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="greenwatch-shop-") as place:
        with open(os.path.join(place, "audit.log"), "a", encoding="ascii") as audit_log:
            server = WSGIServer(("127.0.0.1", 0), Shop(audit_log), log=None)
            server.start()
            print(server.server_port, flush=True)
            server.serve_forever()


if __name__ == "__main__":
    main()
