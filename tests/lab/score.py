#!/usr/bin/env python3
"""Score greenwatch against workloads that tell the truth about themselves.

For each workload: start it, wait for READY, start `greenwatch -p PID -T 50ms -o FILE`, wait for its line `watching ...`,
release the workload, read the report, compare. Nothing is judged by a human eye and nothing is skipped in silence.

The rules:

found     a reported stall of the workload's loop covers at least half of a planned one; one report to one truth
missed    a planned stall without such a report. Truths shorter than 1.2 x threshold are not judged
invented  a reported stall left over, also the second half of a split one, unless
            - the workload's own heartbeat saw the loop late there (HICCUP covers half of it), or
            - its charged time (duration - runqueue - throttled - stopped) is under the threshold: the machine's doing
          (both are counted as `noise`)
error     reported length - true length. A turn honestly begins before and ends after the blocking thing (dispatch), so
          up to 0.5 ms longer is allowed, and what the thread, by its own schedstat, waited for a CPU after the end of
          the truth; what is left (`net`), and every shortfall, must stay within 1 ms + 0.5 % at p95; of fewer than 20 one may
          be over, as of 20
ledger    the six parts add up to the duration exactly; with a complete report nothing is unaccounted
cause     as planned. A stall that waited 35 % or more of its time for a CPU by its own schedstat may be `runqueue`
          as well: that is the shared machine, and true; told so, it is judged no further
function  frames[stall.frame].name, last component; `-` means that there is no frame
call, peer, line, task, chain, members, culprit, rule
          judged where the truth has them; what the report lacks is wrong. `call` and `peer` are of the call that took most
          of the waits' time; `task` is the name with the largest share, `chain` are the coroutines it is made of,
          `members` the functions that all tasks of the turn run; `culprit` is the heaviest one of that role, by
          the kernel's name and, where the truth tells it, a function in its stack; `rule` is the site's first advice

advised   rules told of a program that planned no stall, where its own time is blamed

--judge says which of these decide. It ends only processes it started, by pid. It refuses to pass when a workload did
not run, be it for a module that the interpreter lacks (--allow-missing).
"""

import argparse
import collections
import concurrent.futures
import json
import math
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

from workloads import ALONE, BUSY, CORE, WORKLOADS

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

THRESHOLD_NS = 50_000_000
SHORTEST_JUDGED = 1.2
DISPATCH_NS = 500_000
BOUND_NS, BOUND_SHARE = 1_000_000, 0.005
STARVED_SHARE = 0.35
FUNCTION_RIGHT = 0.95
PARTS = ("oncpu_ns", "blocked_ns", "runqueue_ns", "throttled_ns", "stopped_ns", "unaccounted_ns")
NOT_CHARGED = ("runqueue_ns", "throttled_ns", "stopped_ns")

START_S, REPORT_S, LIFE_S, STALL_S = 20, 30, 30, 1.0

STALLS, STALLS_OF_ALL = 20, 10
SETS = {"core": CORE, "all": WORKLOADS, "python": [n for n, (file, *_) in WORKLOADS.items() if file.endswith(".py")]}

ALWAYS = ("missed", "invented", "bound", "ledger", "advised")
MACHINES = ("runqueue", "throttled", "stopped")
ATTRIBUTES = ("cause", "function", "call", "peer", "line", "task", "chain", "members", "culprit", "rule")
SHORT = {"function": "func"}
JUDGED = ALWAYS + ("cause", "function")

Truth = collections.namedtuple("Truth", "begin end function cause extra")
Said = collections.namedtuple("Said", "pid tid truths hiccups done")


class Trouble(Exception):
    """The workload or greenwatch did not do its part, so there is nothing to judge."""


class Missing(Exception):
    """The machine or the interpreter lacks what the workload needs."""


# What the workload said

