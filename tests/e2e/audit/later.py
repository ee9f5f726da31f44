"""Imported after patching: nothing here is a fault."""
import functools
import logging
import queue
import socket
import threading
import time
from time import sleep

from early import biglock  # named where it was made
from early import sleep as borrowed

from gevent.monkey import get_original

native_sleep = get_original("time", "sleep")
native_lock = get_original("threading", "Lock")()
lock = threading.Lock()
again = threading.RLock()
jobs = queue.Queue()
simple = queue.SimpleQueue()
S = socket.socket
waiter = functools.partial(time.sleep, 5)
handler = logging.StreamHandler()


class MySocket(socket.socket):
    pass


class Client:
    nap = sleep

    def __init__(self):
        self._guard = threading.Lock()
        self.native = get_original("threading", "Lock")()


client = Client()


def with_default(seconds, nap=time.sleep):
    nap(seconds)
