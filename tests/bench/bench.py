#!/usr/bin/env python3
"""What watching costs: runs the measures, prints one table, and judges if asked to.

    bench.py [MEASURE...] [--quick] [--assert] [--json FILE] [--markdown] [--from FILE]

Measures: echo_gevent echo_asyncio bystander cost startup stall_cost stall_names
namer_rss; all of them by default. Needs
root, two CPUs and a quiet machine: the rows "again / unwatched" say how quiet it was.
Everything is on loopback and bounded in time; nothing is left behind, also after ^C.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import sys
from collections import namedtuple

from measures import MEASURES, Bench
from procs import Child, Trouble

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

Row = namedtuple("Row", "what value spread target ok", defaults=("", "", None))


def quartiles(values):
    """Lower quartile, median, upper quartile."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    return tuple(statistics.quantiles(values, n=4, method="inclusive"))


def spread(values, form):
    low, _, high = quartiles(values)
    return f"{form.format(low)} … {form.format(high)}"


def per_cpu(phase):
    return phase["replies"] / phase["cpu_ns"] * 1e9


def per_wall(phase):
    return phase["replies"] / phase["wall_ns"] * 1e9


def ratio_row(what, rounds, state, rate, least=None, base="a"):
    """STATE against BASE, round by round."""
    ratios = [rate(r[state]) / rate(r[base]) for r in rounds]
    median = statistics.median(ratios)
    row = Row(what, f"{median:.3f}", spread(ratios, "{:.3f}"))
    if least is None:
        return row
    return row._replace(target=f">= {least}", ok=median >= least)


def echo_rows(taken, kind):
    rounds = taken["rounds"]
    plain = [r["a"] for r in rounds]
    wall = statistics.median(map(per_wall, plain))
    cost = [1e6 / per_cpu(p) for p in plain]
    slept = [r[s]["sleeps_per_reply"] for r in rounds for s in r]
    watched = [1e6 / per_cpu(r["c"]) for r in rounds]
    return [
        Row(f"{kind} echo, unwatched: requests/s", f"{wall:,.0f}",
            spread([per_wall(p) for p in plain], "{:,.0f}")),
        Row(f"{kind} echo, unwatched: µs of CPU per request",
            f"{statistics.median(cost):.2f}", spread(cost, "{:.2f}")),
        Row(f"{kind} echo, watched: µs of CPU per request",
            f"{statistics.median(watched):.2f}", spread(watched, "{:.2f}")),
        Row(f"{kind} echo: sleeps per request (saturated?)",
            f"{statistics.median(slept):.3f}", spread(slept, "{:.3f}"), "<= 0.05",
            statistics.median(slept) <= 0.05),
        ratio_row(f"{kind} echo, again / unwatched, per CPU-second", rounds, "a2", per_cpu),
        ratio_row(f"{kind} echo, empty program on the gate / unwatched", rounds, "b", per_cpu),
        ratio_row(f"{kind} echo, watched / unwatched, per CPU-second", rounds, "c", per_cpu,
                  0.975),
        ratio_row(f"{kind} echo, watched / empty program on the gate", rounds, "c", per_cpu,
                  0.99, base="b"),
        ratio_row(f"{kind} echo, watched / unwatched, per second", rounds, "c", per_wall),
    ]


def bystander_rows(taken, gate):
    return call_rows(taken["rounds"], "getppid", gate) + call_rows(
        taken["rounds"], "epoll_wait", None)


def call_rows(rounds, call, gate):
    """ns one call costs, what each state adds to it, and greenwatch against empty."""
    plain = [r["a"][call] for r in rounds]
    added = {s: [r[s][call] - r["a"][call] for r in rounds] for s in ("a2", "b", "c")}
    mid = {s: statistics.median(values) for s, values in added.items()}
    names = {"a2": "nothing, again", "b": "an empty program on the gate", "c": "greenwatch"}
    rows = [Row(f"bystander {call}: ns", f"{statistics.median(plain):.1f}",
                spread(plain, "{:.1f}"))]
    rows += [Row(f"bystander {call}: ns added by {name}", f"{mid[s]:+.1f}",
                 spread(added[s], "{:+.1f}")) for s, name in names.items()]
    if gate == "fentry":
        rows[-1] = rows[-1]._replace(target="<= +5", ok=mid["c"] <= 5)
        return rows
    return rows + [empty_row(call, mid, judged=gate is not None)]