def read_said(lines):
    pid = tid = None
    truths, hiccups, done = [], [], False
    for line in lines:
        word, *rest = line.split() or [""]
        if word == "READY":
            pid, tid = int(rest[0]), int(rest[1])
        elif word == "STALL":
            extra = dict(pair.split("=", 1) for pair in rest[4:])
            truths.append(Truth(int(rest[0]), int(rest[1]), rest[2], rest[3], extra))
        elif word == "HICCUP":
            hiccups.append((int(rest[0]), int(rest[1])))
        elif word == "DONE":
            done = True
    return Said(pid, tid, truths, hiccups, done)


# Matching and judging

def overlap(a, b):
    return max(0, min(a[1], b[1]) - max(a[0], b[0]))


def percentile(values, share):
    """Nearest rank; None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def charged_ns(stall):
    return stall["duration_ns"] - sum(stall["ledger"][part] for part in NOT_CHARGED)


def spans(report):
    start = report["run"]["start_monotonic_ns"]
    return [(start + s["at_ns"], start + s["at_ns"] + s["duration_ns"]) for s in report["stalls"]]


def match(truths, reported):
    """Pair intervals by overlap, the largest first, each used once: {index of truth: index of report}."""
    candidates = []
    for i, (begin, end) in enumerate(truths):
        for j, span in enumerate(reported):
            shared = overlap((begin, end), span)
            if shared > 0 and shared * 2 >= end - begin:
                candidates.append((-shared, i, j))
    pairs, used = {}, set()
    for _, i, j in sorted(candidates):
        if i not in pairs and j not in used:
            pairs[i] = j
            used.add(j)
    return pairs


def is_noise(stall, span, hiccups, threshold_ns):
    late = any(overlap(span, hiccup) * 2 >= span[1] - span[0] for hiccup in hiccups)
    return late or charged_ns(stall) < threshold_ns


def frame_name(report, stall):
    if "frame" not in stall:
        return "-"
    return report["frames"][stall["frame"]]["name"]


def same_function(name, function):
    return name.replace("::", ".").rsplit(".", 1)[-1] == function


def was_starved(truth):
    return int(truth.extra.get("runqueue_ns", 0)) >= STARVED_SHARE * (truth.end - truth.begin)


def one_of(told, wanted):
    return told in wanted.split("|")


def told_call(stall):
    """The call that took most of the waits' time, and its class."""
    total = collections.Counter()
    for wait in stall.get("waits", ()):
        total[wait["call"], wait.get("class")] += wait["total_ns"]
    return total.most_common(1)[0][0] if total else ("-", None)


def told_peer(stall):
    call, _ = told_call(stall)
    waits = [w for w in stall.get("waits", ()) if w["call"] == call and "peer" in w]
    return max(waits, key=lambda w: w["total_ns"])["peer"].get("kind", "-") if waits else "-"


def told_line(report, stall):
    return str(report["frames"][stall["frame"]].get("line", "-")) if "frame" in stall else "-"


def told_task(stall):
    tasks = stall.get("tasks")
    if not tasks:
        return "-"
    name = max(tasks, key=lambda t: t.get("share_ns", 0))["name"]
    return name.partition(" (")[0]  # the coroutine stands behind a task's name


def short_name(report, index):
    return report["frames"][index]["name"].rsplit(".", 1)[-1]


def told_chain(report, stall):
    top = max(stall.get("tasks", ()), key=lambda t: t.get("share_ns", 0), default={})
    return ">".join(short_name(report, i) for i in reversed(report["stacks"][top["chain"]])) if "chain" in top else "-"


def told_members(report, stall):
    stacks = (report["stacks"][task["chain"]] for task in stall.get("tasks", ()) if "chain" in task)
    return "+".join(sorted({short_name(report, stack[-1]) for stack in stacks})) or "-"


def told_culprit(stall, wanted):
    """The heaviest culprit of a wanted role, or else of any."""
    roles = {text.partition(":")[0] for text in wanted.split("|")}
    told = sorted(stall.get("culprits", ()), key=lambda c: (c["role"] in roles, c.get("share_ns", 0)))
    return told[-1] if told else None


def culprit_functions(report, culprit):
    stack = report["stacks"][culprit["stack"]] if culprit and "stack" in culprit else ()
    return [report["frames"][i]["name"].rsplit(".", 1)[-1] for i in stack]


