"""gevent: a short piece of work takes long because other processes have its CPU.

The workload and three hogs of much greater weight are pinned to one CPU; a helper lets the hogs run only for the length
of a stall. The hogs die with the helper, the helper ends with the workload. It needs two CPUs to be useful; greater
weight needs root (without it the hogs run at nice 0, which is still ten times the workload's share).
"""

import ctypes
import mmap
import os
import resource
import signal
import time

import lab

HOGS = 3
HOG_CPU_LIMIT_S = 300
PR_SET_PDEATHSIG = 1
GIVE_UP_S = 10.0


def weigh(nice):
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    except PermissionError:
        pass


def hog(cpu):
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CPU, (HOG_CPU_LIMIT_S, HOG_CPU_LIMIT_S))
    os.sched_setaffinity(0, {cpu})
    weigh(-10)
    os.kill(os.getpid(), signal.SIGSTOP)
    while True:
        pass


def start_hogs(cpu):
    hogs = []
    for _ in range(HOGS):
        pid = os.fork()
        if pid == 0:
            try:
                lab.name_thread("hog")
                hog(cpu)
            finally:
                os._exit(1)
        os.waitpid(pid, os.WUNTRACED)
        hogs.append(pid)
    return hogs


def signal_all(pids, number):
    for pid in pids:
        os.kill(pid, number)


def starve(sock, cpu, over):
    """Let the hogs run for as long as each request says; `over` counts the times they are at rest again."""
    hogs = start_hogs(cpu)
    weigh(-20)
    sock.sendall(b".")
    try:
        for seconds in lab.requests(sock):
            signal_all(hogs, signal.SIGCONT)
            time.sleep(seconds)
            signal_all(hogs, signal.SIGSTOP)
            for pid in hogs:
                os.waitpid(pid, os.WUNTRACED)
            over[0] = (over[0] + 1) % 256
    finally:
        signal_all(hogs, signal.SIGKILL)


def work_until_hogs_rest(seconds):
    before = OVER[0]
    lab.ask(HELPER, seconds)
    give_up = time.monotonic() + seconds + GIVE_UP_S
    while OVER[0] == before:
        if time.monotonic() > give_up:
            raise RuntimeError("the hogs were not stopped")


def one_stall(truth, seconds):
    truth.timed(work_until_hogs_rest, "runqueue", seconds, function="-", culprit="preemptor:hog", rule="GW7001")


if __name__ == "__main__":
    cpus = os.sched_getaffinity(0)
    mine = max(cpus)
    os.sched_setaffinity(0, (cpus - {mine}) or cpus)
    OVER = mmap.mmap(-1, mmap.PAGESIZE)
    HELPER = lab.helper(starve, mine, OVER)
    HELPER.recv(1)
    os.sched_setaffinity(0, {mine})
    os.nice(10)
    lab.run_gevent(one_stall)
