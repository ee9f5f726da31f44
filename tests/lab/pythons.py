#!/usr/bin/env python3
"""The laboratory's Python workloads on every interpreter: CPython of pyenv, and Debian's own packages in chroots.

    pythons.py [NAME...] [--greenwatch PATH] [--table FILE] [--keep DIR]

Needs root, and the network the first time (pythons.sh). greenwatch runs on the host; what it watches in a chroot has a
mount namespace of its own, so the libraries are read through /proc/PID. Prints, and writes as Markdown, how well each
interpreter is seen, and everything that was not right or not run, with the reason. Exits 1 where a target is missed.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import score

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "greenwatch-lab"
VENVS = pathlib.Path("/tmp/gw-venvs")
ASK = "import sys, gevent, greenlet; print('%d.%d.%d' % sys.version_info[:3], gevent.__version__, greenlet.__version__)"

HEAD = ("interpreter", "gevent", "workloads", "planned", "found", "invented", *score.ATTRIBUTES, "advised")
TARGETS = {"cause": 0.99, "function": 0.98, "line": 0.95, "call": 1, "peer": 1, "task": 0.98, "culprit": 1, "rule": 1}

Interpreter = collections.namedtuple("Interpreter", "name python root missing")


# What there is

def interpreters():
    """Those of pyenv by version, then the chroots."""
    for place in sorted(VENVS.iterdir(), key=lambda p: [int(n) for n in re.findall(r"\d+", p.name)]):
        if re.fullmatch(r"3\.\d+\.\d+", place.name):
            yield Interpreter(place.name, str(place / "bin" / "python"), None, reasons(place / "missing"))
    for suite in ("bookworm", "trixie", "sid"):
        if (CACHE / suite / "complete").exists():
            yield Interpreter(suite, "/usr/bin/python3", str(CACHE / suite), {})


def reasons(file):
    """{module: why it cannot be had}, as venvs.sh wrote it."""
    lines = file.read_text().splitlines() if file.exists() else ()
    return dict(line.split(" ", 1) for line in lines)


def versions(one):
    """Of Python and gevent, in words."""
    argv = [one.python, "-c", ASK]
    if one.root:
        argv = ["sh", str(HERE / "enter.sh"), one.root, *argv]
    python, gevent, greenlet = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    return (f"{one.name}'s {python}" if one.root else f"CPython {python}"), f"{gevent}, greenlet {greenlet}"


# Running

def run(one, opts):
    """What score.py found out about one interpreter."""
    keep = pathlib.Path(opts.keep) / one.name
    keep.mkdir(parents=True, exist_ok=True)
    raw = keep / "score.json"
    raw.unlink(missing_ok=True)
    argv = [sys.executable, "-B", str(HERE / "score.py"), "--set", "python", "--python", one.python, "--greenwatch",
            opts.greenwatch, "--stalls", str(opts.stalls), "--jobs", str(opts.jobs), "--judge", "all", "--again",
            "--keep", str(keep), "--json", str(raw), *opts.workloads]
    with open(keep / "score.log", "w", encoding="utf-8") as log:
        subprocess.run(argv + (["--root", one.root] if one.root else []), stdout=log, stderr=log, check=False)
    if not raw.exists():
        raise score.Trouble(f"{one.name}: score.py failed: {(keep / 'score.log').read_text()[-500:]}")
    return json.loads(raw.read_text())


def shortfalls(total, advised):
    """The targets that are missed."""
    short = [f"{what} {100 * total[what]:.1f} %, wanted {100 * TARGETS[what]:.0f} %" for what in TARGETS
             if total[what] is not None and total[what] < TARGETS[what]]
    if total["missed"] or total["invented"]:
        short.append(f"{total['missed']} stalls missed, {total['invented']} invented")
    return short + (["rules for healthy programs"] if advised else [])


def what_is_wrong(raw, one):
    """Everything of one interpreter that was not right or not run, a line each."""
    for name, result in raw["results"].items():
        for text in score.complaints(result, score.ALWAYS):
            yield f"{name}: {text}"
        for attribute in score.ATTRIBUTES:
            text = score.wrong(result, attribute)
            if text:
                yield f"{name}: {attribute}: {text}"
    for name, text in raw["troubles"].items():
        yield f"{name}: {text}"
    for name, text in raw["missing"].items():
        why = one.missing.get(text.rpartition(" ")[2])
        yield f"{name}: {text}" + (f" ({why})" if why else "")


def row(name, gevent, raw):
    total = raw["total"]
    advised = sum(len(result["advised"]) for result in raw["results"].values())
    shares = ("·" if total[a] is None else f"{total[a] * 100:.1f}".replace("100.0", "100") for a in score.ATTRIBUTES)
    ran = len(raw["results"])
    everything = ran + len(raw["missing"]) + len(raw["troubles"])
    return (name, gevent, f"{ran} of {everything}", total["planned"], total["found"], total["invented"], *shares, advised)


def markdown(rows, wrong):
    table = [HEAD, ("---",) * len(HEAD), *rows]
    lines = ["| " + " | ".join(str(cell) for cell in r) + " |" for r in table]
    for name, faults in wrong.items():
        lines += ["", f"{name}:", ""] + [f"- {fault}" for fault in faults]
    return "\n".join(lines) + "\n"


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="3.7, 3.12.1, trixie, ...: which (all)")
    parser.add_argument("--greenwatch", default=str(score.ROOT / "build" / "greenwatch"), help="the binary")
    parser.add_argument("--workload", dest="workloads", action="append", default=[], help="only this one; repeatable")
    parser.add_argument("--stalls", type=int, default=5, help="a workload (5)")
    parser.add_argument("--jobs", type=int, default=3, help="workloads at a time (3)")
    parser.add_argument("--table", metavar="FILE", help="the table as Markdown")
    parser.add_argument("--keep", metavar="DIR", default=str(score.ROOT / "build" / "lab-pythons"), help="for reports")
    parser.add_argument("--no-prepare", action="store_true", help="take what is there")
    return parser.parse_args()


def main():
    opts = parse()
    if os.geteuid() != 0:
        sys.exit("pythons: must be run as root")
    if not opts.no_prepare:
        subprocess.run(["sh", str(HERE / "pythons.sh"), str(CACHE), str(VENVS)], check=True)
    chosen = [i for i in interpreters()
              if not opts.names or any(f"{i.name}.".startswith(f"{n}.") for n in opts.names)]
    if not chosen:
        sys.exit("pythons: no such interpreter")
    rows, wrong, short = [], {}, []
    for one in chosen:
        begin = time.monotonic()
        name, gevent = versions(one)
        raw = run(one, opts)
        rows.append(row(name, gevent, raw))
        wrong[name] = list(what_is_wrong(raw, one))
        missed = shortfalls(raw["total"], any(result["advised"] for result in raw["results"].values()))
        missed += [f"{workload} did not run: {why}" for workload, why in raw["troubles"].items()]
        short += [f"{name}: {text}" for text in missed]
        print(f"{name}: {raw['total']['found']} of {raw['total']['planned']} stalls found, "
              f"{'; '.join(missed) or 'all targets met'} ({time.monotonic() - begin:.0f} s)", flush=True)
    text = markdown(rows, {name: faults for name, faults in wrong.items() if faults})
    print("\n" + text)
    if opts.table:
        pathlib.Path(opts.table).write_text(text, encoding="utf-8")
    print(f"lab-pythons: {len(rows)} interpreters: {'FAILED' if short else 'passed'}")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