def told_rule(report, stall):
    for site in report.get("sites", ()):
        if site["fingerprint"] == stall["site"] and site.get("advice"):
            return site["advice"][0]["rule"]
    return "-"


def judge_attributes(report, stall, wanted):
    """{attribute: (told, right)} of what the truth has beyond cause and function."""
    told = {}
    if "call" in wanted:
        call, kind = told_call(stall)
        told["call"] = ("gil" if kind == "gil" else call, one_of(call, wanted["call"]) or one_of(kind, wanted["call"]))
    if "peer" in wanted:
        told["peer"] = (told_peer(stall), one_of(told_peer(stall), wanted["peer"]))
    if "line" in wanted:
        told["line"] = (told_line(report, stall), one_of(told_line(report, stall), wanted["line"]))
    if "task" in wanted:
        told["task"] = (told_task(stall), one_of(told_task(stall), wanted["task"]))
    if "chain" in wanted:
        told["chain"] = (told_chain(report, stall), told_chain(report, stall) == wanted["chain"])
    if "members" in wanted:
        found = told_members(report, stall)
        told["members"] = (found, set(found.split("+")) >= set(wanted["members"].split("+")))
    if "culprit" in wanted:
        culprit = told_culprit(stall, wanted["culprit"])
        name = f"{culprit['role']}:{culprit['comm']}" if culprit else "-"
        function = wanted.get("culprit_function")
        told["culprit"] = (name, one_of(name, wanted["culprit"]) and
                           (function is None or function in culprit_functions(report, culprit)))
    if "rule" in wanted:
        told["rule"] = (told_rule(report, stall), one_of(told_rule(report, stall), wanted["rule"]))
    return told


def judge_pair(report, stall, truth):
    true_ns = truth.end - truth.begin
    error = stall["duration_ns"] - true_ns
    allowed = DISPATCH_NS + int(truth.extra.get("tail_runqueue_ns", 0))
    net = max(0, error - allowed) if error >= 0 else -error
    starved = was_starved(truth)
    causes = {truth.cause, truth.extra.get("also", truth.cause)} | ({"runqueue"} if starved else set())
    name = frame_name(report, stall)
    right = any(same_function(name, function) for function in truth.function.split("|")) or (starved and name == "-")
    match = {
        "true_ns": true_ns, "reported_ns": stall["duration_ns"], "error_ns": error, "net_error_ns": net,
        "over_bound_ns": net - BOUND_NS - round(BOUND_SHARE * true_ns),
        "cause": stall["cause"], "true_cause": truth.cause, "cause_right": stall["cause"] in causes,
        "function": name, "true_function": truth.function, "function_right": right,
        "starved": starved,
        "oncpu_ns": stall["ledger"]["oncpu_ns"], "true_cpu_ns": int(truth.extra.get("cpu_ns", 0)),
    }
    excused = starved and stall["cause"] == "runqueue" != truth.cause
    for attribute, (told, is_right) in ({} if excused else judge_attributes(report, stall, truth.extra)).items():
        match.update({attribute: told, "true_" + attribute: truth.extra[attribute], attribute + "_right": is_right})
    return match


def ledger_faults(report):
    faults = []
    for stall in report["stalls"]:
        ledger = stall["ledger"]
        rest = stall["duration_ns"] - sum(ledger[part] for part in PARTS)
        if rest:
            faults.append(f"stall at {stall['at_ns']}: the parts miss the duration by {rest} ns")
        if report["quality"]["complete"] and ledger["unaccounted_ns"]:
            faults.append(f"stall at {stall['at_ns']}: {ledger['unaccounted_ns']} ns unaccounted in a complete report")
    return faults


def advised(said, report):
    """The rules that a healthy program was told of, but for the machine's doing."""
    if said.truths:
        return []
    return [advice["rule"] for site in report.get("sites", ()) if site["cause"] not in MACHINES
            for advice in site.get("advice", ())]


def is_of(stall, said):
    """Is it a stall of the workload's loop? Thread 0: of any of its loops."""
    loop = f"{said.pid}/{said.tid or ''}"
    return stall["loop"] == loop or not said.tid and stall["loop"].startswith(loop)


