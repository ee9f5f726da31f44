#!/usr/bin/env python3
"""Put greenwatch beside other tools (peers.py): the same workloads, the same stalls, the same rules; a table in Markdown.

Every tool has a run of its own, with the same seed, so none disturbs another. The rules, for all:

found   stalls that the tool reported: something of it came while the stall lasted or within LATE_NS after it
right   of these, the truth's function is the innermost application frame of a stack the tool shows for that stall; where
        the machine is to blame (function `-`), that no code of the program is named
wrong   of these, the tool names code, but neither that function nor the truth's task
both    of those that are right, other code is named beside it
more    reports outside every stall, unless the workload's own heartbeat saw the loop late there
guilty  where another thread or process is to blame: it is named (greenwatch: as culprit), or at least shown; judged where
        the machine has not had a larger part in the stall (score.py's STARVED_SHARE)

greenwatch is judged by score.py, which is stricter: it wants an overlap with an exact time. A profile has no stalls: it is
right where the function has the most samples of the loop's thread, the idle loop left out, and wrong where another has; of
two functions both must be ahead of all others.
"""

import argparse
import collections
import os
import pathlib
import platform
import signal
import subprocess
import sys
import tempfile

import compare_cost
import peers
import score
from peers import PEERS, Profile

GEVENT = ("gevent_sleep", "gevent_cpu", "gevent_recv", "gevent_fsync", "gevent_json", "gevent_regex", "gevent_gil",
          "gevent_lock", "gevent_runqueue", "gevent_psycopg2", "gevent_crowd", "gevent_gc", "gevent_mixed")
ASYNCIO = ("asyncio_sleep", "asyncio_cpu", "asyncio_requests", "asyncio_crowd")
HEALTHY = ("gevent_idle", "gevent_busy")
OURS = "greenwatch"

# what a tool may call the guilty one where it is not the code that was held up
GUILTY = {"gevent_gil": {"hog", "hog_loop"}, "gevent_lock": {"holder", "hold_lock"}, "gevent_runqueue": {"hog"}}

LATE_NS = 90_000_000
TRACEFS = "/sys/kernel/debug/tracing/events/syscalls"

# counts of one tool on one workload; guilty: (stalls it is shown in, of how many), None where nobody else is to blame,
# of a profile whether; top is of a profile: (share, name)
Seen = collections.namedtuple("Seen", "planned found right wrong more both guilty top", defaults=(None, None, None))


# Judging

def stall_of(at_ns, truths):
    """The index of the stall a report of this time belongs to, or None."""
    return next((i for i, t in enumerate(truths) if t.begin <= at_ns <= t.end + LATE_NS), None)


def excused(at_ns, hiccups):
    return any(begin <= at_ns <= end + LATE_NS for begin, end in hiccups)


def names_right(names, function):
    return not names if function == "-" else any(name in function.split("|") for name in names)


def judge_reports(said, reports, guilty=None):
    of_stall, more = collections.defaultdict(list), 0
    for report in reports:
        i = stall_of(report.at_ns, said.truths)
        if i is not None:
            of_stall[i].append(report)
        elif not excused(report.at_ns, said.hiccups):
            more += 1
    right = wrong = both = shown = judged = 0
    for i, found in of_stall.items():
        truth = said.truths[i]
        names = [name for report in found for name in report.names]
        is_right = names_right(names, truth.function)
        task = any(report.task and report.task == truth.extra.get("task") for report in found)
        right += is_right
        both += is_right and not all(names_right([name], truth.function) for name in names)
        wrong += bool(names) and not is_right and not task
        if guilty and (truth.cause == "runqueue" or not score.was_starved(truth)):
            judged += 1
            shown += any(guilty & (set(report.names) | report.others) for report in found)
    return Seen(len(said.truths), len(of_stall), right, wrong, more, both, (shown, judged) if guilty else None)


