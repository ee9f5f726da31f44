"""What greenwatch and its peers cost the watched program: attach, measure, detach; see compare.py.

Three figures: requests per CPU-second of a saturated echo server (tests/bench) against the same server unwatched, round by
round; the tool's own CPU meanwhile; and the pauses it makes in a program that only looks at the clock (pauses.py).
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time

import peers
import score
from peers import PEERS

sys.path.insert(0, os.path.join(score.ROOT, "tests", "bench"))
from procs import family_cpu_ns, pin  # noqa: E402

OURS, NOBODY, AGAIN = "greenwatch", "nobody", "nobody, again"
LOAD_MS, WARM_MS, CONNECTIONS = 1500, 200, 8
TOOL_S = 15
GREENWATCH = peers.Peer(OURS, ("gevent", "asyncio"), {}, None, None, "watching ", 0.2, None, "file", None)


class Wrote:
    """What an attached tool has written and said, once it has ended; its pid meanwhile."""

    def __init__(self, pid=None):
        self.pid = pid
        self.read, self.said = list, []

    def lines(self):
        return self.read()


def argv_of(peer, pid, opts, out):
    if peer is GREENWATCH:
        return [opts.greenwatch, "-p", pid, "-T", "50ms", "-o", out]
    return peer.argv(pid, out)


@contextlib.contextmanager
def attached(peer, pid, opts, place):
    """The peer, attached to PID until the block ends and ended then; nothing for one that lives in the program."""
    if peer is None or not (peer.argv or peer is GREENWATCH):
        yield Wrote()
        return
    out = place / ("out.json" if peer is GREENWATCH else "out.txt")
    out.unlink(missing_ok=True)
    tool = score.start(argv_of(peer, pid, opts, out), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, cwd=place, env=peers.environment(opts.path))
    try:
        said, complained = score.Lines(tool.stdout), score.Lines(tool.stderr)
        if not wait_ready(peer, said, complained):
            raise score.Trouble(f"{peer.title} did not begin: " + " / ".join(complained.lines[-3:]))
        time.sleep(peer.settle_s)
        wrote = Wrote(tool.pid)
        yield wrote
        end_tool(tool, peer)
        if peer.output == "stdout":
            said.rest()
            wrote.read = lambda: list(zip(said.came_ns, said.lines))
        else:
            wrote.read = lambda: [(0, line) for line in out.read_text(errors="replace").splitlines()]
        wrote.said = said.rest() + complained.rest()
        (place / "said.txt").write_text("\n".join(wrote.said) + "\n")
    finally:
        score.end(tool)


def wait_ready(peer, said, complained):
    """Whether the line came that says that the tool has begun, on either stream, before the tool's time is up."""
    until = time.monotonic() + TOOL_S
    while time.monotonic() < until and not (said.ended and complained.ended):
        if any(peer.ready in line for line in said.lines + complained.lines):
            return True
        time.sleep(0.02)
    return False


def end_tool(tool, peer):
    """Ends a tool that does not notice the end of its target; the others get the time to do so."""
    if peer.ends_on is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            tool.wait(TOOL_S)
            return
    if tool.poll() is None:
        tool.send_signal(peer.ends_on or 2)
        score.wait_or_trouble(tool, TOOL_S, peer.title)


# The echo servers

def server_argv(kind, peer, opts):
    launcher = [score.HERE / peer.launcher] if peer and peer.launcher else []
    bench = os.path.join(score.ROOT, "tests", "bench", f"echo_{kind}.py")
    streams = ["--streams"] if kind == "asyncio" else []
    return ["setpriv", "--pdeathsig", "TERM", opts.python, "-B", *launcher, bench, "--seconds", "60", *streams]


def echo(kind, peer, opts, place, cpus):
    """One stretch of load: requests per CPU-second of the server, and the tool's own share of a core."""
    env = peers.environment(opts.path, peer.env if peer else ())
    server = score.start(server_argv(kind, peer, opts), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, env=env)
    try:
        pin(server.pid, cpus[0])
        ready = score.Lines(server.stdout).wait_for("READY", score.START_S)
        if not ready:
            raise score.Trouble(f"the {kind} echo server did not begin")
        with attached(peer, server.pid, opts, place) as wrote:
            began, used = time.monotonic_ns(), family_cpu_ns(wrote.pid) if wrote.pid else 0
            taken = load(ready.split()[3], server.pid, opts, cpus)
            own = family_cpu_ns(wrote.pid) - used if wrote.pid else None
            wall = time.monotonic_ns() - began
            score.end(server)
    finally:
        score.end(server)
    return taken["replies"] / taken["cpu_ns"] * 1e9, None if own is None else own / wall


