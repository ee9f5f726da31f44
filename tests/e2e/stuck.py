"""app.py whose function's name lies, for whoever reads this memory, where reading never ends.

    stuck.py file PATH     the name is in a mapping of PATH
    stuck.py code PATH     the name is sound, but PATH is mapped as code, and would be read for its symbols
    stuck.py fault         the name is in memory whose page faults a userfaultfd is to serve, and does not
    stuck.py library PATH  the name is sound, but the loop is stalled by code of the library PATH, whose path is then a
                           FIFO instead

It also maps and unmaps memory all the time, as programs do.
"""

import ctypes
import fcntl
import mmap
import os
import struct
import sys
import threading
import time

import app

USERFAULTFD, UFFDIO_API, UFFDIO_REGISTER, UFFD_API, MISSING = 323, 0xC018AA3F, 0xC020AA00, 0xAA, 1
WORD = 8
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
KEPT = []


def stall_stuck(seconds):
    time.sleep(seconds)


def address(size, fd):
    flags = mmap.MAP_PRIVATE | (mmap.MAP_ANONYMOUS if fd < 0 else 0)
    at = LIBC.mmap(None, ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_WRITE, flags, fd, ctypes.c_long(0))
    if at == ctypes.c_void_p(-1).value:
        sys.exit("stuck: mmap: " + os.strerror(ctypes.get_errno()))
    return at


def never_served(size):
    """Memory behind a userfaultfd that nobody reads."""
    fd = LIBC.syscall(USERFAULTFD, os.O_CLOEXEC)
    if fd < 0:
        sys.exit("stuck: userfaultfd: " + os.strerror(ctypes.get_errno()))
    KEPT.append(fd)
    at = address(size, -1)
    fcntl.ioctl(fd, UFFDIO_API, bytearray(struct.pack("<3Q", UFFD_API, 0, 0)))
    fcntl.ioctl(fd, UFFDIO_REGISTER, bytearray(struct.pack("<4Q", at, size, MISSING, 0)))
    return at


def move_names(code, where):
    """Makes the code object's names lie there. The interpreter itself has no use for them."""
    words = (ctypes.c_uint64 * (type(code).__basicsize__ // WORD)).from_address(id(code))
    moved = [i for i, word in enumerate(words) if word in (id(code.co_name), id(code.co_qualname))]
    for i in moved:
        words[i] = where
    if len(moved) != 2:
        sys.exit("stuck: no names in the code object")


def replace_by_fifo(path):
    os.unlink(path)
    os.mkfifo(path)


def churn():
    while True:
        mmap.mmap(-1, 1 << 20).close()
        time.sleep(0.002)


def main(kind, path=None):
    stall = stall_stuck
    if kind == "library":
        library = ctypes.CDLL(path)
        replace_by_fifo(path)

        def stall_in_library(seconds):
            library.stall_in_c(ctypes.c_double(seconds))

        stall = stall_in_library
    elif kind == "code":
        KEPT.append(mmap.mmap(os.open(path, os.O_RDONLY), 0, flags=mmap.MAP_PRIVATE,
                              prot=mmap.PROT_READ | mmap.PROT_EXEC))
    else:
        where = never_served(1 << 20) if kind == "fault" else address(1 << 20, os.open(path, os.O_RDONLY))
        move_names(stall_stuck.__code__, where + 4096)
    threading.Thread(target=churn, daemon=True).start()
    app.main(stall)


if __name__ == "__main__":
    main(*sys.argv[1:])
