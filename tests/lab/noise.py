#!/usr/bin/python3
"""How often diff calls two runs of the same workload different. Needs root.

    noise.py [--greenwatch PATH] [--pairs N] [--jobs N] [--keep DIR] [WORKLOAD...]

Each workload is run again and again with the same plan; each run is compared with the one before. What is not
unchanged is printed, with both sides. Ends with 1 when there was any. The noise limits of lib/judge/change.c were
chosen by this.
"""

import argparse
import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import workloads

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PYTHON = "/usr/bin/python3"
USUAL = ("gevent_mixed", "gevent_cpu", "gevent_sleep", "gevent_fsync", "gevent_crowd")
LIMIT_S = 90
TRIES = 5


def run_whole(opts, name, path):
    """The report of a run in which nothing was lost: a diff has no verdict on others."""
    for _ in range(TRIES):
        run_once(opts, name, path)
        if json.loads(path.read_text())["quality"]["complete"]:
            return path
    sys.exit(f"{name}: events were lost in {TRIES} runs")


def run_once(opts, name, path):
    """One run of a workload under greenwatch; its report is in path."""
    file, *words = workloads.WORKLOADS[name]
    target = subprocess.Popen([PYTHON, "-B", HERE / file, *words, "--stalls", str(opts.stalls)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    try:
        pid = target.stdout.readline().split()[1]
        tool = subprocess.Popen([opts.greenwatch, "-p", pid, "-q", "-o", path], stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)
        if not tool.stderr.readline().startswith("watching "):
            sys.exit(f"{name}: greenwatch does not watch: {tool.stderr.read()}")
        target.stdin.write("go\n")
        target.stdin.flush()
        target.communicate(timeout=LIMIT_S)
        tool.communicate(timeout=LIMIT_S)
    finally:
        target.kill()
        target.wait()


def measure(opts, place, name):
    """(pairs, pairs that differ, what they differ in)"""
    reports = [run_whole(opts, name, place / f"{name}-{i}.json") for i in range(opts.pairs + 1)]
    told = []
    for base, new in zip(reports, reports[1:]):
        done = subprocess.run([opts.greenwatch, "diff", base, new, "--fail-on", "new,regressed,improved,fixed"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            told.append(f"{base.name} {new.name}: exit {done.returncode}\n{done.stdout}")
    return name, told


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("workloads", nargs="*", default=USUAL)
    parser.add_argument("--greenwatch", default=ROOT / "build" / "greenwatch")
    parser.add_argument("--pairs", type=int, default=10, help="of each workload (10)")
    parser.add_argument("--stalls", type=int, default=10, help="of each run (10)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=pathlib.Path, help="where the reports stay")
    opts = parser.parse_args()
    place = opts.keep or pathlib.Path(tempfile.mkdtemp(prefix="greenwatch-noise-"))
    place.mkdir(parents=True, exist_ok=True)
    differ = pairs = 0
    with concurrent.futures.ThreadPoolExecutor(opts.jobs) as pool:
        for name, told in pool.map(lambda name: measure(opts, place, name), opts.workloads):
            pairs += opts.pairs
            differ += len(told)
            print(f"{name}: {opts.pairs - len(told)} of {opts.pairs} pairs unchanged", *told, sep="\n", flush=True)
    print(f"{pairs - differ} of {pairs} pairs of equal runs are unchanged")
    if not opts.keep:
        shutil.rmtree(place)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
