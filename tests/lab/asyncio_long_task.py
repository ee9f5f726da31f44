"""asyncio: one long task with a name among twenty short ones, all in one turn. The long one is to blame."""

import asyncio
import time

import lab


async def work_briefly():
    sum(range(2000))


def compute(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:  # <- here
        sum(range(200))  # <- here


async def export_report(seconds):
    compute(seconds)


async def one_stall(truth, seconds):
    async def last():
        truth.add(begin, truth.after(), compute.__name__, "cpu", planned_ns=int(seconds * 1e9), task=name,
                  chain="export_report", line=compute)

    begin = truth.before()
    some = [asyncio.ensure_future(work_briefly()) for _ in range(10)]
    long = asyncio.ensure_future(export_report(seconds))
    name = "export_report"
    if hasattr(long, "set_name"):
        name = "nightly-export"
        long.set_name(name)
    others = [asyncio.ensure_future(work_briefly()) for _ in range(10)]
    await asyncio.gather(*some, long, *others, last())


if __name__ == "__main__":
    lab.run_asyncio(one_stall)
