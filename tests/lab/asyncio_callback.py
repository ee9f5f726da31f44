"""asyncio, or `uvloop`: a callback of call_later blocks the loop. It belongs to no task."""

import asyncio
import time

import lab

LOOP = lab.variant("asyncio", "uvloop")


def stall_in_callback(seconds):
    time.sleep(seconds)  # <- here


async def one_stall(truth, seconds):
    def on_timer():
        truth.timed(stall_in_callback, "syscall", seconds, task="one_stall.<locals>.on_timer|on_timer",
                    call="clock_nanosleep|select|pselect6", rule="GW3001")
        done.set()

    done = asyncio.Event()
    asyncio.get_event_loop().call_later(0.01, on_timer)
    await done.wait()


if __name__ == "__main__":
    lab.run_asyncio(one_stall, LOOP)
