"""gevent: mysqlclient waits for a query inside libmariadb, where monkey patching cannot reach."""

from gevent import monkey

monkey.patch_all()

import lab
import MySQLdb
import servers


def stall_query(seconds):
    CURSOR.execute("select sleep(%s)", (seconds,))  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_query, "syscall", seconds, call="poll", peer="unix", rule="GW1004")


if __name__ == "__main__":
    CURSOR = MySQLdb.connect(unix_socket=servers.mariadb(), user=servers.MARIADB_USER).cursor()
    lab.run_gevent(one_stall)
