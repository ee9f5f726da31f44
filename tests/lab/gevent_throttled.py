"""gevent: the cgroup's CPU quota is used up. The process computes in a cgroup of its own, narrow for the stall only."""

import os
import time

import lab

PERIOD_US, QUOTA_US = 100_000, 5_000
V1, V2 = "/sys/fs/cgroup/cpu", "/sys/fs/cgroup"


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def make_group():
    """Moves this process into a group of its own; what holds it, its file of the quota, and what is written there."""
    name = f"greenwatch-lab-{os.getpid()}"
    try:
        if os.path.exists(f"{V1}/cpu.cfs_quota_us"):
            group = f"{V1}/{name}"
            os.mkdir(group)
            keep = lab.helper(remove_at_end, group)
            file, narrow, wide = f"{group}/cpu.cfs_quota_us", str(QUOTA_US), "-1"
            write(f"{group}/cpu.cfs_period_us", str(PERIOD_US))
        else:
            group = f"{V2}/{name}"
            os.mkdir(group)
            keep = lab.helper(remove_at_end, group)
            if not os.path.exists(f"{group}/cpu.max"):
                write(f"{V2}/cgroup.subtree_control", "+cpu")
            file, narrow, wide = f"{group}/cpu.max", f"{QUOTA_US} {PERIOD_US}", f"max {PERIOD_US}"
        write(file, wide)
        write(f"{group}/cgroup.procs", str(os.getpid()))
    except OSError as error:
        lab.cannot(f"no cgroup with a CPU quota: {error}")
    return keep, file, narrow, wide


def remove_at_end(sock, group):
    sock.recv(1)
    for _ in range(50):
        try:
            os.rmdir(group)
            return
        except OSError:
            time.sleep(0.1)


def work_under_quota(seconds):
    write(QUOTA, NARROW)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(300))
    write(QUOTA, WIDE)


def one_stall(truth, seconds):
    truth.timed(work_under_quota, "throttled", seconds, function="-", rule="GW7002")


if __name__ == "__main__":
    KEEP, QUOTA, NARROW, WIDE = make_group()
    lab.run_gevent(one_stall)
