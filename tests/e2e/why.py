"""An asyncio loop that is kept waiting in one of several ways, for each line on its stdin:

    why.py tcp       a read from a TCP socket in blocking mode
    why.py flock     a file lock that another descriptor holds
    why.py lock      a lock that the thread `keeper` holds
    why.py mutex     a mutex of pthreads that the thread `keeper` holds
    why.py stuck     such a mutex that it never gives up
    why.py shared    a lock of multiprocessing that a child named `keeper` holds
    why.py gil       pure Python in the thread `hog` while the loop wants to run
    why.py fault     a page of a file in memory that the thread `pager` brings
    why.py memory    a page of no file that it brings
    why.py crowded   the CPU that the processes `heavy` and `light` have, the first three times as much
    why.py sleep     time.sleep, while five peers of this loop's server send
    why.py poll      time.sleep in a loop that waits in poll

It says `READY pid tid`, then `BEGIN ns function` and `END ns function` around the wait, and `THREAD name tid` of helpers.
"""

import asyncio
import ctypes
import fcntl
import mmap
import multiprocessing
import os
import selectors
import signal
import socket
import struct
import sys
import tempfile
import threading
import time

HOLD_S = 0.2


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def helper(name, work):
    """Runs work in a thread of that name, the kernel's name too; returns when it has begun."""
    begun = threading.Event()

    def run():
        ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)
        say("THREAD", name, threading.get_native_id())
        work(begun)

    threading.Thread(target=run, name=name, daemon=True).start()
    begun.wait()


def tcp():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    say("PEER", "%s:%d" % ours.getpeername())
    threading.Timer(HOLD_S, theirs.send, (b"x",)).start()
    return lambda: ours.recv(1)


def flock():
    held = tempfile.NamedTemporaryFile(prefix="why-", dir=".")
    mine = open(held.name)
    fcntl.flock(held, fcntl.LOCK_EX)
    threading.Timer(HOLD_S, fcntl.flock, (held, fcntl.LOCK_UN)).start()
    return lambda: fcntl.flock(mine, fcntl.LOCK_EX)


def lock():
    held = threading.Lock()

    def keep(begun):
        with held:
            begun.set()
            time.sleep(HOLD_S)

    helper("keeper", keep)
    return held.acquire


def mutex(hold_s=HOLD_S):
    libc = ctypes.CDLL(None)
    held = ctypes.create_string_buffer(64)

    def keep_mutex(begun):
        libc.pthread_mutex_lock(held)
        begun.set()
        time.sleep(hold_s)
        libc.pthread_mutex_unlock(held)

    helper("keeper", keep_mutex)
    return lambda: libc.pthread_mutex_lock(held)


def stuck():
    return mutex(3600)


SHARED = multiprocessing.get_context("fork").Lock()
PIPE = os.pipe()


def keep_shared():
    """In a child: takes the lock for a while whenever it is told to."""
    ctypes.CDLL(None).prctl(15, b"keeper", 0, 0, 0)
    os.close(PIPE[1])
    while os.read(PIPE[0], 1):
        with SHARED:
            say("SHARED", os.getpid())
            time.sleep(HOLD_S)
    os._exit(0)


def shared():
    os.write(PIPE[1], b"x")
    while SHARED.acquire(block=False):
        SHARED.release()
    return SHARED.acquire


def gil():
    def crunch(begun):
        begun.set()
        until = time.monotonic() + 3
        while time.monotonic() < until:
            sum(range(500))

    helper("hog", crunch)

    def wait_here():
        for _ in range(50):
            time.sleep(0.0001)

    return wait_here


