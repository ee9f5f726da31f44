"""A gevent program that stalls for each line on its stdin: in a greenlet, down through a C library and code of its own making.

    world.py LIBRARY      a shared object with nap_in_library(call, seconds)

It says `READY pid tid`, then `BEGIN ns nap_here` and `END ns nap_here`. The code it makes (`made_on_the_fly`) is told in
a perf map, as JIT compilers do, under its own pid in its own /tmp.
"""

import ctypes
import mmap
import os
import sys
import time

import gevent
from gevent.socket import wait_read

# push rbp; mov rbp, rsp; mov rax, rdi; mov rdi, rsi; call rax; pop rbp; ret
BRIDGE = bytes.fromhex("55 4889e5 4889f8 4889f7 ffd0 5d c3")


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def made_code():
    """A function that calls its first argument with its second, in memory of no file."""
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(BRIDGE)
    at = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    with open(f"/tmp/perf-{os.getpid()}.map", "w") as told:
        told.write(f"{at:x} {len(BRIDGE):x} made_on_the_fly\n")
    return at, memory


def nap_here(library, at):
    say("BEGIN", time.monotonic_ns(), "nap_here")
    library.nap_in_library(ctypes.c_void_p(at), 200000)


def main():
    library = ctypes.CDLL(sys.argv[1])
    at, _kept = made_code()
    say("READY", os.getpid(), gevent.hub.get_hub().thread_ident and gettid())
    while True:
        wait_read(0)
        if not os.read(0, 4096):
            return
        gevent.sleep(0.03)
        worker = gevent.Greenlet(nap_here, library, at)
        worker.name = "napping-greenlet"
        worker.start()
        worker.join()
        gevent.sleep(0)
        say("END", time.monotonic_ns(), "nap_here")


def gettid():
    return ctypes.CDLL(None).syscall(186)


try:
    main()
finally:
    os.unlink(f"/tmp/perf-{os.getpid()}.map")
