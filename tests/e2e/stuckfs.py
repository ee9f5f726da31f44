"""stuckfs.py DIR PROGRAM...: runs PROGRAM in a mount namespace where DIR is a FUSE file system that never answers a read.

Each name in it is a file of SIZE bytes that can be opened and mapped. It is served, in the kernel's own protocol, by a
process that ends with PROGRAM, and then whatever waits for it goes on.
"""

import ctypes
import os
import signal
import stat
import struct
import sys

SIZE = 1 << 20
CLONE_NEWNS, MS_REC, MS_PRIVATE, PR_SET_PDEATHSIG = 0x20000, 0x4000, 0x40000, 1
LOOKUP, FORGET, GETATTR, OPEN, READ, INIT, OPENDIR, INTERRUPT, BATCH_FORGET = 1, 2, 3, 14, 15, 26, 27, 36, 42
ROOT, FILE, LONG_S = 1, 2, 3600
ENOSYS = 38
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result < 0:
        sys.exit(f"stuckfs: {what}: {os.strerror(ctypes.get_errno())}")


def attributes(node):
    mode, size = (stat.S_IFDIR | 0o755, 0) if node == ROOT else (stat.S_IFREG | 0o755, SIZE)
    return struct.pack("<6Q10I", node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(opcode, node):
    """The body of the answer, an error, or None: no answer at all."""
    if opcode in (READ, FORGET, INTERRUPT, BATCH_FORGET):
        return None
    if opcode == INIT:
        return struct.pack("<4I2H2I2H8I", 7, 31, 0, 0, 16, 16, 65536, 1, 0, 0, *[0] * 8)
    if opcode == LOOKUP:
        return struct.pack("<4Q2I", FILE, 1, LONG_S, LONG_S, 0, 0) + attributes(FILE)
    if opcode == GETATTR:
        return struct.pack("<Q2I", LONG_S, 0, 0) + attributes(node)
    if opcode in (OPEN, OPENDIR):
        return struct.pack("<QII", 0, 0, 0)
    return -ENOSYS


def serve(device):
    while True:
        request = os.read(device, 1 << 20)
        _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
        body = answer(opcode, node)
        if body is not None:
            error, body = (body, b"") if isinstance(body, int) else (0, body)
            os.write(device, struct.pack("<IiQ", 16 + len(body), error, unique) + body)


def main(directory, *program):
    check(LIBC.unshare(CLONE_NEWNS), "unshare")
    check(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount")
    device = os.open("/dev/fuse", os.O_RDWR)
    how = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
    check(LIBC.mount(b"stuckfs", directory.encode(), b"fuse.stuckfs", 0, how.encode()), "mount")
    parent = os.getpid()
    if os.fork() == 0:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            serve(device)
        os._exit(0)
    os.close(device)
    os.execv(program[0], program)


if __name__ == "__main__":
    main(*sys.argv[1:])
