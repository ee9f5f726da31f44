"""gevent: a greenlet that looks at the clock as fast as it can and tells for how long somebody kept it from that.

Plans no stall and makes none: it yields every 5 ms. A gap of more than GAP_NS between two looks is a pause, less what the
thread waited for a CPU by its own schedstat, which is the machine's doing. Prints READY like a workload, and in the end

    PAUSES count total_ns longest_ns looked_ns
"""

import os
import time

import gevent
import lab

LOOK_S = 3.0
TURN_NS = 5_000_000
GAP_NS = 200_000


def look(schedstat, until):
    """Look at the clock for one turn; the pauses."""
    pauses = []
    waited = runqueue_ns(schedstat)
    before = begin = time.monotonic_ns()
    while before < until and before - begin < TURN_NS:
        now = time.monotonic_ns()
        if now - before > GAP_NS:
            total = runqueue_ns(schedstat)
            pause, waited = now - before - (total - waited), total
            if pause > GAP_NS:
                pauses.append(pause)
            now = time.monotonic_ns()
        before = now
    return pauses


def runqueue_ns(schedstat):
    return int(os.pread(schedstat, 100, 0).split()[1])


def main():
    schedstat = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    hub = gevent.get_hub()
    lab.say_ready()
    hub.wait(hub.loop.io(0, 1))
    lab.read_go()
    pauses, begin = [], time.monotonic_ns()
    until = begin + int(LOOK_S * 1e9)
    while time.monotonic_ns() < until:
        pauses += look(schedstat, until)
        gevent.sleep(0)
    lab.say(f"PAUSES {len(pauses)} {sum(pauses)} {max(pauses, default=0)} {time.monotonic_ns() - begin}")


if __name__ == "__main__":
    gevent.spawn(main).get()