def judge_profile(said, profile, guilty=None):
    if not said.truths:
        return Seen(0, None, False, False, None, None, None, (0, "nothing"))
    wanted = {t.function for t in said.truths}
    top = profile.names.most_common(len(wanted))
    is_right = len(top) == len(wanted) and all(any(names_right([n], f) for n, _ in top) for f in wanted)
    shown = bool(guilty & profile.others) if guilty else None
    total = sum(profile.names.values())
    return Seen(len(said.truths), None, is_right, total > 0 and not is_right, None, None, shown,
                (sum(count for _, count in top) / total if total else 0, " and ".join(n for n, _ in top) or "nothing"))


def judge_ours(result, guilty):
    matches = result["matches"]
    right = sum(m["function_right"] for m in matches)
    wrong = sum(not m["function_right"] and not m.get("task_right", False) for m in matches)
    judged = [m["culprit_right"] for m in matches if m["true_cause"] == "runqueue" or not m["starved"]] if guilty else []
    return Seen(result["planned"], len(matches), right, wrong, len(result["invented"]), 0,
                (sum(judged), len(judged)) if guilty else None)


# Running

def run_ours(name, opts, place):
    result = score.judge(*score.run_workload(score.command(name, opts, None), opts, place))
    return judge_ours(result, GUILTY.get(name))


def run_peer(peer, name, opts, place):
    """Run one workload beside one peer; what it saw."""
    argv = score.command(name, opts, None)
    if peer.launcher:
        argv[2:2] = [score.HERE / peer.launcher]
    started = []
    try:
        env = peers.environment(opts.path, peer.env)
        workload = score.start(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=place,
                               env=env)
        started.append(workload)
        said, complained = score.Lines(workload.stdout), score.Lines(workload.stderr)
        if not said.wait_for("READY", score.START_S):
            raise score.why_not_ready(said, complained)
        with compare_cost.attached(peer, workload.pid, opts, place) as wrote:
            workload.stdin.write("go\n")
            workload.stdin.close()
            status = score.wait_or_trouble(workload, score.LIFE_S + opts.stalls * score.STALL_S, "the workload")
        truth = score.read_said(said.rest())
        complained.rest()
    finally:
        for process in reversed(started):
            score.end(process)
    if status != 0 or not truth.done:
        raise score.Trouble(f"the workload failed, status {status}: " + " / ".join(complained.lines[-3:]))
    lines = list(zip(complained.came_ns, complained.lines)) if peer.output == "target" else wrote.lines()
    (place / "wrote.txt").write_text("\n".join(f"{ns} {line}" for ns, line in lines) + "\n")
    (place / "truth.txt").write_text("\n".join(said.lines) + "\n")
    failed = peers.failed_samples(wrote.said)
    opts.notes += [f"{peer.title}, {name}: it says \"{failed}\""] if failed else []
    found = peer.parse(lines, str(score.HERE))
    judge = judge_profile if isinstance(found, Profile) else judge_reports
    return judge(truth, found, GUILTY.get(name))


def run_all(opts, place):
    """{(workload, tool): Seen or the reason why not}"""
    seen = {}
    for name in opts.workloads:
        for tool in opts.tools:
            if tool != OURS and not name.startswith(PEERS[tool].loops):
                continue
            own = place / name / tool
            own.mkdir(parents=True, exist_ok=True)
            try:
                if tool in opts.lacking:
                    raise score.Missing(opts.lacking[tool])
                seen[name, tool] = run_ours(name, opts, own) if tool == OURS else run_peer(PEERS[tool], name, opts, own)
            except (score.Missing, score.Trouble, OSError) as trouble:
                seen[name, tool] = str(trouble)
            print(f"{name}, {tool}: {seen[name, tool]}", flush=True)
    return seen


# Printing

def cell(seen):
    if seen is None:
        return ""
    if isinstance(seen, str):
        return "did not run"
    if seen.top and not seen.planned:
        return "n/a"
    if seen.top:
        return f"{'yes' if seen.right else '**no**'}: {seen.top[1]} {seen.top[0] * 100:.0f} %"
    if not seen.planned:
        return f"{seen.more} invented"
    text = " · ".join(f"**{n}**" if bad else str(n) for n, bad in (
        (seen.found, seen.found < seen.planned), (seen.right, seen.right < seen.found), (seen.wrong, seen.wrong)))
    return text + (f" ({seen.both} with others)" if seen.both else "") + (f" (+{seen.more})" if seen.more else "")