def pages(fd):
    """Memory that has its first page once a helper brings it (userfaultfd); how to read that without the GIL."""
    memory = mmap.mmap(fd, 4096, flags=mmap.MAP_SHARED if fd >= 0 else mmap.MAP_PRIVATE)
    at = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    uffd = libc.syscall(323, os.O_CLOEXEC)
    fcntl.ioctl(uffd, 0xc018aa3f, struct.pack("QQQ", 0xaa, 0, 0))        # UFFDIO_API
    fcntl.ioctl(uffd, 0xc020aa00, struct.pack("QQQQ", at, 4096, 1, 0))   # UFFDIO_REGISTER, missing pages
    full = ctypes.create_string_buffer(b"x" * 4096, 4096)
    bring = struct.pack("QQQQQ", at, ctypes.addressof(full), 4096, 0, 0)  # UFFDIO_COPY
    threading.Timer(HOLD_S, lambda: (fcntl.ioctl(uffd, 0xc028aa03, bring), full)).start()
    libc.memchr.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
    return lambda: (libc.memchr(at, 0, 4096), memory)


def fault():
    file = open("/dev/shm/why-%d" % os.getpid(), "w+b")
    os.unlink(file.name)
    file.truncate(4096)
    say("PAGES", file.name)
    return pages(file.fileno())


def memory():
    return pages(-1)


def rival(name, nice, cpu):
    """A process that wants that CPU from its first SIGCONT on; how long it has had one, in ns."""
    pid = os.fork()
    if not pid:
        ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
        os.sched_setaffinity(0, {cpu})
        os.nice(nice)
        os.kill(os.getpid(), signal.SIGSTOP)
        while True:
            pass
    os.waitpid(pid, os.WUNTRACED)
    say("RIVAL", name, pid)

    def ran():
        with open(f"/proc/{pid}/schedstat") as file:
            return int(file.read().split()[0])

    return pid, ran


def crowded():
    cpu = max(os.sched_getaffinity(0))
    rivals = {name: rival(name, nice, cpu) for name, nice in (("heavy", 0), ("light", 5))}
    os.sched_setaffinity(0, {cpu})
    os.nice(10)

    def work():
        before = {name: ran() for name, (_, ran) in rivals.items()}
        for pid, _ in rivals.values():
            os.kill(pid, signal.SIGCONT)
        until = time.thread_time() + 0.03
        while time.thread_time() < until:
            pass
        for name, (pid, ran) in rivals.items():
            say("RAN", name, ran() - before[name])
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    return work


def sleep():
    return lambda: time.sleep(HOLD_S)


def poll():
    return lambda: time.sleep(HOLD_S)


async def echo(reader, writer):
    while data := await reader.read(100):
        writer.write(data)


async def peers(port):
    """Five peers that send all the time, in a process of their own."""
    code = ("import socket,time,os\n"
            f"s=[socket.create_connection(('127.0.0.1',{port})) for _ in range(5)]\n"
            "while os.getppid() != 1:\n"
            "  for c in s: c.send(b'x')\n"
            "  for c in s: c.recv(9)\n"
            "  time.sleep(0.01)\n")
    await asyncio.create_subprocess_exec(sys.executable, "-c", code)


def stall(prepare):
    wait = prepare()
    say("BEGIN", time.monotonic_ns(), prepare.__name__)
    wait()
    return "END", time.monotonic_ns(), prepare.__name__


async def main(kind):
    news = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_reader(0, lambda: news.put_nowait(os.read(0, 4096)))
    if kind == "sleep":
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        await peers(server.sockets[0].getsockname()[1])
    say("READY", os.getpid(), threading.get_native_id())
    while await news.get():
        for _ in range(20):  # a loop that polls is one after eight waits
            await asyncio.sleep(0.01)
        end = stall({"tcp": tcp, "flock": flock, "lock": lock, "mutex": mutex, "stuck": stuck, "shared": shared, "gil": gil,
                     "fault": fault, "memory": memory, "crowded": crowded, "sleep": sleep, "poll": poll}[kind])
        await asyncio.sleep(0)
        say(*end)


if sys.argv[1] == "shared" and not os.fork():
    keep_shared()
selector = selectors.PollSelector() if sys.argv[1] == "poll" else selectors.DefaultSelector()
with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
    runner.run(main(sys.argv[1]))
