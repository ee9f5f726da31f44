"""What is in stock: a file that a job of the night writes, too."""

import fcntl
import os

from . import settings

path = os.path.join(settings.PLACE, "stock.lock")
file = open(path, "a", encoding="ascii")
mine = open(os.path.join(settings.PLACE, "mine.lock"), "a", encoding="ascii")


def take(number):
    fcntl.flock(file, fcntl.LOCK_EX)  # fault flock
    try:
        return number - 1
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def is_mine():
    """Is this the only shop here?"""
    try:
        fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)  # decoy flock-that-never-waits
        return True
    except OSError:
        return False
