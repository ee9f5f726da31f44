"""What goes on beside the requests: things that block, each where it may, and some that only look like it."""

import json
import logging
import os
import queue
import socket
import threading
from time import sleep

import gevent
from gevent.monkey import get_original

from . import settings

native_sleep = get_original("time", "sleep")  # decoy original-on-purpose
guard = get_original("threading", "Lock")()  # decoy native-lock-nobody-waits-for
rates = {"EUR": 1.0}
news = queue.SimpleQueue()
again = threading.RLock()


def send(lines):
    """In a thread."""
    native_sleep(0.015)  # decoy sleep-in-a-thread
    return len(lines)


def ship():
    """In a thread of the pool, for ever."""
    (handler,) = logging.getLogger("shop.orders").handlers
    while True:
        handler.ship(send)
        native_sleep(0.01)


def archive():
    """In a thread of the pool."""
    with open(os.path.join(settings.PLACE, "archive"), "ab") as file:
        file.write(bytes(4096))
        file.flush()
        os.fsync(file.fileno())  # decoy fsync-in-a-thread


def read_catalog():
    """In a thread of the pool; the file is in memory."""
    with open(__file__, "rb") as file:
        return file.read()  # decoy read-in-a-thread


def refresh():
    """A greenlet; sleep is green: this module was imported after patching."""
    while True:
        sleep(0.01)  # decoy green-sleep
        with again:
            news.put(dict(rates))


def follow():
    while True:
        fresh = news.get()  # decoy green-queue
        with guard:
            rates.update(fresh)


def look_up():
    return socket.getaddrinfo("bank.example", 443, socket.AF_INET, socket.SOCK_STREAM)  # decoy green-dns


def basket():
    return json.dumps({"items": list(range(20)), "rates": rates})  # decoy small-json


def begin():
    pool = gevent.get_hub().threadpool
    pool.spawn(ship)
    for function in (refresh, follow):
        gevent.spawn(function)


def in_thread(function, *args):
    return gevent.get_hub().threadpool.apply(function, args)
