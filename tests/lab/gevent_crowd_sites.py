"""gevent: thirty greenlets from two places are ready at once. None computes long, together they are one long turn."""

import time

import gevent
import lab

MEMBERS = 30


def stall_a_little(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:  # <- here
        sum(range(200))  # <- here


def spawn(kind, *args):
    greenlet = gevent.spawn(stall_a_little, *args)
    greenlet.name = kind
    return greenlet


def render_pages(each):
    return [spawn("render", each) for _ in range(MEMBERS // 2)]


def send_mails(each):
    return [spawn("mail", each) for _ in range(MEMBERS // 2)]


def one_stall(truth, seconds):
    def last():
        truth.add(begin, truth.after(), stall_a_little.__name__, "crowd", planned_ns=int(seconds * 1e9),
                  task="render|mail", line=stall_a_little, rule="GW5012")

    begin = truth.before()
    each = seconds / MEMBERS
    gevent.joinall(render_pages(each) + send_mails(each) + [gevent.spawn(last)])


if __name__ == "__main__":
    lab.run_gevent(one_stall)
