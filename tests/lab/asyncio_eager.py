"""asyncio: a task is started eagerly, within another task's step, and computes. It is to blame, not its parent."""

import asyncio
import sys
import time

import lab


def stall_in_eager(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:  # <- here
        sum(range(200))  # <- here


async def warm_cache(truth, seconds):
    truth.timed(stall_in_eager, "cpu", seconds, task="warm-up", chain="load_all>warm_cache")


async def load_all(*args):
    await warm_cache(*args)


async def one_stall(truth, seconds):
    task = asyncio.Task(load_all(truth, seconds), loop=asyncio.get_running_loop(), name="warm-up", eager_start=True)
    await task


if __name__ == "__main__":
    if sys.version_info < (3, 12):
        lab.cannot("tasks cannot be started eagerly before Python 3.12")
    lab.run_asyncio(one_stall)
