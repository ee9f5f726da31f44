"""The figures of the month, reckoned again and again."""

import gevent


def reckon():
    total = 0
    for day in range(31):
        for hour in range(60000):
            total += day * hour % 7  # fault cpu-hog
    return total


def forever():
    while True:
        reckon()
        gevent.sleep(0.4)
