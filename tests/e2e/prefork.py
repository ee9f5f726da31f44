"""A master without an event loop that forks workers with one, as gunicorn does. Commands, one a line on stdin:

    fork NAME               start a worker, which takes app.py's commands (--gevent: `stall` only)
    tell NAME COMMAND...    pass a command on to that worker
"""

import asyncio
import sys
import time

import app


def stall_in_greenlet(seconds):
    time.sleep(seconds)


def run_asyncio(fd):
    asyncio.run(app.App(app.stall_in_child).obey(fd))


def run_gevent(fd):
    import gevent
    from gevent import os as gevent_os

    def obey():
        app.say_ready()
        unread = b""
        while True:
            gevent_os.make_nonblocking(fd)
            data = gevent_os.nb_read(fd, 65536)
            if not data:
                return
            *lines, unread = (unread + data).split(b"\n")
            for line in lines:
                _, seconds, times = line.split()
                for _ in range(int(times)):
                    gevent.sleep(app.CALM_S)
                    end = app.timed(stall_in_greenlet, float(seconds))
                    gevent.sleep(app.CALM_S)
                    app.say(*end)

    gevent.spawn(obey).get()


def main():
    workers = app.Children(run_gevent if "--gevent" in sys.argv else run_asyncio)
    app.say_ready()
    for line in sys.stdin:
        word, *rest = line.split()
        getattr(workers, word)(*rest)


if __name__ == "__main__":
    main()