def judge(said, report, threshold_ns=THRESHOLD_NS):
    """Everything that is to be known about one run, as plain data."""
    reported = spans(report)
    own = [j for j, stall in enumerate(report["stalls"]) if is_of(stall, said)]
    pairs = match([(t.begin, t.end) for t in said.truths], [reported[j] for j in own])
    pairs = {i: own[j] for i, j in pairs.items()}
    judged = [i for i, t in enumerate(said.truths) if t.end - t.begin >= SHORTEST_JUDGED * threshold_ns]

    invented, noise = [], 0
    for j in sorted(set(range(len(reported))) - set(pairs.values())):
        stall = report["stalls"][j]
        if is_noise(stall, reported[j], said.hiccups if is_of(stall, said) else [], threshold_ns):
            noise += 1
        else:
            invented.append({"loop": stall["loop"], "at_ns": stall["at_ns"], "duration_ns": stall["duration_ns"],
                             "cause": stall["cause"], "function": frame_name(report, stall)})
    return {
        "planned": len(judged),
        "ignored": len(said.truths) - len(judged),
        "matches": [judge_pair(report, report["stalls"][pairs[i]], said.truths[i]) for i in judged if i in pairs],
        "missed": [said.truths[i]._asdict() for i in judged if i not in pairs],
        "invented": invented, "noise": noise,
        "ledger_faults": ledger_faults(report), "advised": advised(said, report),
        "complete": report["quality"]["complete"],
    }


NOTHING = {"planned": 0, "ignored": 0, "matches": [], "missed": [], "invented": [], "noise": 0, "ledger_faults": [],
           "advised": [], "complete": True}


def sum_up(results):
    """One result out of many."""
    total = dict(NOTHING)
    for result in results:
        for key in total:
            total[key] = total[key] and result[key] if key == "complete" else total[key] + result[key]
    return total


def share(part, whole):
    return part / whole if whole else None


def share_right(matches, attribute):
    """Of the matches whose truth has the attribute; None where there is none."""
    judged = [m[attribute + "_right"] for m in matches if attribute + "_right" in m]
    return share(sum(judged), len(judged))


def figures(result):
    matches = result["matches"]
    found = len(matches)
    raw = [abs(m["error_ns"]) for m in matches]
    p95 = 0.95 if found >= 20 or not found else (found - 1) / found
    return {
        "planned": result["planned"], "found": found, "missed": len(result["missed"]),
        "invented": len(result["invented"]), "noise": result["noise"],
        "recall": share(found, result["planned"]), "precision": share(found, found + len(result["invented"])),
        "error_p50_ns": percentile(raw, 0.50), "error_p95_ns": percentile(raw, 0.95),
        "net_p50_ns": percentile([m["net_error_ns"] for m in matches], 0.50),
        "net_p95_ns": percentile([m["net_error_ns"] for m in matches], 0.95),
        "relative_p50": percentile([abs(m["error_ns"]) / m["true_ns"] for m in matches], 0.50),
        "relative_p95": percentile([abs(m["error_ns"]) / m["true_ns"] for m in matches], 0.95),
        "over_bound_p95_ns": percentile([m["over_bound_ns"] for m in matches], p95),
        **{attribute: share_right(matches, attribute) for attribute in ATTRIBUTES},
        "starved": sum(m["starved"] for m in matches),
    }


def complaints(result, judged=JUDGED):
    """What --assert holds against a result."""
    f = figures(result)
    found = []
    if f["missed"] and "missed" in judged:
        found.append(f"{f['missed']} of {f['planned']} stalls missed")
    if f["invented"] and "invented" in judged:
        found.append(f"{f['invented']} stalls invented")
    if f["over_bound_p95_ns"] is not None and f["over_bound_p95_ns"] > 0 and "bound" in judged:
        found.append(f"duration error over 1 ms + 0.5 % at p95, by {ms(f['over_bound_p95_ns'])} ms")
    if result["ledger_faults"] and "ledger" in judged:
        found.append(f"{len(result['ledger_faults'])} ledger faults, first: {result['ledger_faults'][0]}")
    if result["advised"] and "advised" in judged:
        found.append(f"rules for a healthy program: {' '.join(result['advised'])}")
    for attribute in ATTRIBUTES:
        enough = 1 if attribute == "cause" else FUNCTION_RIGHT
        if attribute in judged and f[attribute] is not None and f[attribute] < enough:
            found.append(f"{attribute} wrong: {wrong(result, attribute)}")
    return found


