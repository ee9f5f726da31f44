"""A gevent program with faults (early.py) and decoys (later.py, and below). Prints READY PID, then runs until killed.

    app.py [--no-NAME...]      patch_all(NAME=False)
    app.py --never             a hub, and no patching
    app.py --thread            patch_all() in another thread
    app.py --clean             patched first of all: nothing to find
"""
import sys
import threading

WORDS = [word[2:] for word in sys.argv[1:]]
if "clean" not in WORDS:
    import early

import gevent
from gevent import monkey


def patch():
    monkey.patch_all(**{word[3:]: False for word in WORDS if word.startswith("no-")})


if "thread" in WORDS:
    thread = threading.Thread(target=patch)
    thread.start()
    thread.join()
elif "never" not in WORDS:
    patch()
    native = monkey.get_original("time", "sleep")  # fine: on purpose

if "clean" in WORDS or "never" in WORDS:
    import logging
    import queue
    import socket
    import ssl
    import subprocess
    import time
    from time import sleep
else:
    import socket
    import later
    green = socket.socket(fileno=early.shared.fileno())  # fine: this one is used

for name in ("psycopg2", "sqlite3"):
    if name in WORDS:
        __import__(name)
if "sqlite3" in WORDS:
    import sqlite3
    database = sqlite3.connect(":memory:")
if "psycogreen" in WORDS:
    from psycopg2 import extensions

    def wait_callback(connection):
        raise NotImplementedError

    extensions.set_wait_callback(wait_callback)


def tick():
    while True:
        gevent.sleep(0.05)


gevent.spawn(tick)
gevent.sleep(0.1)
print("READY", __import__("os").getpid(), flush=True)
gevent.wait()
