"""gevent: the loop begins in a thread a second after greenwatch has come."""

import threading
import time

import lab


def stall_late_loop(seconds):
    time.sleep(seconds)  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_late_loop, "syscall", seconds, call="clock_nanosleep|select|pselect6", rule="GW3001")


def begin_late():
    lab.say_ready()
    if not lab.options().go:
        lab.read_go()
    time.sleep(1)
    lab.run_gevent(one_stall, released=True)


if __name__ == "__main__":
    thread = threading.Thread(target=begin_late)
    thread.start()
    thread.join()
