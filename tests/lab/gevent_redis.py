"""gevent: redis-py connected before monkey patching, so its socket is the interpreter's own: BLPOP blocks the loop.

Newer ones give it a time-out, and then the interpreter polls.

Variant patched, the healthy twin: the same call after patching.
"""

import lab
import servers


def stall_blpop(seconds):
    CLIENT.blpop("queue", seconds)  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_blpop, "syscall", seconds, call="recvfrom|poll", peer="unix", rule="GW2001")


if __name__ == "__main__":
    PATCHED = lab.variant("early", "patched") == "patched"
    path = servers.redis()
    if not PATCHED:
        import redis
        CLIENT = redis.Redis(unix_socket_path=path, single_connection_client=True)
        CLIENT.ping()
    from gevent import monkey
    monkey.patch_all()
    if PATCHED:
        import redis
        CLIENT = redis.Redis(unix_socket_path=path)
        lab.live_gevent(lambda: stall_blpop(0.2))
    else:
        lab.run_gevent(one_stall)