def table(rows):
    head, *rest = rows
    lines = [head, ["---"] * len(head), *rest]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def columns(opts):
    """The peers that live in the program share a column: none has rows in the other's."""
    inside = tuple(t for t in opts.tools if t != OURS and not PEERS[t].argv)
    shared = [("the loop's own: monitor thread, debug mode", inside)] if inside else []
    ours = [(OURS, (OURS,))] if OURS in opts.tools else []
    return ours + shared + [(PEERS[t].title, (t,)) for t in opts.tools if t != OURS and PEERS[t].argv]


def seen_table(seen, opts):
    rows = [["workload", "stalls", *(title for title, _ in columns(opts))]]
    for name in opts.workloads:
        of_name = [s for (n, _), s in seen.items() if n == name and not isinstance(s, str)]
        planned = of_name[0].planned if of_name else "?"
        rows.append([name, planned, *(cell(next((seen[name, t] for t in tools if (name, t) in seen), None))
                                      for _, tools in columns(opts))])
    return table(rows)


def guilty_cell(tool, seen):
    if seen is None or isinstance(seen, str):
        return ""
    if seen.top:
        return "shown among all threads" if seen.guilty else "no"
    count = "{} of {}".format(*seen.guilty)
    if tool == OURS:
        return "blamed, " + count
    return "shown among all threads, " + count if seen.guilty[0] else count


def guilty_table(seen, opts):
    rows = [["the guilty one is", *(title for title, _ in columns(opts))]]
    for name in (n for n in opts.workloads if n in GUILTY):
        cells = [guilty_cell(*next(((t, seen[name, t]) for t in tools if (name, t) in seen), (None, None)))
                 for _, tools in columns(opts)]
        rows.append([f"{name}: {' or '.join(sorted(GUILTY[name]))}", *cells])
    return table(rows) if len(rows) > 1 else ""


def total_rows(seen, opts):
    """What each tool comes to over all workloads it ran on."""
    rows = [["tool", "stalls", "found", "right function", "wrong blame", "the right and other code", "more reports"]]
    for tool in opts.tools:
        ran = [s for (_, t), s in seen.items() if t == tool and not isinstance(s, str)]
        title = OURS if tool == OURS else PEERS[tool].title
        if ran and ran[0].top:
            with_stalls = [s for s in ran if s.planned]
            rows.append([title, f"{len(with_stalls)} profiles", "n/a", sum(s.right for s in with_stalls),
                         sum(s.wrong for s in with_stalls), "n/a", "n/a"])
        elif ran:
            sums = [sum(getattr(s, key) or 0 for s in ran) for key in ("planned", "found", "right", "wrong", "both", "more")]
            rows.append([title, *sums])
    return table(rows)


LEGEND = """\
found · right · wrong: stalls reported, of these with the right function, of these with other code blamed instead; (n with
others): the right function and other code too; (+n): reports outside every stall. Neither right nor wrong is who names no code,
or the right task with another function: asyncio's debug mode names the task, and the line where it waits afterwards. In
`gevent_runqueue` other processes had the CPU, so any code of the program is the wrong one. py-spy is a sampling profiler and
knows no stalls: `yes` where the right function has the most samples of the loop's thread (the idle loop left out), with its
share. No peer tells a cause, so that is not compared."""


def versions(opts):
    def line(*argv):
        done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False)
        return (done.stdout or done.stderr).strip().replace("\n", " ")
    loops = line(opts.python, "-c", "import sys, gevent, greenlet; print('Python', sys.version.split()[0], '· gevent', "
                 "gevent.__version__, '· greenlet', greenlet.__version__)")
    named = [line(opts.greenwatch, "--version"), loops, *(p.replace("==", " ") for p in
             (peers.PYSPY, peers.BLOCKSNOOP, peers.AUSTIN)), "kernel " + platform.release().partition("-")[0]]
    return " · ".join(named)