def load(port, pid, opts, cpus):
    argv = [os.path.join(opts.echo_load, "echo_load"), port, pid, CONNECTIONS, WARM_MS, LOAD_MS]
    client = score.start(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        pin(client.pid, cpus[1])
        return json.loads(client.communicate(timeout=TOOL_S)[0])
    finally:
        score.end(client)


def states(kind, opts):
    """{what watches: its Peer, None for nobody}"""
    chosen = {NOBODY: None, AGAIN: None}
    for tool in opts.tools:
        if tool == OURS:
            chosen[tool] = GREENWATCH
        elif kind in PEERS[tool].loops and tool not in opts.lacking and (kind == "gevent" or not PEERS[tool].argv):
            chosen[tool] = PEERS[tool]
    return chosen


def echo_rounds(kind, opts, place):
    """{what: ([ratio of each round], [own share of a core])}"""
    cpus = sorted(os.sched_getaffinity(0))[:2]
    taken = {}
    for i in range(opts.rounds):
        order = list(states(kind, opts).items())
        at = i % len(order)
        one = {}
        for what, peer in order[at:] + order[:at]:
            try:
                one[what] = echo(kind, peer, opts, place, cpus)
            except (score.Trouble, OSError) as trouble:
                opts.notes.append(f"echo_{kind}, {title(what)}: {trouble}")
                continue
            print(f"echo_{kind}, round {i + 1}, {what}: {one[what][0]:,.0f} requests per CPU-second", flush=True)
        for what, (rate, own) in one.items():
            ratios, owns = taken.setdefault(what, ([], []))
            ratios.append(rate / one[NOBODY][0])
            owns.extend([] if own is None else [own])
    return taken


# The pauses

def pauses(peer, opts, place):
    """(pauses a second, ms of pause a second, the longest in ms)"""
    workload = score.start([opts.python, "-B", score.HERE / "pauses.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, env=peers.environment(opts.path, peer.env if peer else ()))
    try:
        said = score.Lines(workload.stdout)
        if not said.wait_for("READY", score.START_S):
            raise score.Trouble("pauses.py never began")
        with attached(peer, workload.pid, opts, place):
            workload.stdin.write("go\n")
            workload.stdin.close()
            score.wait_or_trouble(workload, score.LIFE_S, "pauses.py")
        said.rest()
    finally:
        score.end(workload)
    count, total, longest, looked = map(int, said.find("PAUSES").split()[1:])
    seconds = looked / 1e9
    return count / seconds, total / 1e6 / seconds, longest / 1e6


def measure(opts, place):
    """Everything about cost, as plain data; a tool that fails is left out and noted."""
    place = place / "cost"
    place.mkdir(exist_ok=True)
    taken = {"echo": {}, "pauses": {}}
    for kind in ("gevent", "asyncio"):
        if len(os.sched_getaffinity(0)) > 1:
            taken["echo"][kind] = echo_rounds(kind, opts, place)
    for i in range(opts.rounds):
        for what, peer in states("gevent", opts).items():
            try:
                taken["pauses"].setdefault(what, []).append(pauses(peer, opts, place))
            except (score.Trouble, OSError) as trouble:
                opts.notes.append(f"pauses, {title(what)}: {trouble}")
                continue
            print(f"pauses, round {i + 1}, {what}: %.0f a second, %.2f ms a second, longest %.2f ms"
                  % taken["pauses"][what][-1], flush=True)
    return taken


def title(what):
    return PEERS[what].title if what in PEERS else what


def tables(cost, table):
    rows = [["watched by", "requests per CPU-second, against nobody", "own CPU, of a core", "pauses a second",
             "ms of pause a second", "longest, ms"]]
    for kind, taken in cost["echo"].items():
        for what, (ratios, owns) in taken.items():
            if what == NOBODY:
                continue
            spread = f"{statistics.median(ratios):.3f} ({min(ratios):.3f} … {max(ratios):.3f})"
            own = f"{statistics.median(owns) * 100:.1f} %" if owns else "in the program"
            all_rounds = cost["pauses"].get(what) if kind == "gevent" else None
            paused = [statistics.median(column) for column in zip(*all_rounds)] if all_rounds else None
            cells = [f"{paused[0]:.1f}", f"{paused[1]:.2f}", f"{paused[2]:.2f}"] if paused else ["", "", ""]
            rows.append([f"{kind}: {title(what)}", spread, "" if what == AGAIN else own, *cells])
    return table(rows)
