#!/usr/bin/env python3
"""Does greenwatch find planned stalls through one given gate?

    gate.py fentry|tracepoint|raw|any

Runs the laboratory's sleeping gevent service, sleeping and computing C loops under `greenwatch -T 100ms`, and asserts
that the report names the gate, that every planned stall is there with its length within 20 ms, its cause and its
function, that nothing was invented or lost, and that each ledger adds up exactly.

The machine may be busy and stop the guest's CPUs at any time, also between a stall and the end of its turn. A witness
on each CPU tells when; that time, and what the thread itself saw of waiting for a CPU, is no error.

It judges no stall shorter than 1.2 times the threshold, and nothing after the last planned one: under emulation the end
of an interpreter is a long turn itself. It refuses to pass on fewer than 8 stalls.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import types

PAYLOAD = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PAYLOAD / "lab"))
import score  # noqa: E402: it lies in the payload

THRESHOLD_NS = 100_000_000
TOLERANCE_NS = 20_000_000
STALLS, ENOUGH = 12, 8
score.START_S = 60

# gate: what must be taken away so that it is chosen, and what reports may call it
GATES = {
    "fentry": ("", {"fentry"}),
    "tracepoint": ("fentry", {"tracepoint"}),
    "raw": ("fentry,tracefs", {"raw-tracepoint"}),
    "any": ("", {"fentry", "tracepoint"}),
}

# workload: command, whether its function is judged (the symbols of a C program are not this suite's business)
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


class Witnesses:
    """The times when a CPU of the guest did not run."""

    def __enter__(self):
        self.started = [subprocess.Popen([PAYLOAD / "witness", str(cpu)], stdout=subprocess.PIPE, text=True)
                        for cpu in os.sched_getaffinity(0)]
        self.gaps = []
        return self

    def __exit__(self, *_):
        for witness in self.started:
            witness.kill()
            lines = [line.split() for line in witness.communicate()[0].splitlines()]
            self.gaps += [(int(line[1]), int(line[2])) for line in lines if len(line) == 3]


def off_by(said, report, gaps):
    """Yields truth, stall and error in ns of each stall found, without what was the machine's doing."""
    own = [stall for stall in report["stalls"] if stall["loop"] == f"{said.pid}/{said.tid}"]
    spans = score.spans({**report, "stalls": own})
    truths = [(truth.begin, truth.end) for truth in said.truths]
    for i, j in score.match(truths, spans).items():
        error = own[j]["duration_ns"] - (truths[i][1] - truths[i][0])
        excuse = int(said.truths[i].extra.get("tail_runqueue_ns", 0))
        excuse += sum(score.overlap(gap, spans[j]) - score.overlap(gap, truths[i]) for gap in gaps)
        yield said.truths[i], own[j], max(0, error - excuse) if error > 0 else error


def before_the_end(result, said, report):
    last = max((truth.end for truth in said.truths), default=0) - report["run"]["start_monotonic_ns"]
    return [stall for stall in result["invented"] if stall["at_ns"] < last]


def complaints(said, report, gaps, names, functions):
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
    for truth, stall, error in off_by(said, report, gaps):
        if abs(error) > TOLERANCE_NS:
            yield f"{(truth.end - truth.begin) / 1e6:.0f} ms reported as {stall['duration_ns'] / 1e6:.0f} ms"
    for match in result["matches"]:
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
        with Witnesses() as witnesses:
            said, report = score.run_workload(command + ["--stalls", STALLS], opts, place)
    except score.Trouble as trouble:
        print(f"{name}: {trouble}")
        return False
    wrong = list(complaints(said, report, witnesses.gaps, names, functions))
    result = score.judge(said, report, THRESHOLD_NS)
    worst = max((abs(error) for _, _, error in off_by(said, report, witnesses.gaps)), default=0)
    stopped = sum(end - begin for begin, end in witnesses.gaps)
    print(f"{name}: {len(result['matches'])} of {result['planned']} stalls found, off by at most {worst / 1e6:.1f} ms, "
          f"gate {report['quality']['gate']}, lost {sum(report['quality']['lost'].values())}; "
          f"the machine stopped the guest for {stopped / 1e9:.1f} s")
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
