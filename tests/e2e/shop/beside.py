#!/usr/bin/python3
"""What a shop has around it, all on loopback: a database, a name server, a server of switches, a job, its customers.

    beside.py PLACE [--postgres]    PLACE: a directory of the case

Says `READY KEY=VALUE...` for the environment of the shop; then each line on stdin is a port, at which customers begin
to call, `ROUND N` as each begins to ask for all pages once more; `SERVED PATH N ERRORS` for each path at the end, which is the end of stdin. With --postgres the database is a
private PostgreSQL instead of a stand-in that speaks its protocol and understands `select pg_sleep(SECONDS)`.
"""

import collections
import fcntl
import http.client
import itertools
import pathlib
import re
import socket
import socketserver
import struct
import sys
import threading
import time

PATHS = ("/pay", "/receipt", "/flags", "/ship", "/thumb", "/stock", "/order", "/user", "/basket", "/catalog", "/rates",
         "/health", "/archive", "/banner")
CUSTOMERS = 2
NAMES = ("127.0.0.178", 53)
OVER = threading.Event()
served = collections.Counter()
failed = collections.Counter()


class Database(socketserver.BaseRequestHandler):
    """PostgreSQL's protocol, as much of it as a client needs."""

    def message(self, kind, body=b""):
        self.request.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def exactly(self, n):
        data = self.request.recv(n, socket.MSG_WAITALL)
        if len(data) < n:
            raise ConnectionResetError
        return data

    def greet(self):
        while True:
            length, code = struct.unpack("!II", self.exactly(8))
            self.exactly(length - 8)
            if code == 196608:
                break
            self.request.sendall(b"N")  # no TLS
        self.message(b"R", struct.pack("!I", 0))
        for pair in ("server_version\x0015.0", "client_encoding\0UTF8", "standard_conforming_strings\0on",
                     "integer_datetimes\0on", "DateStyle\0ISO, MDY"):
            self.message(b"S", pair.encode() + b"\0")
        self.message(b"K", struct.pack("!II", 1, 1))
        self.message(b"Z", b"I")

    def handle(self):
        try:
            self.greet()
            while True:
                kind = self.exactly(1)
                text = self.exactly(struct.unpack("!I", self.exactly(4))[0] - 4).decode()
                if kind == b"X":
                    return
                self.query(text)
        except OSError:
            pass

    def query(self, text):
        sleeps = re.search(r"pg_sleep\(([\d.]+)\)", text)
        if sleeps:
            time.sleep(float(sleeps[1]))
            self.message(b"T", struct.pack("!H", 1) + b"it\0" + struct.pack("!IHIHIH", 0, 0, 25, 0xffff, 0xffffffff, 0))
            self.message(b"D", struct.pack("!HI", 1, 2) + b"ok")
        self.message(b"C", b"SELECT 1\0" if sleeps else b"SET\0")
        self.message(b"Z", b"I")


class Switches(socketserver.StreamRequestHandler):
    """Says of each name, after a while, that it is on."""

    def handle(self):
        for _ in self.rfile:
            time.sleep(0.01)
            self.wfile.write(b"1")


class Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_):
        pass


def serve(handler):
    server = Threads(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def answer_names(server):
    """Each name is 127.0.0.1, said 10 ms later."""
    while True:
        query, asker = server.recvfrom(512)
        time.sleep(0.01)
        asked = query[12:query.index(b"\0", 12) + 5]
        answer = struct.pack("!HHHIH4s", 0xc00c, 1, 1, 0, 4, socket.inet_aton("127.0.0.1"))
        server.sendto(query[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + asked + answer, asker)


def count_stock(path):
    """The job of the night: has the lock of the stock for 15 of 30 ms."""
    with open(path, "w", encoding="ascii") as file:
        while True:
            fcntl.flock(file, fcntl.LOCK_EX)
            time.sleep(0.015)
            fcntl.flock(file, fcntl.LOCK_UN)
            time.sleep(0.015)


def buy(port):
    shop = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for round_ in itertools.count(1):
        if OVER.is_set():
            return
        print("ROUND", round_, flush=True)
        for path in PATHS:
            try:
                shop.request("GET", path)
                answer = shop.getresponse()
                answer.read()
                served[path] += 1
                failed[path] += answer.status != 200
            except (OSError, http.client.HTTPException):
                failed[path] += 1
                shop.close()
                time.sleep(0.05)


def start(function, *args):
    thread = threading.Thread(target=function, args=args, daemon=True)
    thread.start()
    return thread


def database(real):
    if not real:
        return f"host=127.0.0.1 port={serve(Database)} user=shop dbname=shop"
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lab"))
    import servers
    return servers.postgres()


def main():
    place = pathlib.Path(sys.argv[1])
    where = database("--postgres" in sys.argv)
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind(NAMES)
    start(answer_names, names)
    (place / "resolv.conf").write_text(f"nameserver {NAMES[0]}\noptions timeout:5 attempts:1\n")
    start(count_stock, place / "stock.lock")
    told = {"SHOP_DATABASE": where, "SHOP_SWITCHES": serve(Switches), "SHOP_PLACE": place}
    print("READY " + "|".join(f"{key}={value}" for key, value in told.items()), flush=True)
    customers = []
    for line in sys.stdin:
        customers += [start(buy, int(line)) for _ in range(CUSTOMERS)]
    OVER.set()
    for customer in customers:
        customer.join(15)
    for path in PATHS:
        print("SERVED", path, served[path], failed[path], flush=True)


if __name__ == "__main__":
    main()