def wrong(result, what):
    """Counts of `true -> reported`, for people."""
    pairs = collections.Counter(f"{m['true_' + what]} -> {m[what]}" for m in result["matches"] 
                                if not m.get(what + "_right", True))
    return ", ".join(f"{count}x {pair}" for pair, count in pairs.most_common(4))


# Running

class Lines:
    """Reads a pipe in a thread, so that waiting for a line can have an end."""

    def __init__(self, pipe):
        self.lines = []
        self.came_ns = []
        self.news = threading.Condition()
        self.ended = False
        self.thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self.thread.start()

    def _read(self, pipe):
        for line in pipe:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.came_ns.append(time.monotonic_ns())
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def find(self, start):
        return next((line for line in self.lines if line.startswith(start)), None)

    def wait_for(self, start, seconds):
        with self.news:
            self.news.wait_for(lambda: self.ended or self.find(start), seconds)
            return self.find(start)

    def rest(self):
        self.thread.join(5)
        return self.lines


def end(process):
    """End a process of ours, politely first."""
    if process.poll() is not None:
        return
    for number, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        process.send_signal(number)
        try:
            process.wait(seconds)
            return
        except subprocess.TimeoutExpired:
            pass


def wait_or_trouble(process, seconds, what):
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise Trouble(f"{what} did not end within {seconds:.0f} s") from None


def start(argv, **pipes):
    return subprocess.Popen([str(a) for a in argv], text=True, errors="replace", **pipes)


def run_workload(argv, opts, place):
    """Run one workload under greenwatch; returns what it said and the report."""
    report_file = place / "report.json"
    started = []
    try:
        workload = start(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         cwd=place)
        started.append(workload)
        said, complained = Lines(workload.stdout), Lines(workload.stderr)
        if not said.wait_for("READY", START_S):
            raise why_not_ready(said, complained)

        tool = start([opts.greenwatch, "-p", workload.pid, "-T", "50ms", "-o", report_file, *opts.tool_args],
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=place)
        started.append(tool)
        talk = Lines(tool.stderr)
        if not talk.wait_for("watching ", START_S):
            raise Trouble("greenwatch never said `watching`: " + " / ".join(talk.lines[-5:]))

        workload.stdin.write("go\n")
        workload.stdin.close()
        status = wait_or_trouble(workload, LIFE_S + (opts.stalls or STALLS) * STALL_S, "the workload")
        status_tool = wait_or_trouble(tool, REPORT_S, "greenwatch")
        (place / "truth.txt").write_text("\n".join(said.rest()) + "\n")
        (place / "stderr.txt").write_text("\n".join(talk.rest()) + "\n")
        if status != 0 or not said.find("DONE"):
            raise Trouble(f"the workload failed, status {status}: " + " / ".join(complained.rest()[-3:]))
        if status_tool != 0:
            raise Trouble(f"greenwatch ended with {status_tool}: " + " / ".join(talk.lines[-5:]))
        return read_said(said.lines), json.loads(report_file.read_text())
    except OSError as error:
        raise Trouble(str(error)) from None
    except ValueError as error:
        raise Trouble(f"the report is no JSON: {error}") from None
    finally:
        for process in reversed(started):
            end(process)


def why_not_ready(said, complained):
    """Missing or Trouble, by what a workload said that did not become ready."""
    cannot = said.find("CANNOT ")
    if cannot:
        return Missing(cannot.partition(" ")[2])
    last = next((line for line in reversed(complained.rest()) if line.strip()), "it never said READY")
    if last.startswith("ModuleNotFoundError: "):
        return Missing("no module " + last.split("'")[1])
    return Trouble(f"the workload never began: {last}")


