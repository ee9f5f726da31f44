"""gevent: a greenlet writes a log and syncs it to the disk, again and again until time is up.

Appending makes every sync commit the journal too, so the thread is blocked for most of the time even on a fast disk.
The file stays small; it lies in a temporary directory (TMPDIR), which is removed at the end.
"""

import os
import tempfile
import time

import lab

RECORD = b"order paid\n" * 20


def stall_write_fsync(seconds, log):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        os.write(log, RECORD)
        os.fsync(log)  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_write_fsync, "syscall", seconds, LOG.fileno(), call="fsync", peer="file", rule="GW4002")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="greenwatch-lab-") as place:
        with open(os.path.join(place, "audit.log"), "wb") as LOG:
            lab.run_gevent(one_stall)
