"""gevent: getaddrinfo on the loop's thread asks a name server that answers late.

The name server is a helper on loopback; /etc/resolv.conf names it in a mount namespace of this process only. The name
says how late: s0.25.lab. Variant pool, the healthy twin: gevent's resolver, which asks in its thread pool.
"""

import os
import socket
import struct
import time

import lab
import servers

ADDRESS = "127.0.0.177"
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000


def answer_late(sock):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((ADDRESS, 53))
        server.settimeout(0.2)
        sock.setblocking(False)
        sock.sendall(b".")
        while not gone(sock):
            try:
                query, asker = server.recvfrom(512)
            except socket.timeout:
                continue
            length = query[12]
            time.sleep(float(query[14:13 + length].replace(b"_", b".")))
            answer = struct.pack("!HHHIH4s", 0xc00c, 1, 1, 0, 4, socket.inet_aton("127.0.0.1"))
            server.sendto(query[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + question(query) + answer, asker)


def question(query):
    return query[12:query.index(b"\0", 12) + 5]


def gone(sock):
    try:
        return not sock.recv(1)
    except BlockingIOError:
        return False


def use_resolver():
    path = os.path.join(servers.scratch(), "resolv.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"nameserver {ADDRESS}\noptions timeout:5 attempts:1\n")
    libc = servers.libc()
    try:
        servers.check(libc.unshare(CLONE_NEWNS))
        servers.check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))
        servers.check(libc.mount(path.encode(), b"/etc/resolv.conf", None, MS_BIND, None))
    except OSError as error:
        lab.cannot(f"no mount namespace: {error}")


def name(seconds):
    return f"s{seconds:.6f}".replace(".", "_") + ".lab"


def stall_getaddrinfo(seconds):
    socket.getaddrinfo(name(seconds), 80, socket.AF_INET, socket.SOCK_STREAM)  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_getaddrinfo, "syscall", seconds, call="poll|recvfrom", peer="udp", rule="GW2011")


if __name__ == "__main__":
    POOL = lab.variant("blocking", "pool") == "pool"
    HELPER = lab.helper(answer_late)
    if not HELPER.recv(1):
        lab.cannot(f"port 53 of {ADDRESS} is taken")
    use_resolver()
    if POOL:
        from gevent import socket
        lab.live_gevent(lambda: stall_getaddrinfo(0.15))
    else:
        lab.run_gevent(one_stall)