def compile_c(name, opts, place):
    program = place / name
    built = subprocess.run([opts.cc, "-g", "-O1", "-Wall", "-std=gnu11", "-o", program, HERE / f"{name}.c", *LIBRARIES[name]],
                           capture_output=True, text=True, timeout=60)
    if "fatal error: " in built.stderr:
        raise Missing(built.stderr.partition("fatal error: ")[2].splitlines()[0])
    if built.returncode:
        raise Trouble(built.stderr)
    return program


def python(opts, program):
    """The start of a Python workload's command line; with --root in that chroot, where this tree's tests are /tests."""
    if opts.root:
        return ["sh", HERE / "enter.sh", opts.root, opts.python, "-B", f"/tests/lab/{program}"]
    return [opts.python, "-B", HERE / program]


def compile_rust(name, opts, place):
    """With cargo; the same target directory serves again, so it is built once (tests/lab/deps.sh)."""
    target = pathlib.Path(opts.cargo_target or place / "cargo").resolve()
    argv = [opts.cargo, "build", "--release", "--target-dir", target, "--manifest-path",
            HERE / name / "Cargo.toml"]
    try:
        built = subprocess.run(argv, capture_output=True, text=True, timeout=600)
    except FileNotFoundError:
        raise Missing("no cargo") from None
    if built.returncode:
        raise Missing("cargo: " + " / ".join(built.stderr.strip().splitlines()[-3:]))
    return target / "release" / name


LIBRARIES = {"epoll_loop": ("-pthread",), "libuv_loop": ("-luv", "-pthread"), "libevent_loop": ("-levent_core",)}
BUILD = {**dict.fromkeys(LIBRARIES, compile_c), "tokio_loop": compile_rust}


def build(opts, place):
    """{program: its path, or why there is none}, of what is compiled."""
    built = {}
    for name in opts.workloads:
        program = WORKLOADS[name][0]
        if program in BUILD and program not in built:
            try:
                built[program] = BUILD[program](program, opts, place)
            except (Missing, Trouble) as reason:
                built[program] = reason
    return built


def command(name, opts, built):
    program, *rest = WORKLOADS[name]
    stalls = opts.stalls or (STALLS_OF_ALL if len(opts.workloads) > len(CORE) else STALLS)
    named = ["--perf-basic-prof", "--interpreted-frames-native-stack"]
    head = {"py": python(opts, program), "js": [opts.node, *named, HERE / program]}
    if isinstance(built.get(program), Exception):
        raise built[program]
    return head.get(program[-2:], [built.get(program)]) + rest + ["--stalls", stalls, "--seed", opts.seed]


def run_all(opts, place):
    """{name: judged result}, {name: reason it was not run}, {name: what went wrong}"""
    results, missing, troubles = {}, {}, {}
    built = build(opts, place)

    def run(name):
        own = place / name
        own.mkdir(exist_ok=True)
        begin = time.monotonic()
        try:
            results[name] = judge(*run_workload(command(name, opts, built), opts, own))
        except Missing as reason:
            missing[name] = f"not run: {reason}"
        except Trouble as trouble:
            troubles[name] = str(trouble)
        except (KeyError, IndexError, TypeError) as error:
            troubles[name] = f"the report lacks something: {error!r}"
        verdict = missing.get(name) or troubles.get(name, "ran")
        print(f"{name}: {verdict} ({time.monotonic() - begin:.0f} s)", flush=True)

    side_by_side(run, opts.workloads, opts.jobs)
    order = {name: i for i, name in enumerate(opts.workloads)}
    return tuple(dict(sorted(d.items(), key=lambda item: order[item[0]])) for d in (results, missing, troubles))


def side_by_side(run, names, jobs):
    """run(name) of all, jobs at a time, of which one may need a CPU; those that take the machine come last, alone."""
    if jobs < 2:
        for name in names:
            run(name)
        return
    busy = [name for name in names if name in BUSY]
    quiet = [name for name in names if name not in BUSY and name not in ALONE]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        lanes = [pool.submit(lambda: [run(name) for name in busy])] + [pool.submit(run, name) for name in quiet]
        for lane in lanes:
            lane.result()
    for name in names:
        if name in ALONE:
            run(name)


