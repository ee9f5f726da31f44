"""Small pictures, made by another program."""

import subprocess

import gevent.subprocess


def make(name):
    subprocess.run(["sleep", "0.02"], check=True)  # fault subprocess
    return name + ".small"


def banner():
    gevent.subprocess.run(["sleep", "0.02"], check=True)  # decoy gevent-subprocess
    return "banner"
