"""asyncio: time.sleep in a coroutine blocks the whole loop."""

import time

import lab


def stall_sleep_in_coroutine(seconds):
    time.sleep(seconds)  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_sleep_in_coroutine, "syscall", seconds, call="clock_nanosleep|select|pselect6", rule="GW3001")


if __name__ == "__main__":
    lab.run_asyncio(one_stall)