def once_more(opts, place, results, troubles):
    """Runs what was not right a second time; the first verdict is printed, the second one counts."""
    again = argparse.Namespace(**vars(opts))
    again.jobs = 1
    again.workloads = [name for name in opts.workloads 
                       if name in troubles or complaints(results.get(name, NOTHING), opts.judge)]
    if not again.workloads:
        return
    for name in again.workloads:
        print(f"again: {name}: {troubles.pop(name, None) or '; '.join(complaints(results[name], opts.judge))}")
    second, _, trouble = run_all(again, place)
    results.update(second)
    troubles.update(trouble)


# Printing

def ms(ns):
    return "-" if ns is None else f"{ns / 1e6:.2f}"


def percent(value):
    return "-" if value is None else f"{value * 100:.1f}"


HEAD = ("workload", "planned", "found", "missed", "invented", "noise", "recall%", "prec%", "err p50", "p95 ms", "net p50",
        "p95 ms", "rel p95%", "bound", "ledger", *(f"{SHORT.get(a, a)}%" for a in ATTRIBUTES), "starved")
TABLE = ("workload", "planned", "found", "invented", *ATTRIBUTES)


def row(name, result):
    f = figures(result)
    over = f["over_bound_p95_ns"]
    return (name, f["planned"], f["found"], f["missed"], f["invented"], f["noise"], percent(f["recall"]),
            percent(f["precision"]), ms(f["error_p50_ns"]), ms(f["error_p95_ns"]), ms(f["net_p50_ns"]), ms(f["net_p95_ns"]),
            percent(f["relative_p95"]), "-" if over is None else "over" if over > 0 else "held",
            "broken" if result["ledger_faults"] else "exact" if result["complete"] else "lossy",
            *(percent(f[a]) for a in ATTRIBUTES), f["starved"])


def print_table(results):
    rows = [HEAD] + [row(name, result) for name, result in results.items()]
    if len(results) > 1:
        rows.append(row("total", sum_up(results.values())))
    widths = [max(len(str(r[i])) for r in rows) for i in range(len(HEAD))]
    print()
    for r in rows:
        cells = [str(r[0]).ljust(widths[0])] + [str(cell).rjust(width) for cell, width in zip(r[1:], widths[1:])]
        print("  ".join(cells))
    print()


def markdown(results, missing):
    """The table for docs/numbers.md: shares in percent, `·` where the truth promises nothing."""
    rows = [TABLE, ("---",) * len(TABLE)]
    everything = list(results.items()) + [("**total**", sum_up(results.values()))]
    for name, result in everything:
        f = figures(result)
        shares = ("·" if f[a] is None else f"{f[a] * 100:.0f}" for a in ATTRIBUTES)
        rows.append((name, f["planned"], f["found"], f["invented"], *shares))
    lines = ["| " + " | ".join(str(cell) for cell in r) + " |" for r in rows]
    return "\n".join(lines + [""] + [f"{name}: {reason}" for name, reason in missing.items()]).rstrip() + "\n"


