"""Where the log goes: a batch that a thread ships, and a file for the auditors. Imported before patching."""

import logging
import os
import threading

from . import settings


class Batch(logging.Handler):
    """Keeps lines until a thread ships them."""

    def __init__(self):
        super().__init__()
        self.guard = threading.Lock()
        self.lines = []

    def emit(self, record):
        line = self.format(record)
        self.guard.acquire()  # fault log-lock
        self.lines.append(line)
        self.guard.release()

    def ship(self, send):
        """In a thread: send(lines) while nobody adds one."""
        with self.guard:
            send(self.lines)
            self.lines.clear()


class Durable(logging.FileHandler):
    """A line is on the disk before anybody is answered."""

    def emit(self, record):
        super().emit(record)
        os.fsync(self.stream.fileno())  # fault sync-log


def begin():
    for name, handler in (("shop.orders", Batch()), ("shop.audit", Durable(os.path.join(settings.PLACE, "audit.log")))):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.addHandler(handler)


begin()
