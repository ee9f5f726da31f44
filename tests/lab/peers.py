"""The other tools that look for stalls: how each is installed and started, and what its output says.

A peer is a row in PEERS. Those with an `argv` attach to the running program, the others live in it and are switched on by
`env` or by a `launcher`, a script put before the program. `parse` makes Reports of what it wrote, or one Profile where the
tool knows no stalls. It judges nothing, and takes from a tool only what the tool says: lines with the time they came.

An application frame lies in `home`, the folder of the workloads. What a stack names is its innermost one.
"""

import collections
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

PYSPY, BLOCKSNOOP, AUSTIN = "py-spy==0.4.3", "blocksnoop==0.11.1", "austin-dist==4.0.0"
MUSL = "musllinux_1_1_x86_64"
INSTALL_S = 180

# functions the loop itself stands in: who names only these names nobody
ENTRY = {"<module>", "run_gevent", "run_asyncio", "live_gevent"}

# at_ns: when it came. names: functions, first what the tool puts first. task: of the loop, as the tool tells it.
# others: functions of other threads it shows, without saying that they are to blame.
Report = collections.namedtuple("Report", "at_ns names task others")
# names: samples of the loop's thread by function; others: functions of other threads
Profile = collections.namedtuple("Profile", "names others")
Peer = collections.namedtuple("Peer", "title loops env launcher argv ready settle_s ends_on output parse")


# What they say

def last(name):
    return name.rsplit(".", 1)[-1]


def blamed(frames, home):
    """The innermost application function of (function, file) pairs, innermost last; None if the loop was idle."""
    ours = [last(function) for function, file in frames if file.startswith(home)]
    return ours[-1] if ours and ours[-1] not in ENTRY else None


PY_FRAME = re.compile(r'  File "(.+)", line \d+, in (.+)$')
BLOCKED = " appears to be blocked"
GREENLET = re.compile(r'<Greenlet "(.*?)" at ')


def parse_monitor(lines, home):
    """gevent's monitor thread: a block of text for each time it looked and saw no switch."""
    reports, stack, part = [], [], None
    for at_ns, line in lines:
        frame = PY_FRAME.match(line)
        if line.endswith(BLOCKED):
            greenlet = GREENLET.search(line)
            reports.append(Report(at_ns, [], greenlet and greenlet.group(1), set()))
            part, stack = None, []
        elif line.startswith("Blocked Stack"):
            part = "blocked"
        elif line.startswith("Info:"):
            if reports and part == "blocked":
                name = blamed(stack, home)
                reports[-1].names.extend([name] if name else [])
            part = None
        elif line.startswith("* "):
            part = "others" if line == "* Threads" else None
        elif frame and part == "blocked":
            stack.append((frame.group(2), frame.group(1)))
        elif frame and reports and part == "others" and frame.group(1).startswith(home):
            reports[-1].others.add(last(frame.group(2)))
    return [r._replace(others=r.others - set(r.names)) for r in reports]


SLOW = re.compile(r"Executing <(.*)> took [0-9.]+ seconds")
CORO = re.compile(r"coro=<(\S+?)\(\)")
HANDLE = re.compile(r"<?(?:Timer)?Handle (?:when=\S+ )?(\S+?)\(")
TASK = re.compile(r"\bname='(.*?)'")


def parse_debug(lines, _home):
    """asyncio's debug mode: a line for each callback that took long."""
    reports = []
    for at_ns, line in lines:
        said = SLOW.match(line)
        if said:
            name = CORO.search(said.group(1)) or HANDLE.match(said.group(1))
            task = TASK.search(said.group(1))
            reports.append(Report(at_ns, [last(name.group(1))] if name else [], task and task.group(1), set()))
    return reports


def parse_blocksnoop(lines, home):
    """blocksnoop --json: an event with every stack it thinks may belong to it."""
    reports = []
    for at_ns, line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event.get("type") != "blocking_event":
            continue
        stacks = [[(f["function"], f["file"]) for f in stack] for stack in event.get("python_stacks") or ()]
        names = [name for name in (blamed(stack, home) for stack in stacks) if name]
        reports.append(Report(at_ns, names, None, set()))
    return reports


SPY_FRAME = re.compile(r"(.+) \((.+?)(?::\d+)?\)$")


def parse_pyspy(lines, home):
    """py-spy record --format raw --threads: a line for each stack, and how often it was seen."""
    names, others = collections.Counter(), set()
    for _, line in lines:
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        name = blamed([m.groups() for m in map(SPY_FRAME.match, frames) if m], home)
        if name and thread.endswith(": MainThread"):
            names[name] += int(count)
        elif name:
            others.add(name)
    return Profile(names, others)


