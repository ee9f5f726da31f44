"""asyncio: subprocess.run in a coroutine waits for its child."""

import subprocess

import lab


def stall_run(seconds):
    subprocess.run(["sleep", str(seconds)], check=True)  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_run, "syscall", seconds, call="wait4", rule="GW4007")


if __name__ == "__main__":
    lab.run_asyncio(one_stall)
