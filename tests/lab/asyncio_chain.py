"""asyncio, or `uvloop`: a task blocks three coroutines deep. Others, without work, wait beside it."""

import asyncio
import time

import lab

LOOP = lab.variant("asyncio", "uvloop")


def stall_in_parser(seconds):
    time.sleep(seconds)  # <- here


async def parse_page(truth, seconds, told):
    await asyncio.sleep(0)
    truth.timed(stall_in_parser, "syscall", seconds, call="clock_nanosleep|select|pselect6", rule="GW3001", **told)


async def fetch_page(*args):
    await parse_page(*args)


async def serve_client(*args):
    await fetch_page(*args)


async def one_stall(truth, seconds):
    told = {"task": "serve_client", "chain": "serve_client>fetch_page>parse_page"}
    waiting = [asyncio.ensure_future(asyncio.sleep(0.01)) for n in range(5)]
    client = asyncio.ensure_future(serve_client(truth, seconds, told))
    if hasattr(client, "set_name"):
        client.set_name("client-7")
        told["task"] = "client-7"
    await asyncio.gather(client, *waiting)


if __name__ == "__main__":
    lab.run_asyncio(one_stall, LOOP)