SPY_ERRORS = re.compile(r"Samples: (\d+) Errors: (\d+)")


def failed_samples(said):
    """What py-spy says of itself at the end where more than a twentieth of its looks failed, else None."""
    told = SPY_ERRORS.search(" ".join(said))
    return told.group(0) if told and int(told.group(2)) * 20 > int(told.group(1)) else None


# How they are started

def blocksnoop(pid, _out):
    return ["blocksnoop", "-t", "50", "--json", "--no-color", pid]


def pyspy(pid, out, *more):
    return ["py-spy", "record", "-p", pid, "--rate", "100", "--idle", "--threads", "--full-filenames", *more, "--format",
            "raw", "-o", out]


def pyspy_native(pid, out):
    return pyspy(pid, out, "--native")


MONITOR = {"GEVENT_MONITOR_THREAD_ENABLE": "1", "GEVENT_MAX_BLOCKING_TIME": "0.05"}
SAMPLING = "Sampling process"

PEERS = {
    "monitor": Peer("gevent's monitor thread", ("gevent",), MONITOR, None, None, None, 0, None, "target", parse_monitor),
    "debug": Peer("asyncio's debug mode", ("asyncio",), {}, "asyncio_debug.py", None, None, 0, None, "target", parse_debug),
    "blocksnoop": Peer("blocksnoop", ("gevent", "asyncio"), {}, None, blocksnoop, "{", 1.5, signal.SIGINT, "stdout",
                       parse_blocksnoop),
    "py-spy": Peer("py-spy", ("gevent", "asyncio"), {}, None, pyspy, SAMPLING, 0.5, None, "file", parse_pyspy),
    "py-spy-native": Peer("py-spy --native", ("gevent", "asyncio"), {}, None, pyspy_native, SAMPLING, 0.5, None, "file",
                          parse_pyspy),
}


# How they are installed

def newest_python():
    """A Python of 3.12 or later, which blocksnoop wants; otherwise the one that runs this."""
    found = [shutil.which(f"python3.{minor}") for minor in (14, 13, 12)]
    found += sorted(map(str, pathlib.Path.home().glob(".pyenv/versions/3.1[2-4].*/bin/python")))
    for python in filter(None, found):
        if subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode == 0:
            return python
    return sys.executable


def run_quietly(argv):
    """None, or the last line of why it failed."""
    done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, timeout=INSTALL_S, check=False)
    said = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
    errors = [line for line in said if line.startswith("ERROR")] or said
    return errors[-1] if done.returncode else None


def austin_for_musl(pip, place):
    """The wheel that wants another libc than the one austin's first wheel does not get on with."""
    argv = [pip, "install", "-q", "--upgrade", "--target", place / "musl", "--platform", MUSL, "--only-binary", ":all:",
            "--no-deps", AUSTIN]
    return run_quietly(argv) or run_quietly([place / "musl/bin/austin", "--version"])


def install(place, python):
    """Put the peers into a virtual environment; (folders for PATH, {peer: why it is not there}, [what else to know])."""
    venv = place / "venv"
    if not (venv / "bin/pip").exists():
        error = run_quietly([python, "-m", "venv", venv])
        if error:
            return [], dict.fromkeys(PEERS, error), []
    pip = venv / "bin/pip"
    lacking, notes, path = {}, [], [venv / "bin"]
    error = run_quietly([pip, "install", "-q", PYSPY])
    if error:
        lacking.update(dict.fromkeys(("py-spy", "py-spy-native"), error))
    error = run_quietly([pip, "install", "-q", BLOCKSNOOP, AUSTIN])
    if error:
        return path, {**lacking, "blocksnoop": error}, notes
    error = run_quietly([venv / "bin/austin", "--version"])
    if error:
        notes.append(f"austin's wheel for glibc does not start here (`{error.partition(': ')[2].partition(' (')[0]}`)"
                     "; its wheel for musl was used")
        path.insert(0, place / "musl/bin")
        error = austin_for_musl(pip, place)
    if error:
        lacking["blocksnoop"] = "no austin: " + error
    return path, lacking, notes


def environment(path, more=()):
    """The environment of a peer or of the program it lives in."""
    return {**os.environ, "PATH": os.pathsep.join([*map(str, path), os.environ["PATH"]]), **dict(more)}
