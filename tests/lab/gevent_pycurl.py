"""gevent: pycurl's perform() polls inside libcurl. A local web server answers late.

Newer ones ask for an eventfd of theirs first, and of a poll the first descriptor is told.
"""

import lab
import pycurl
import servers


def stall_perform(seconds):
    CURL.setopt(pycurl.URL, f"{URL}{seconds}")
    CURL.perform()  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_perform, "syscall", seconds, call="poll", peer="tcp|eventfd", rule="GW2004")


if __name__ == "__main__":
    URL = servers.late_http()
    CURL = pycurl.Curl()
    CURL.setopt(pycurl.PROXY, "")
    lab.run_gevent(one_stall)
