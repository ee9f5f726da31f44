"""Receipts are signed in a thread and come back through a queue. Imported before patching."""

import hashlib
import queue

done = queue.SimpleQueue()


def sign(order):
    """In a thread."""
    done.put(hashlib.pbkdf2_hmac("sha256", b"receipt of %d" % order, b"salt", 20000))


def wait():
    return done.get().hex()  # fault native-queue
