"""A program that makes an audit hard: hostile.py big | evil | stuck | torn. Prints READY PID."""
import ctypes
import fcntl
import functools
import gc
import mmap
import os
import struct
import sys
import time
import types

from time import sleep

EVIL = "\x1b[2J\x1b]0;owned\x07\u202e\n"


def word(address):
    return ctypes.c_uint64.from_address(address)


def module(name):
    made = types.ModuleType(name)
    made.__file__ = f"/srv/app/{name}.py"
    sys.modules[name] = made
    return made


def big():
    for i in range(3000):
        made = module(f"many_{i}")
        for k in range(100):
            setattr(made, f"name_{k}", lambda a, b=k: (a, b))
    deep = time.sleep
    for _ in range(5000):
        deep = functools.partial(deep, (deep,))
    module("deep").deep = deep
    return [[i] for i in range(400_000)]


def evil():
    made = module("evil" + EVIL)
    setattr(made, "nap" + EVIL, time.sleep)
    made.__file__ = "/srv/" + EVIL + "x" * 5000


def stuck():
    """A page that nobody ever fills in: reading it never ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(323, os.O_CLOEXEC)  # userfaultfd
    if fd < 0:
        print("SKIP no userfaultfd", flush=True)
        sys.exit(0)
    fcntl.ioctl(fd, 0xC018AA3F, bytearray(struct.pack("QQQ", 0xAA, 0, 0)))
    area = mmap.mmap(-1, 4096)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    fcntl.ioctl(fd, 0xC020AA00, bytearray(struct.pack("QQQQ", address, 4096, 1, 0)))
    word(id(module("stuck")) + 16).value = address
    return area, fd


def torn():
    """Pointers that lead nowhere, and to themselves."""
    for i, value in enumerate((0, 8, 0xffffffffffffffff, 0x00007fffffffe000, id(sys), 1)):
        word(id(module(f"torn_{i}")) + 16).value = value

    def fake():
        pass

    made = module("fake")
    made.fake = fake
    made.partial = functools.partial(time.sleep)
    word(id(made.partial) + 16).value = id(made.partial)
    made.Class = type("Class", (), {"__module__": "fake"})
    made.instance = made.Class()
    word(id(made.Class) + 256).value = id(made.Class)
    keys = {}
    made.keys = keys
    word(id(keys) + 32).value = 12345 * 8


WHAT = sys.argv[1]
if WHAT in ("big", "evil"):
    kept = globals()[WHAT]()

import gevent
from gevent import monkey

monkey.patch_all()
gevent.sleep(0.01)
gc.disable()  # it would not survive a look of its own
if WHAT in ("stuck", "torn"):
    kept = globals()[WHAT]()
print("READY", os.getpid(), flush=True)
gevent.sleep(1000)