def columns(text):
    """The value of --judge."""
    if text == "all":
        return ALWAYS + ATTRIBUTES
    long = {short: name for name, short in SHORT.items()}
    wanted = tuple(long.get(word, word) for word in text.split(","))
    unknown = set(wanted) - set(ALWAYS + ATTRIBUTES)
    if unknown:
        raise argparse.ArgumentTypeError("no such column: " + " ".join(sorted(unknown)))
    return wanted


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="which: " + " ".join(WORKLOADS))
    parser.add_argument("--set", choices=("core", "python", "all"), default="core", help="which where none is named (core)")
    parser.add_argument("--greenwatch", default=str(ROOT / "build" / "greenwatch"), help="the binary (build/greenwatch)")
    parser.add_argument("--python", default="/usr/bin/python3", help="interpreter of the Python workloads")
    parser.add_argument("--root", metavar="DIR", help="the interpreter is in this chroot: its Python workloads run there")
    parser.add_argument("--cc", default="cc", help="compiler of the C workloads (cc)")
    parser.add_argument("--cargo", default="cargo", help="builds the Rust workloads (cargo)")
    parser.add_argument("--cargo-target", metavar="DIR", default=str(ROOT / "build" / "lab"),
                        help="where cargo keeps what it has built (build/lab)")
    parser.add_argument("--node", default="node", help="interpreter of the JavaScript workloads (node)")
    parser.add_argument("--stalls", type=int, help=f"a workload ({STALLS}; {STALLS_OF_ALL} in long runs)")
    parser.add_argument("--seed", type=int, default=1, help="of the lengths (1)")
    parser.add_argument("--jobs", type=int, default=1, help="workloads at a time, where they do not disturb each other (1)")
    parser.add_argument("--judge", type=columns, default=JUDGED, metavar="COLUMN,...",
                        help="what decides, or `all` (" + ",".join(JUDGED) + "); also " + ",".join(ATTRIBUTES[2:]))
    parser.add_argument("--json", metavar="FILE", help="raw results")
    parser.add_argument("--table", metavar="FILE", help="the table as Markdown, for docs/numbers.md")
    parser.add_argument("--keep", metavar="DIR", help="keep reports, truths and greenwatch's stderr here")
    parser.add_argument("--tool-arg", dest="tool_args", action="append", default=[], metavar="ARG",
                        help="one more argument for greenwatch, repeatable: --tool-arg=--no-follow")
    parser.add_argument("--assert", dest="strict", action="store_true", help="exit 1 unless everything is right")
    parser.add_argument("--again", action="store_true",
                        help="run what did not pass once more, say so, and judge that: for machines that others use too")
    parser.add_argument("--allow-missing", action="store_true",
                        help="with --assert: a workload that could not run here is no failure")
    opts = parser.parse_args(argv)
    unknown = set(opts.workloads) - set(WORKLOADS)
    if unknown:
        parser.error("no such workload: " + " ".join(sorted(unknown)))
    opts.workloads = opts.workloads or list(SETS[opts.set])
    opts.greenwatch = str(pathlib.Path(opts.greenwatch).resolve())
    return opts


def main(argv=None):
    opts = parse(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if not os.access(opts.greenwatch, os.X_OK):
        sys.exit(f"score: {opts.greenwatch} is not there or not executable (build it, or give --greenwatch)")
    with tempfile.TemporaryDirectory(prefix="greenwatch-lab-") as temporary:
        place = pathlib.Path(opts.keep or temporary).resolve()
        place.mkdir(parents=True, exist_ok=True)
        try:
            results, missing, troubles = run_all(opts, place)
            if opts.again:
                once_more(opts, place, results, troubles)
        except (OSError, subprocess.SubprocessError) as error:
            sys.exit(f"score: cannot begin: {error}")

    if results:
        print_table(results)
    failures = [f"{name}: {text}" for name, result in results.items() for text in complaints(result, opts.judge)]
    failures += [f"{name}: did not run: {text}" for name, text in troubles.items()]
    if not opts.allow_missing:
        failures += [f"{name}: {text}" for name, text in missing.items()]
    for text in failures:
        print(text)
    if opts.json:
        total = figures(sum_up(results.values()))
        raw = {"results": results, "figures": {n: figures(r) for n, r in results.items()}, "total": total,
               "missing": missing, "troubles": troubles, "failures": failures}
        pathlib.Path(opts.json).write_text(json.dumps(raw, indent=1) + "\n")

    if opts.table:
        pathlib.Path(opts.table).write_text(markdown(results, missing), encoding="utf-8")

    total = figures(sum_up(results.values()))
    print(f"lab: {len(results)} of {len(opts.workloads)} workloads ran, {total['found']} of {total['planned']} stalls "
          f"found, {total['invented']} invented: {'FAILED' if failures else 'passed'}")
    return 1 if failures and opts.strict else 0


if __name__ == "__main__":
    sys.exit(main())
