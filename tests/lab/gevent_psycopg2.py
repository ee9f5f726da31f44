"""gevent: psycopg2 waits for a query inside libpq, where gevent cannot see it. A private PostgreSQL sleeps in it.

Variant green, the healthy twin: psycogreen gives psycopg2 a wait callback.
"""

import lab
import psycopg2
import servers


def stall_query(seconds):
    CURSOR.execute("select pg_sleep(%s)", (seconds,))  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_query, "syscall", seconds, call="poll", peer="unix", rule="GW1001")


if __name__ == "__main__":
    GREEN = lab.variant("blocking", "green") == "green"
    if GREEN:
        import psycogreen.gevent
    where = servers.postgres()
    if GREEN:
        psycogreen.gevent.patch_psycopg()
    CURSOR = psycopg2.connect(where).cursor()
    if GREEN:
        lab.live_gevent(lambda: stall_query(0.15))
    else:
        lab.run_gevent(one_stall)
