"""asyncio, or `uvloop`: thirty tasks of two kinds are ready at once. None computes long, together they are one long turn."""

import asyncio
import time

import lab

MEMBERS = 30
LOOP = lab.variant("asyncio", "uvloop")


def stall_a_little(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:  # <- here
        sum(range(200))  # <- here


async def render_page(seconds):
    stall_a_little(seconds)


async def send_mail(seconds):
    stall_a_little(seconds)


def spawn(coroutine, name):
    task = asyncio.ensure_future(coroutine)
    if hasattr(task, "set_name"):
        task.set_name(name)
    return task


async def one_stall(truth, seconds):
    async def last():
        truth.add(begin, truth.after(), stall_a_little.__name__, "crowd", planned_ns=int(seconds * 1e9),
                  task="render|mail" if named else "render_page|send_mail", line=stall_a_little,
                  members="render_page+send_mail", rule="GW5012")

    begin = truth.before()
    each = seconds / MEMBERS
    members = [spawn(render_page(each), "render") for _ in range(MEMBERS // 2)]
    members += [spawn(send_mail(each), "mail") for _ in range(MEMBERS // 2)]
    named = hasattr(members[0], "get_name")
    await asyncio.gather(*members, last())


if __name__ == "__main__":
    lab.run_asyncio(one_stall, LOOP)
