"""gevent without monkey patching: os.waitpid waits for a child."""

import os

import gevent
import lab


def stall_waitpid(_seconds, pid):
    os.waitpid(pid, 0)  # <- here


def one_stall(truth, seconds):
    pid = os.spawnv(os.P_NOWAIT, "/bin/sleep", ["sleep", str(seconds + 0.01)])
    gevent.sleep(0.01)
    truth.timed(stall_waitpid, "syscall", seconds, pid, call="wait4", rule="GW3007")


if __name__ == "__main__":
    lab.run_gevent(one_stall)
