"""asyncio: time.sleep in a coroutine blocks the whole loop."""

import time

import lab


def stall_sleep_in_coroutine(seconds):
    time.sleep(seconds)


def one_stall(truth, seconds):
    truth.timed(stall_sleep_in_coroutine, "syscall", seconds)


if __name__ == "__main__":
    lab.run_asyncio(one_stall)
