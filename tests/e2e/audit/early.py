"""Imported before patching: each name below is a fault that the audit must name, unless its comment says fine."""
import functools
import logging
import os
import queue
import select
import socket
import ssl
import subprocess
import threading
import time
from select import poll
from socket import create_connection  # fine: Python code that uses the patched names of its module
from time import sleep

S = socket.socket
biglock = threading.Lock()
again = threading.RLock()
simple = queue.SimpleQueue()
jobs = queue.Queue()
ready = threading.Event()
waiter = functools.partial(time.sleep, 5)
table = {"nap": time.sleep}

# fine
monotonic = time.monotonic
timeout = socket.timeout
Thread = threading.Thread
run = subprocess.run
Condition = threading.Condition
getpid = os.getpid


class MySocket(socket.socket):
    """Derives from the original."""


class Context(ssl.SSLContext):
    """Derives from the original."""


class Client:
    nap = time.sleep
    wait = staticmethod(time.sleep)
    launcher = subprocess.Popen

    def __init__(self):
        self._guard = threading.Lock()
        self.pause = time.sleep

    def ask(self, wait=os.waitpid):
        return wait


class Worker(threading.Thread):
    """fine: what Thread keeps is its own affair."""


client = Client()
worker = Worker()


def with_default(seconds, nap=time.sleep):
    nap(seconds)


def with_keyword(*, resolve=socket.getaddrinfo):
    return resolve


def maker():
    nap = time.sleep

    def closed(seconds):
        nap(seconds)

    return closed


def decorate(function):
    original = select.select

    @functools.wraps(function)
    def wrapper(*args):
        original([], [], [], 0)
        return function(*args)

    return wrapper


closed = maker()


@decorate
def decorated():
    return 1


def by_module(seconds):
    """fine: looked up when it is called."""
    time.sleep(seconds)


class Quiet(logging.Handler):
    def __init__(self):
        super().__init__()
        self.guard = threading.Lock()

    def emit(self, record):
        pass


handler = Quiet()
handler.set_name("early-handler")
logging._handlerList.clear()  # gevent replaces the locks of those that logging knows of

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
joined = socket.create_connection(listener.getsockname())
quick = socket.socket()
quick.bind(("127.0.0.1", 0))
quick.listen()
quick.setblocking(False)  # fine: never waits
shared = socket.socket()
shared.bind(("127.0.0.1", 0))
