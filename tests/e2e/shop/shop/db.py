"""Users, in PostgreSQL."""

import gevent.queue
import gevent.socket
import psycopg2
from psycopg2 import extensions

from . import settings

POOL = 2
free = gevent.queue.Queue()


def wait_green(connection):
    """What psycogreen does."""
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        wait = gevent.socket.wait_read if state == extensions.POLL_READ else gevent.socket.wait_write
        wait(connection.fileno())  # decoy psycopg2-with-a-callback


def begin():
    if settings.GREEN:
        extensions.set_wait_callback(wait_green)
    for _ in range(POOL):
        connection = psycopg2.connect(settings.DATABASE)
        connection.autocommit = True
        free.put(connection)


def user(number):
    connection = free.get()
    try:
        cursor = connection.cursor()
        cursor.execute("select pg_sleep(0.01)")  # fault psycopg2
        return number, cursor.fetchone()
    finally:
        free.put(connection)


begin()
