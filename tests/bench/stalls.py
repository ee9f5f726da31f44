"""What one stall costs: the thread that stalls, the time until it is named, the memory of the namer.

Measures as in measures.py: raw numbers out, no verdicts and no text.
"""

import contextlib
import json
import os
import shutil
import signal
import statistics
import tempfile
import time

from procs import Child, Trouble, family, status

HERE = os.path.dirname(os.path.abspath(__file__))
OBJECTS = 300


class Target:
    """stall_target.py, asked for stalls; a pipe to its stdin."""

    def __init__(self, bench, *args):
        read, self.stdin = os.pipe()
        os.set_inheritable(read, True)
        argv = ["setpriv", "--pdeathsig", "TERM", "sh", "-c", f'exec "$@" <&{read}', "sh", bench.opts.python, "-B",
                os.path.join(HERE, "stall_target.py"), *map(str, args)]
        self.child = Child(argv, cpu=bench.server_cpu, pass_fds=(read,))
        os.close(read)
        self.done = 0

    def __enter__(self):
        self.child.__enter__()
        self.child.wait_line("READY ")
        return self

    def __exit__(self, *why):
        os.close(self.stdin)
        return self.child.__exit__(*why)

    def stalls(self, n):
        """(end_ns, cpu_ns) of N more stalls, once they are over."""
        before = self.done
        self.done += n
        os.write(self.stdin, f"{n}\n".encode())
        self.child.wait_line(f"DONE {self.done}", 10 + n)
        lines = [text.split() for _, text in self.child.lines if text.startswith("STALL ")]
        return [(int(end), int(cpu)) for _, end, cpu in lines[before:self.done]]


@contextlib.contextmanager
def watching(bench, pid, *args):
    """greenwatch with the JSON lines of PID on its stdout, attached."""
    argv = [bench.opts.greenwatch, "-p", str(pid), "--jsonl", "-q", *args, *bench.opts.tool_args.split()]
    with Child(argv, ends_on=signal.SIGINT) as tool:
        tool.wait_line('{"type":"start"')
        yield tool


def stall_cost(bench):
    """CPU time of the loop's thread for one stall, unwatched (a, a2) and watched (c), in turn."""
    taken, n = [], bench.opts.stalls
    with Target(bench, "--ms", 120) as target:
        target.stalls(2)  # warms it
        for i in range(bench.opts.rounds):
            bench.say(f"stall_cost: round {i + 1} of {bench.opts.rounds}")
            one = {}
            for state in ("a", "c", "a2"):
                attached = watching(bench, target.child.pid) if state == "c" else contextlib.nullcontext()
                with attached:
                    one[state] = statistics.median(cpu for _, cpu in target.stalls(n)[1:])
            taken.append(one)
    return {"rounds": taken}


def stall_names(bench):
    """ns from the end of a stall to the line that tells it by name, once the namer is warm."""
    n = bench.opts.stalls * bench.opts.rounds
    with Target(bench, "--ms", 120) as target, watching(bench, target.child.pid) as tool:
        target.stalls(3)
        bench.say(f"stall_names: {n} stalls")
        warm_ns = target.stalls(1)[0][0]
        ends = [end for end, _ in target.stalls(n)]
        tool.ask_to_end()
        tool.result(20)
        lines = [(ns, json.loads(text)) for ns, text in tool.lines if text.startswith('{"type":"stall"')]
    told = sorted(ns for ns, line in lines if not line.get("open") and ns > warm_ns)
    delays = []
    for end in ends:
        after = [ns - end for ns in told if 0 <= ns - end < 150_000_000]
        delays += after[:1]
    named = sum("frame" in line for _, line in lines) / max(1, len(lines))
    if len(delays) < 0.95 * n:
        raise Trouble(f"of {n} stalls only {len(delays)} were told of within 150 ms")
    return {"ns": delays, "named": named}


def namer_rss(bench):
    """Peak RSS of the namer when stacks have led through OBJECTS shared objects of one process."""
    place = tempfile.mkdtemp(prefix="greenwatch-bench-")
    try:
        paths = [os.path.join(place, f"object{i}.so") for i in range(OBJECTS)]
        for path in paths:
            shutil.copy(bench.built("object.so"), path)
        with Target(bench, "--ms", 20, "--objects", *paths) as target:
            with watching(bench, target.child.pid, "-T", "10ms") as tool:
                bench.say(f"namer_rss: {OBJECTS} objects")
                target.stalls(OBJECTS)
                return {"peak_rss": status(namer_of(tool), "VmHWM") * 1024, "mapped": mapped(target.child.pid)}
    finally:
        shutil.rmtree(place)


def namer_of(tool):
    """Its pid; after a missed deadline it takes a moment until there is one again."""
    for _ in range(50):
        pids = [pid for pid in family(tool.pid) if comm(pid) == "gw-namer"]
        if pids:
            return pids[0]
        time.sleep(0.1)
    raise Trouble("there is no namer")


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def mapped(pid):
    """How many files with code are mapped there."""
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
        return len({line.split()[-1] for line in file if "xp " in line and "/" in line})