def document(seen, cost, opts):
    parts = [versions(opts) + ".", seen_table(seen, opts), LEGEND, guilty_table(seen, opts), total_rows(seen, opts)]
    parts += [compare_cost.tables(cost, table)] if cost else []
    troubles = collections.defaultdict(list)
    for (name, tool), reason in seen.items():
        if isinstance(reason, str):
            troubles[tool, reason].append(name)
    notes = [f"- {text}" for text in opts.notes]
    notes += [f"- {tool} did not run: {reason} ({', '.join(names)})" for (tool, reason), names in troubles.items()]
    parts.append("\n".join(notes))
    return "\n\n".join(part for part in parts if part) + "\n"


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", default=[*GEVENT, *ASYNCIO, *HEALTHY])
    parser.add_argument("--tools", type=lambda text: text.split(","), default=[OURS, *PEERS], metavar="NAME,...",
                        help=",".join([OURS, *PEERS]))
    parser.add_argument("--greenwatch", default=str(score.ROOT / "build" / "greenwatch"))
    parser.add_argument("--python", default="/usr/bin/python3", help="interpreter of the workloads")
    parser.add_argument("--peers-python", help="interpreter of the peers' virtual environment (a 3.12 or later)")
    parser.add_argument("--peers", default=str(score.ROOT / "build" / "peers"), metavar="DIR", help="where they are installed")
    parser.add_argument("--echo-load", default=str(score.ROOT / "build" / "bench"), metavar="DIR", help="where echo_load is")
    parser.add_argument("--rounds", type=int, default=5, help="of the cost; 0 for none (5)")
    parser.add_argument("--stalls", type=int, default=10, help="a workload (10)")
    parser.add_argument("--seed", type=int, default=1, help="of the lengths (1)")
    parser.add_argument("--table", metavar="FILE", help="write the tables here, too")
    parser.add_argument("--keep", metavar="DIR", help="keep what the tools wrote here")
    opts = parser.parse_args(argv)
    for tool in opts.tools:
        if tool != OURS and tool not in PEERS:
            parser.error(f"no such tool: {tool}")
    for name in ("greenwatch", "peers", "echo_load"):  # the tools run elsewhere
        setattr(opts, name, str(pathlib.Path(getattr(opts, name)).resolve()))
    opts.tool_args, opts.node = [], "node"
    return opts


def with_tracefs(argv):
    """Start over where tracefs is mounted, which blocksnoop wants: in a mount namespace of our own, nobody else's."""
    if os.path.isdir(TRACEFS) or os.environ.get("COMPARE_MOUNTED"):
        return
    mounts = ("mountpoint -q /sys/kernel/tracing || mount -t tracefs nodev /sys/kernel/tracing; "
              "mountpoint -q /sys/kernel/debug || mount -t debugfs nodev /sys/kernel/debug; exec \"$@\"")
    os.environ["COMPARE_MOUNTED"] = "1"
    os.execvp("unshare", ["unshare", "--mount", "sh", "-c", mounts, "sh", sys.executable, "-B", __file__, *argv])


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    opts = parse(argv)
    if os.getuid():
        sys.exit("compare: needs root, as most of the tools do")
    with_tracefs(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    opts.path, opts.lacking, opts.notes = peers.install(pathlib.Path(opts.peers), opts.peers_python or peers.newest_python())
    with tempfile.TemporaryDirectory(prefix="greenwatch-lab-") as temporary:
        place = pathlib.Path(opts.keep or temporary).resolve()
        place.mkdir(parents=True, exist_ok=True)
        seen = run_all(opts, place)
        cost = compare_cost.measure(opts, place) if opts.rounds else None
    text = document(seen, cost, opts)
    print("\n" + text)
    if opts.table:
        pathlib.Path(opts.table).write_text(text, encoding="utf-8")
    return 1 if any(isinstance(s, str) for s in seen.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
