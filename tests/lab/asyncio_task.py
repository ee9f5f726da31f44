"""asyncio: a task with a name sleeps with time.sleep. Others, without work, wait beside it."""

import asyncio
import sys
import time

import lab


def stall_in_task(seconds):
    time.sleep(seconds)  # <- here


async def one_stall(truth, seconds):
    async def sync_prices():
        truth.timed(stall_in_task, "syscall", seconds, task="sync-prices", call="clock_nanosleep|select|pselect6",
                    rule="GW3001")

    waiting = [asyncio.create_task(asyncio.sleep(0.01), name=f"idle-{n}") for n in range(5)]
    await asyncio.create_task(sync_prices(), name="sync-prices")
    await asyncio.gather(*waiting)


if __name__ == "__main__":
    if sys.version_info < (3, 8):
        lab.cannot("tasks have no names before Python 3.8")
    lab.run_asyncio(one_stall)
