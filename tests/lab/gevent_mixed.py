"""gevent: two culprits take turns, one sleeps, one computes. Who looks too far back names the other one, too."""

import itertools

import gevent_cpu
import gevent_sleep
import lab

TURNS = itertools.cycle((gevent_sleep.one_stall, gevent_cpu.one_stall))


def one_stall(truth, seconds):
    next(TURNS)(truth, seconds)


if __name__ == "__main__":
    lab.run_gevent(one_stall)
