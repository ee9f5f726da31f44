"""gevent: lxml parses a big document on the loop, again and again until time is up."""

import time

import lab
from lxml import etree

TEXT = "<shop>" + "<item number='1'><name>chair</name><price>7</price></item>" * 10_000 + "</shop>"


def stall_fromstring(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        etree.fromstring(TEXT)  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_fromstring, "cpu", seconds, rule="GW5007")


if __name__ == "__main__":
    lab.run_gevent(one_stall)
