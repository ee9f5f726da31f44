#!/usr/bin/python3
"""How often is the verdict right on a busy machine? verdicts.py [--times N] [--busy N] [--server NAME] [--greenwatch PATH]

Runs `greenwatch run` on the faulty and the fixed branch of served.py under load, N times each, while other processes
keep every CPU busy. The faulty branch must give 3 and the fixed one 0, every time. Says what each run gave, then the
counts; what went wrong is kept in a directory, which it names. Servers: pywsgi, gunicorn (two workers), and outside:
pywsgi started by itself, with the load as the command of run.
"""

import argparse
import collections
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import load

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
WANTED = {"faulty": 3, "fixed": 0}
REQUESTS, CONNECTIONS = 160, 8
LONG_S = 60

Run = collections.namedtuple("Run", "branch code seconds place out err")


def has_gunicorn():
    return shutil.which("gunicorn") is not None


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for_port(port, process):
    until = time.monotonic() + LONG_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}")


def environment(branch):
    return dict(os.environ, BRANCH=branch, PYTHONPATH=str(HERE), PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8")


def port_of(process):
    line = process.stdout.readline().split()
    if line[:1] != ["PORT"]:
        raise RuntimeError(f"the server said {line}")
    return int(line[1])


def finish(process, place):
    """Its exit status; a run that hangs is told to end."""
    try:
        out, _ = process.communicate(timeout=LONG_S)
    except subprocess.TimeoutExpired:
        process.terminate()
        out, _ = process.communicate()
    (place / "out").write_text(out)
    return process.returncode, out


def start(argv, branch, place, err):
    return subprocess.Popen([str(word) for word in argv], stdout=subprocess.PIPE, stderr=err, text=True, cwd=place,
                            env=environment(branch), stdin=subprocess.DEVNULL)


def serve(greenwatch, branch, server, place, err):
    """The server is the command of run; SIGTERM ends it after the load."""
    options = [greenwatch, "run", "-o", place / "report.json", "--"]
    if server == "gunicorn":
        port = free_port()
        process = start([*options, "gunicorn", "-k", "gevent", "-w", "2", "-b", f"127.0.0.1:{port}", "served:app"],
                        branch, place, err)
        wait_for_port(port, process)
    else:
        process = start([*options, PYTHON, "-B", HERE / "served.py"], branch, place, err)
        port = port_of(process)
    try:
        failed = load.put_load(port, REQUESTS, CONNECTIONS)
    finally:
        process.terminate()
    code, out = finish(process, place)
    return ("load failed" if failed else code), out


def outside(greenwatch, branch, place, err):
    """The server runs by itself, the load is the command of run."""
    server = start([PYTHON, "-B", HERE / "served.py"], branch, place, err)
    try:
        port = port_of(server)
        process = start([greenwatch, "run", "-p", server.pid, "-o", place / "report.json", "--",
                         PYTHON, "-B", HERE / "load.py", port, REQUESTS, CONNECTIONS], branch, place, err)
        return finish(process, place)
    finally:
        server.terminate()
        server.wait(LONG_S)
        server.stdout.close()


def run_once(greenwatch, branch, server):
    place = pathlib.Path(tempfile.mkdtemp(prefix="greenwatch-verdict-"))
    began = time.monotonic()
    with open(place / "err", "w", encoding="utf-8") as err:
        if server == "outside":
            code, out = outside(greenwatch, branch, place, err)
        else:
            code, out = serve(greenwatch, branch, server, place, err)
    return Run(branch, code, time.monotonic() - began, place, out, (place / "err").read_text())


class Busy:
    """Processes that want every CPU all the time."""

    def __init__(self, count):
        self.count = count

    def __enter__(self):
        self.processes = [subprocess.Popen([PYTHON, "-c", "while True: pass"]) for _ in range(self.count)]

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()


def runs(greenwatch, server, times, busy):
    """Both branches in turn, each `times` times."""
    with Busy(busy):
        for _ in range(times):
            for branch in WANTED:
                yield run_once(greenwatch, branch, server)


def is_right(run):
    return run.code == WANTED[run.branch]


def why(run):
    """What a report says of a run, in short."""
    try:
        report = json.loads((run.place / "report.json").read_text())
    except (OSError, ValueError):
        return "no report"
    lost = {k: v for k, v in report["quality"]["lost"].items() if v}
    stalls = [(s["cause"], s["duration_ns"] // 1000000, s.get("warmup", False)) for s in report["stalls"]][:8]
    return f"lost {lost}, turns {[loop['turns'] for loop in report['loops']]}, stalls {stalls}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--greenwatch", default=HERE.parent.parent / "build" / "greenwatch")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--busy", type=int, default=4)
    parser.add_argument("--server", choices=("pywsgi", "gunicorn", "outside"), default="pywsgi")
    opts = parser.parse_args()
    right = collections.Counter()
    for run in runs(pathlib.Path(opts.greenwatch).resolve(), opts.server, opts.times, opts.busy):
        right[run.branch] += is_right(run)
        print(f"{run.branch:7} {run.code}  {run.seconds:5.1f} s  {why(run)}" +
              ("" if is_right(run) else f"  WRONG: {run.place}"), flush=True)
        if is_right(run):
            shutil.rmtree(run.place)
    for branch, code in WANTED.items():
        print(f"{opts.server}, {opts.busy} busy processes: {branch} gave {code} in {right[branch]} of {opts.times} runs")
    return 0 if all(right[branch] == opts.times for branch in WANTED) else 1


if __name__ == "__main__":
    sys.exit(main())
