"""Counters over UDP to nobody in particular. Imported before patching."""

import socket

sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sink.setblocking(False)


def count(name):
    try:
        sink.sendto(name.encode() + b":1|c", ("127.0.0.1", 9))  # decoy early-socket-that-never-waits
    except OSError:
        pass
