"""gevent: recv of plain pyzmq waits inside libzmq for a helper process that answers late.

Variant green, the healthy twin: zmq.green.
"""

import os
import time

import lab
import servers
import zmq


def answer_late(sock, address):
    with zmq.Context() as context, context.socket(zmq.REP) as socket:
        socket.bind(address)
        poller = zmq.Poller()
        poller.register(sock.fileno(), zmq.POLLIN)
        poller.register(socket, zmq.POLLIN)
        ready = {}
        while sock.fileno() not in ready:
            if socket in ready:
                time.sleep(float(socket.recv()))
                socket.send(b"answer")
            ready = dict(poller.poll())


def stall_recv(seconds):
    SOCKET.send(str(seconds).encode())
    SOCKET.recv()  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_recv, "syscall", seconds, call="poll", peer="eventfd", rule="GW2007")


if __name__ == "__main__":
    GREEN = lab.variant("blocking", "green") == "green"
    address = "ipc://" + os.path.join(servers.scratch(), "late.sock")
    HELPER = lab.helper(answer_late, address)
    if GREEN:
        import zmq.green as zmq
    SOCKET = zmq.Context().socket(zmq.REQ)
    SOCKET.linger = 0
    SOCKET.connect(address)
    if GREEN:
        lab.live_gevent(lambda: stall_recv(0.15))
    else:
        lab.run_gevent(one_stall)
