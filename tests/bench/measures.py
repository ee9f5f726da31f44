"""What is measured, one function each: raw numbers out, no verdicts and no text.

Everything is interleaved: each round takes every state once, in an order that rotates, so
that drift of the machine falls on all of them alike. State "a2" is "a" once more: what it
differs by is the noise. Targets are on CPU 0 and load on CPU 1 of those allowed, greenwatch
where the scheduler puts it.
"""

import contextlib
import json
import os
import signal
import time

import stalls
from procs import Child, Trouble, family_cpu_ns, family_peak_rss, sleeps

HERE = os.path.dirname(os.path.abspath(__file__))
SETTLE_SECONDS = 0.2
TOOL_SECONDS = 120


class Bench:
    """Where things are and how long to take; opens every process the measures need."""

    def __init__(self, opts, say):
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            raise Trouble("needs two CPUs: one for the target, one for its load")
        self.opts, self.say = opts, say
        self.server_cpu, self.load_cpu = cpus[:2]

    def built(self, name):
        path = os.path.join(self.opts.build, name)
        if not os.path.exists(path):
            raise Trouble(f"{path} is not built; `make bench` builds it")
        return path

    @contextlib.contextmanager
    def server(self, kind, *args):
        """An echo server, listening: (Child, port). It dies with the bench, even by SIGKILL."""
        argv = ["setpriv", "--pdeathsig", "TERM", self.opts.python]
        argv += [os.path.join(HERE, f"echo_{kind}.py"), *args]
        with Child(argv + ["--seconds", "3600"], cpu=self.server_cpu) as child:
            port = child.wait_line("READY ")[1].split()[3]
            yield child, port

    def load(self, server, port, warmup_ms, measure_ms):
        numbers = [port, server.pid, self.opts.connections, warmup_ms, int(measure_ms)]
        return Child([self.built("echo_load"), *map(str, numbers)], cpu=self.load_cpu)

    @contextlib.contextmanager
    def greenwatch(self, pid):
        """greenwatch, attached to PID."""
        argv = [self.opts.greenwatch, "-p", str(pid), "-q", "-d", str(TOOL_SECONDS)]
        argv += self.opts.tool_args.split()
        with Child(argv, stream="stderr", ends_on=signal.SIGINT) as tool:
            tool.wait_line("watching ")
            yield tool

    @contextlib.contextmanager
    def empty_gate(self):
        """The empty program, attached to the entry of every wait call."""
        argv = [self.built("empty_gate"), self.built("empty_gate.bpf.o")]
        with Child(argv, stream="stderr", ends_on=signal.SIGINT) as gate:
            gate.wait_line("watching ")
            yield gate


def rounds(states, n):
    """N rounds of all states; each round begins with the next one."""
    for i in range(n):
        at = i % len(states)
        yield i, states[at:] + states[:at]


def states_of(bench, server):
    """How each state comes about, greenwatch watching SERVER."""
    return {
        "a": contextlib.nullcontext,
        "a2": contextlib.nullcontext,
        "b": bench.empty_gate,
        "c": lambda: bench.greenwatch(server.pid),
    }


def echo(bench, kind):
    """Throughput of an echo server: unwatched (a, a2), empty gate (b), greenwatch (c)."""
    taken = []
    with bench.server(kind) as (server, port):
        ways = states_of(bench, server)
        echo_phase(bench, server, port, ways["a"])  # warms the server; not counted
        for i, states in rounds(list(ways), bench.opts.rounds):
            bench.say(f"echo_{kind}: round {i + 1} of {bench.opts.rounds}")
            taken.append({s: echo_phase(bench, server, port, ways[s]) for s in states})
    return {"rounds": taken}


