"""The figures of the month, reckoned again and again."""

import time

import gevent

TAKES_S = 0.15


def reckon():
    total = 0
    until = time.thread_time() + TAKES_S
    while time.thread_time() < until:
        for hour in range(1000):
            total += hour * hour % 7  # fault cpu-hog
    return total


def forever():
    while True:
        reckon()
        gevent.sleep(0.4)
