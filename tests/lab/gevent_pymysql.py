"""gevent: PyMySQL connected before monkey patching, so its socket is the interpreter's own: a query blocks the loop.

Variant patched, the healthy twin: the same query after patching.
"""

import lab
import servers


def stall_query(seconds):
    CURSOR.execute("select sleep(%s)", (seconds,))  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_query, "syscall", seconds, call="recvfrom", peer="unix", rule="GW2001")


if __name__ == "__main__":
    PATCHED = lab.variant("early", "patched") == "patched"
    path = servers.mariadb()
    if PATCHED:
        from gevent import monkey
        monkey.patch_all()
    import pymysql
    CURSOR = pymysql.connect(unix_socket=path, user=servers.MARIADB_USER).cursor()
    if PATCHED:
        lab.live_gevent(lambda: stall_query(0.15))
    else:
        from gevent import monkey
        monkey.patch_all()
        lab.run_gevent(one_stall)