def empty_row(call, mid, judged):
    """Greenwatch against the empty program; no verdict if that one did not cost a thing."""
    what = f"bystander {call}: greenwatch / empty program"
    if mid["b"] <= 5:
        return Row(what, "?", "the empty program costs nothing here", "<= 1.15",
                   False if judged else None)
    ratio = mid["c"] / mid["b"]
    row = Row(what, f"{ratio:.3f}")
    return row._replace(target="<= 1.15", ok=ratio <= 1.15) if judged else row


def cost_rows(taken):
    most = {"idle": 0.5, "saturated": 2.0}
    rows = []
    for state, t in taken.items():
        percent = t["cpu_ns"] / t["wall_ns"] * 100
        limit = most.get(state)
        rows.append(Row(f"greenwatch, target {state}: % of a core", f"{percent:.2f}", "",
                        f"<= {limit}" if limit else "",
                        percent <= limit if limit else None))
    for state, t in taken.items():
        rss = t["peak_rss"] / 1e6
        rows.append(Row(f"greenwatch, target {state}: peak RSS of all processes, MB",
                        f"{rss:.1f}", "", "<= 32", 0 < rss <= 32))
    return rows


def startup_rows(taken):
    median = statistics.median(taken["ms"])
    return [Row("greenwatch: ms from start to `watching`", f"{median:.0f}",
                spread(taken["ms"], "{:.0f}"), "<= 300", median <= 300)]


def stall_cost_rows(taken):
    """What watching adds to the CPU time of the thread that stalls, round by round, in µs."""
    rounds = taken["rounds"]
    added = {s: [(r[s] - r["a"]) / 1e3 for r in rounds] for s in ("a2", "c")}
    mid = {s: statistics.median(values) for s, values in added.items()}
    return [
        Row("a stall, unwatched: µs of CPU of its thread",
            f"{statistics.median(r['a'] for r in rounds) / 1e3:.0f}"),
        Row("a stall: µs added by nothing, again", f"{mid['a2']:+.1f}", spread(added["a2"], "{:+.1f}")),
        Row("a stall: µs added by greenwatch", f"{mid['c']:+.1f}", spread(added["c"], "{:+.1f}"),
            "<= +50", mid["c"] <= 50),
    ]


def stall_names_rows(taken):
    ms = [ns / 1e6 for ns in taken["ns"]]
    worst = statistics.quantiles(ms, n=100, method="inclusive")[98]
    return [
        Row("a stall: ms from its end until it is told by name", f"{statistics.median(ms):.1f}", spread(ms, "{:.1f}")),
        Row("the same, p99", f"{worst:.1f}", f"of {len(ms)}", "<= 50", worst <= 50),
        Row("of these with an application frame", f"{taken['named']:.3f}", "", ">= 0.95", taken["named"] >= 0.95),
    ]


def namer_rss_rows(taken):
    rss = taken["peak_rss"] / 1e6
    return [Row(f"namer, {taken['mapped']} objects mapped: peak RSS, MB", f"{rss:.1f}", "", "<= 64", 0 < rss <= 64)]


def rows_of(results):
    """Every row of the table, in the order the measures were taken."""
    rows = []
    for name, taken in results["measures"].items():
        if "trouble" in taken:
            rows.append(Row(name, "not measured", taken["trouble"], "measured", False))
        elif name.startswith("echo_"):
            rows += echo_rows(taken, name[len("echo_"):])
        elif name == "bystander":
            rows += bystander_rows(taken, results["context"]["gate"])
        elif name == "cost":
            rows += cost_rows(taken)
        elif name == "startup":
            rows += startup_rows(taken)
        elif name == "stall_cost":
            rows += stall_cost_rows(taken)
        elif name == "stall_names":
            rows += stall_names_rows(taken)
        elif name == "namer_rss":
            rows += namer_rss_rows(taken)
    return rows


def verdict(row):
    return "" if row.ok is None else "yes" if row.ok else "NO"


def print_table(rows, markdown):
    """Columns for a terminal, or a Markdown table for docs/numbers.md."""
    head = ("measure", "median", "quartiles", "target", "met")
    cells = [head] + [(*row[:4], verdict(row)) for row in rows]
    if markdown:
        cells.insert(1, ("---", "---:", "---", "---", "---"))
        print("\n".join("| " + " | ".join(line) + " |" for line in cells))
        return
    width = [max(len(line[i]) for line in cells) for i in range(5)]
    for what, value, *rest in cells:
        line = [what.ljust(width[0]), value.rjust(width[1])]
        line += [cell.ljust(width[i + 2]) for i, cell in enumerate(rest)]
        print("  ".join(line).rstrip())


