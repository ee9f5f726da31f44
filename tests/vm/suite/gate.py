#!/usr/bin/env python3
"""Does greenwatch find planned stalls through one given gate?

    gate.py fentry|tracepoint|raw|any

Runs the laboratory's sleeping gevent service, sleeping and computing C loops under `greenwatch -T 100ms`, and asserts
that the report names the gate, that every planned stall is there with its length within 20 ms (beyond what score.py
allows for dispatch and for waiting for a CPU), its cause and its function, that nothing was invented or lost, and that
each ledger adds up exactly.

It judges no stall shorter than 1.2 times the threshold, and nothing after the last planned one: under emulation the end
of an interpreter is a long turn itself. It refuses to pass on fewer than 8 stalls.
"""

import os
import pathlib
import sys
import tempfile
import types

PAYLOAD = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PAYLOAD / "lab"))
import score  # noqa: E402: it lies in the payload

THRESHOLD_NS = 100_000_000
TOLERANCE_NS = 20_000_000
STALLS, ENOUGH = 12, 8

# gate: what must be taken away so that it is chosen, and what reports may call it
GATES = {
    "fentry": ("", {"fentry"}),
    "tracepoint": ("fentry", {"tracepoint"}),
    "raw": ("fentry,tracefs", {"raw", "tracepoint"}),
    "any": ("", {"fentry", "tracepoint"}),
}

# workload: command, the function to be blamed (None: the C symbol is not this suite's business)
WORKLOADS = {
    "gevent_sleep": ([sys.executable, "-B", PAYLOAD / "lab" / "gevent_sleep.py"], True),
    "epoll_sleep": ([PAYLOAD / "epoll_loop", "sleep"], False),
    "epoll_cpu": ([PAYLOAD / "epoll_loop", "cpu"], False),
}


def greenwatch(without):
    if not without:
        return PAYLOAD / "greenwatch"
    os.environ["WITHOUT"] = without
    return PAYLOAD / "suite" / "without.sh"


def before_the_end(result, said, report):
    last = max((truth.end for truth in said.truths), default=0) - report["run"]["start_monotonic_ns"]
    return [stall for stall in result["invented"] if stall["at_ns"] < last]


def complaints(said, report, names, functions):
    result = score.judge(said, report, THRESHOLD_NS)
    quality = report["quality"]
    if quality["gate"] not in names:
        yield f"the gate is {quality['gate']}"
    if result["planned"] < ENOUGH:
        yield f"only {result['planned']} planned stalls"
    for truth in result["missed"]:
        yield f"missed: {(truth['end'] - truth['begin']) / 1e6:.0f} ms of {truth['function']}"
    for stall in before_the_end(result, said, report):
        yield f"invented: {stall}"
    for match in result["matches"]:
        if match["net_error_ns"] > TOLERANCE_NS:
            yield f"{match['true_ns'] / 1e6:.0f} ms reported as {match['reported_ns'] / 1e6:.0f} ms"
        if not match["cause_right"]:
            yield f"the cause of {match['true_cause']} is {match['cause']}"
        if functions and not match["function_right"]:
            yield f"the function {match['true_function']} is {match['function']}"
    if not quality["complete"] or any(quality["lost"].values()):
        yield f"lost: {quality['lost']}, complete: {quality['complete']}"
    yield from result["ledger_faults"]


def run(name, tool, names, place):
    """One line on a workload, and whether it is well."""
    command, functions = WORKLOADS[name]
    opts = types.SimpleNamespace(greenwatch=tool, stalls=STALLS, tool_args=["-T", "100ms"])
    try:
        said, report = score.run_workload(command + ["--stalls", STALLS], opts, place)
    except score.Trouble as trouble:
        print(f"{name}: {trouble}")
        return False
    wrong = list(complaints(said, report, names, functions))
    result = score.judge(said, report, THRESHOLD_NS)
    worst = max((abs(match["error_ns"]) for match in result["matches"]), default=0)
    print(f"{name}: {len(result['matches'])} of {result['planned']} stalls found, off by at most {worst / 1e6:.1f} ms, "
          f"gate {report['quality']['gate']}, lost {sum(report['quality']['lost'].values())}")
    for text in wrong:
        print(f"  {text}")
    return not wrong


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in GATES:
        sys.exit(f"usage: gate.py {'|'.join(GATES)}")
    without, names = GATES[sys.argv[1]]
    tool, well = greenwatch(without), True
    for name in WORKLOADS:
        with tempfile.TemporaryDirectory() as place:
            well = run(name, tool, names, pathlib.Path(place)) and well
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
