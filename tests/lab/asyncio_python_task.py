"""asyncio: tasks written in Python, not the interpreter's own in C. One blocks."""

import asyncio
import sys
import time

import lab


def stall_in_task(seconds):
    time.sleep(seconds)  # <- here


async def serve_client(truth, seconds):
    await asyncio.sleep(0)
    truth.timed(stall_in_task, "syscall", seconds, task="client-7", chain="serve_client",
                call="clock_nanosleep|select|pselect6", rule="GW3001")


async def one_stall(truth, seconds):
    task = asyncio.tasks._PyTask(serve_client(truth, seconds), loop=asyncio.get_running_loop(), name="client-7")
    await task


if __name__ == "__main__":
    if sys.version_info < (3, 8):
        lab.cannot("tasks have no names before Python 3.8")
    lab.run_asyncio(one_stall)
