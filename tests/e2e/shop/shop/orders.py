"""Orders, in SQLite: each is on the disk before it is confirmed."""

import os
import sqlite3

from . import settings

database = sqlite3.connect(os.path.join(settings.PLACE, "orders.db"), isolation_level=None)
database.execute("create table if not exists orders (number integer primary key, what text)")


def save(what):
    return database.execute("insert into orders (what) values (?)", (what,)).lastrowid  # fault sqlite
