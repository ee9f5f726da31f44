"""gevent: two hubs in two threads. The second one stalls, the first one is healthy and must not be blamed."""

import threading
import time

import gevent
import lab


def stall_second_loop(seconds):
    time.sleep(seconds)  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_second_loop, "syscall", seconds, call="clock_nanosleep|select|pselect6", rule="GW3001")


if __name__ == "__main__":
    second = threading.Thread(target=lab.run_gevent, args=(one_stall,), name="second-loop")
    second.start()
    while second.is_alive():
        gevent.sleep(0.01)