def target_versions(python):
    """What runs the echo servers; Trouble if it cannot."""
    code = "import gevent, platform as p; print(p.python_version(), gevent.__version__)"
    with Child([python, "-c", code]) as child:
        python, gevent = child.result(20).split()
    return f"CPython {python}, gevent {gevent}"


def context(opts):
    """What a reader of the numbers must know about where they come from."""
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        model = next((x.split(":")[1].strip() for x in file if x.startswith("model name")), "?")
    return {
        "kernel": platform.release(), "machine": platform.machine(), "cpu": model,
        "cpus": os.cpu_count(), "load_average": os.getloadavg()[0],
        "target": target_versions(opts.python), "gate": opts.gate, "rounds": opts.rounds,
        "seconds": opts.seconds, "connections": opts.connections, "calls": opts.calls,
        "cost_seconds": opts.cost_seconds, "tool_args": opts.tool_args,
    }


def run(opts):
    """Take the measures; trouble with one is its result and does not stop the others."""
    results = {"context": context(opts), "measures": {}}
    bench = Bench(opts, say)
    for name in opts.measures or MEASURES:
        say(name, always=True)
        try:
            results["measures"][name] = MEASURES[name](bench)
        except Trouble as err:
            results["measures"][name] = {"trouble": str(err)}
    return results


def say(text, always=False):
    """Progress: each step on a terminal, one line per measure elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif always:
        print(text, file=sys.stderr, flush=True)


def judge(rows):
    """Name every target that is broken; the exit status."""
    broken = [row for row in rows if row.ok is False]
    for row in broken:
        print(f"bench: broken: {row.what}: {row.value}, target {row.target} ({row.spread})"
              .replace(" ()", ""), file=sys.stderr)
    return 1 if broken else 0


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("measures", nargs="*", metavar="MEASURE", help=" ".join(MEASURES))
    add("--greenwatch", default=os.path.join(ROOT, "build", "greenwatch"), metavar="PATH")
    add("--build", default=os.path.join(ROOT, "build", "bench"), metavar="DIR",
        help="where the bench's own programs are")
    add("--python", default="/usr/bin/python3", help="the one that has gevent")
    add("--tool-args", default="", metavar="ARGS", help="more options for greenwatch")
    add("--gate", choices=("tracepoint", "fentry"), default="tracepoint",
        help="which gate's target a bystander is held to")
    add("--rounds", type=int, default=21)
    add("--seconds", type=float, default=2, help="of load per echo phase")
    add("--connections", type=int, default=16)
    add("--calls", type=int, default=500000, help="per loop of the bystander")
    add("--cost-seconds", type=float, default=10)
    add("--starts", type=int, default=7)
    add("--stalls", type=int, default=10, help="per round of stall_cost, and times that of stall_names")
    add("--quick", action="store_true", help="a smoke test: few and short rounds, no evidence")
    add("--assert", dest="judge", action="store_true", help="exit 1 if a target is broken")
    add("--json", metavar="FILE", help="write the raw results")
    add("--from", dest="source", metavar="FILE", help="use the results in FILE, run nothing")
    add("--markdown", action="store_true")
    opts = parser.parse_args()
    for name in set(opts.measures) - set(MEASURES):
        parser.error(f"no measure is called {name}; there are: {' '.join(MEASURES)}")
    if opts.quick:
        opts.rounds, opts.seconds, opts.cost_seconds, opts.starts, opts.stalls = 3, 0.5, 2, 3, 6
    if opts.rounds < 1 or not 0 < opts.cost_seconds <= 60 or not 0 < opts.seconds <= 60:
        parser.error("--rounds from 1 on, --seconds and --cost-seconds up to 60")
    return opts


def results_of(opts):
    """Run, or read an earlier run; what was run is saved before it is looked at."""
    if opts.source:
        with open(opts.source, encoding="utf-8") as file:
            return json.load(file)
    results = run(opts)
    say("")
    if opts.json:
        with open(opts.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    return results


def main():
    opts = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    try:
        rows = rows_of(results_of(opts))
    except Trouble as err:
        print(f"bench: {err}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print_table(rows, opts.markdown)
    return judge(rows) if opts.judge else 0


if __name__ == "__main__":
    sys.exit(main())
