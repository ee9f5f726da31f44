"""asyncio: thirty tasks are ready at once. None computes long, together they are one long turn."""

import asyncio
import sys
import time

import lab

MEMBERS = 30


async def stall_a_little(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:  # <- here
        sum(range(200))  # <- here


async def one_stall(truth, seconds):
    async def last():
        truth.add(begin, truth.after(), stall_a_little.__name__, "crowd", planned_ns=int(seconds * 1e9), task="member",
                  line=stall_a_little, rule="GW5012")

    begin = truth.before()
    members = [asyncio.create_task(stall_a_little(seconds / MEMBERS), name="member") for _ in range(MEMBERS)]
    await asyncio.gather(*members, last())


if __name__ == "__main__":
    if sys.version_info < (3, 8):
        lab.cannot("tasks have no names before Python 3.8")
    lab.run_asyncio(one_stall)