def echo_phase(bench, server, port, attached):
    """One stretch of load on one state: replies, wall_ns and cpu_ns of the server; and how
    often it slept per reply, which says whether it was saturated at all."""
    with attached() as tool:
        time.sleep(SETTLE_SECONDS)
        slept = sleeps(server.pid)
        with bench.load(server, port, 200, bench.opts.seconds * 1000) as load:
            taken = json.loads(load.result(bench.opts.seconds + 10))
        if tool:
            tool.must_live()
    if not taken["replies"]:
        raise Trouble("the echo server never answered")
    taken["sleeps_per_reply"] = (sleeps(server.pid) - slept) / taken["replies"]
    return taken


def bystander(bench):
    """ns per call of an unwatched process: nothing on (a, a2), empty (b), greenwatch (c)."""
    taken, n = [], bench.opts.rounds
    with bench.server("gevent") as (idle, _port):
        ways = states_of(bench, idle)
        for i, states in rounds(list(ways), n):
            bench.say(f"bystander: round {i + 1} of {n}")
            taken.append({s: bystander_phase(bench, ways[s]) for s in states})
    return {"rounds": taken}


def bystander_phase(bench, attached):
    """One state: ns per getppid, and per epoll_wait that does not sleep."""
    taken = {}
    with attached() as tool:
        time.sleep(SETTLE_SECONDS)
        for call in ("getppid", "epoll_wait"):
            argv = [bench.built("bystander"), call, str(bench.opts.calls)]
            with Child(argv, cpu=bench.server_cpu) as child:
                taken[call] = float(child.result(60))
        if tool:
            tool.must_live()
    return taken


def cost(bench):
    """What greenwatch itself uses while its target is idle, saturated, or stalls."""
    taken = {}
    for state in ("idle", "saturated", "stalling"):
        bench.say(f"cost: {state}")
        args = ["--stall", "150"] if state == "stalling" else []
        with contextlib.ExitStack() as stack:
            server, port = stack.enter_context(bench.server("gevent", *args))
            if state == "saturated":
                ms = (bench.opts.cost_seconds + 30) * 1000
                stack.enter_context(bench.load(server, port, 0, ms))
            taken[state] = cost_phase(bench, server)
    return taken


def cost_phase(bench, server):
    """CPU from one second after `watching ` on; peak RSS up to the end of the report."""
    with bench.greenwatch(server.pid) as tool:
        start_cpu = family_cpu_ns(tool.pid)
        time.sleep(1)
        began, cpu = time.monotonic_ns(), family_cpu_ns(tool.pid)
        peak = rss_while(tool, bench.opts.cost_seconds)
        cpu = family_cpu_ns(tool.pid) - cpu
        wall = time.monotonic_ns() - began
        tool.must_live()
        tool.ask_to_end()
        peak = max(peak, rss_while(tool, 10, pause=0.01))
    return {"cpu_ns": cpu, "wall_ns": wall, "start_cpu_ns": start_cpu, "peak_rss": peak}


def rss_while(tool, seconds, pause=0.2):
    """The largest sum of VmHWM seen until SECONDS have passed or the tool has ended."""
    peak, until = 0, time.monotonic() + seconds
    while tool.popen.poll() is None and time.monotonic() < until:
        peak = max(peak, family_peak_rss(tool.pid))
        time.sleep(max(0, min(pause, until - time.monotonic())))
    return peak


def startup(bench):
    """ms from the start of greenwatch to its `watching ` line, on an idle target."""
    taken = []
    with bench.server("gevent") as (server, _port):
        for i in range(bench.opts.starts):
            bench.say(f"startup: {i + 1} of {bench.opts.starts}")
            with bench.greenwatch(server.pid) as tool:
                taken.append((tool.find("watching ")[0] - tool.began_ns) / 1e6)
    return {"ms": taken}


MEASURES = {
    "echo_gevent": lambda bench: echo(bench, "gevent"),
    "echo_asyncio": lambda bench: echo(bench, "asyncio"),
    "bystander": bystander,
    "cost": cost,
    "startup": startup,
    "stall_cost": stalls.stall_cost,
    "stall_names": stalls.stall_names,
    "namer_rss": stalls.namer_rss,
}
