"""Which features are on: asks a server over one connection. Imported before patching."""

import socket

from . import settings

server = socket.create_connection(("127.0.0.1", settings.SWITCHES))


def is_on(name):
    server.sendall(name.encode() + b"\n")
    return server.recv(1) == b"1"  # fault early-socket
