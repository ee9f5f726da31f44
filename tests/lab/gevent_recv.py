"""gevent: recv on a socket that is not gevent's. A helper process, which holds no GIL of ours, answers late."""

import time

import lab


def stall_blocking_recv(_seconds, sock):
    return sock.recv(1)  # <- here


def answer_late(sock):
    for seconds in lab.requests(sock):
        time.sleep(seconds)
        sock.sendall(b".")


def one_stall(truth, seconds):
    lab.ask(PEER, seconds)
    truth.timed(stall_blocking_recv, "syscall", seconds, PEER, call="recvfrom", peer="unix", rule="GW2001")


if __name__ == "__main__":
    PEER = lab.helper(answer_late)
    lab.run_gevent(one_stall)
