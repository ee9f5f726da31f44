#!/usr/bin/python3
"""Are the faults planted in a real program named, all of them, and no decoy?

    faults.py [--greenwatch PATH] [--server pywsgi|gunicorn] [--postgres] [--markdown]

Runs the shop (shop/) with its customers, watches it, audits it, and prints one line for each fault and each decoy: what
the audit, the inventory and the stalls say of it. Exits with 1 where a fault is not named or a decoy is.
"""

import argparse
import collections
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import tool

SHOP = tool.HERE / "shop"
ROUNDS = 15  # of a customer through all pages, while it is watched
LONGEST_S = 60
CUSTOMERS = 2
NO_WAY = "child processes (subprocess)"

# kind of the audit, what, where; then system calls and rules of the inventory. Places are marked in the source.
Fault = collections.namedtuple("Fault", "audit calls rules cause", defaults=("syscall",))
FAULTS = {
    "captured-sleep": Fault(("captured-original", "time.sleep", "shop.retry.sleep"), {"clock_nanosleep"}, {"GW3001"}),
    "dns": Fault(("captured-original", "socket.getaddrinfo", "shop.geo.getaddrinfo"), {"poll"}, {"GW2011"}),
    "early-socket": Fault(("native-socket", "socket.socket", None), {"recvfrom"}, {"GW2001"}),
    "native-queue": Fault(("native-lock", "queue.SimpleQueue", "shop.receipts.done"), {"futex"}, {"GW3003"}),
    "log-lock": Fault(("native-lock", "threading.Lock", "instance of shop.logs.Batch.guard"), {"futex"}, {"GW3002"}),
    "psycopg2": Fault(("native-client", "psycopg2", None), {"poll"}, {"GW1001"}),
    "sqlite": Fault(("native-client", "sqlite3", None), {"fdatasync", "fsync"}, {"GW1009"}),
    "subprocess": Fault(("not-patched", NO_WAY, None), {"wait4"}, {"GW3007"}),
    "sync-log": Fault(None, {"fsync"}, {"GW4002"}),
    "flock": Fault(None, {"flock"}, {"GW3005"}),
    "cpu-hog": Fault(None, set(), {"GW5008"}, "cpu"),
}

Mark = collections.namedtuple("Mark", "file line function")


def marks(kind):
    """NAME: Mark of the lines with `# KIND NAME`."""
    found = {}
    for path in sorted((SHOP / "shop").glob("*.py")):
        function = "<module>"
        for number, line in enumerate(path.read_text().splitlines(), 1):
            defined = re.match(r"( *)def (\w+)", line)
            if defined:
                function = defined[2]
            elif line and not line.startswith((" ", "#")):
                function = "<module>"
            marked = re.search(rf"# {kind} (\S+)$", line)
            if marked and path.name != "__main__.py":
                found[marked[1]] = Mark(path.name, number, function)
    return found


def cannot(server):
    """Why the shop cannot run here, or None."""
    needed = "gevent, psycopg2" + (", gunicorn" if server == "gunicorn" else "")
    done = subprocess.run([tool.PYTHON, "-c", f"import {needed}"], capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else None


class Shop:
    """The shop and all around it, until stop(). start(argv, **more) starts a process."""

    def __init__(self, start, place, server="pywsgi", green=False, postgres=False):
        self.beside = start(tool.PYTHON, "-B", SHOP / "beside.py", place, *(["--postgres"] if postgres else []),
                            stdin=subprocess.PIPE)
        ready = self.beside.line("out", "^READY ", 60).text.split(" ", 1)[1]
        env = dict(pair.split("=", 1) for pair in ready.split("|"))
        self.switches = env["SHOP_SWITCHES"]
        env |= {"PYTHONPATH": str(SHOP), **({"SHOP_GREEN": "1"} if green else {})}
        run = {"pywsgi": f"{tool.PYTHON} -B -m shop",
               "gunicorn": f"{tool.PYTHON} -B -m gunicorn -c python:shop.gunicorn"}[server]
        self.shop = start("unshare", "-m", "sh", "-c",
                          f"mount --bind {place}/resolv.conf /etc/resolv.conf && exec {run}", env=env)
        ready = self.shop.line("out", "^READY ").text.split()
        self.pid, self.worker = self.shop.pid, int(ready[1])
        self.beside.process.stdin.write(ready[2].encode() + b"\n")
        self.beside.process.stdin.flush()

    def served(self):
        """What customers got: PATH: (how often, errors)."""
        self.beside.process.stdin.close()
        said = self.beside.finish(60).out
        return {path: (int(n), int(errors)) for path, n, errors in re.findall(r"SERVED (\S+) (\d+) (\d+)", said)}


def place_of(report, frame):
    it = report["frames"][frame]
    return Mark(pathlib.Path(it.get("file", "-")).name, it.get("line", 0), it["name"].rsplit(".", 1)[-1])


def lines_of(report):
    """All that the inventory and the stalls name: (Mark, call or cause, rule or None, ns, how often).

    Not what the machine did, nor waits for the GIL: their place is where the program happened to be.
    """
    for call in report["calls"]:
        if "frame" in call and call["class"] != "gil":
            for advice in call.get("advice", [{"rule": None}]):
                yield place_of(report, call["frame"]), call["call"], advice["rule"], call["total_ns"], call["calls"]
    for site in report["sites"]:
        if "frame" in site and site["cause"] not in ("runqueue", "throttled", "stopped", "gil"):
            for advice in site.get("advice", [{"rule": None}]):
                yield place_of(report, site["frame"]), site["cause"], advice["rule"], site["total_ns"], site["count"]


def audited(report, pid):
    return {(p["kind"], p["what"], p.get("where")): p for p in report["patches"] if p["pid"] == pid}


def inside(mark, place):
    return (mark.file, mark.function) == (place.file, place.function)


class Verdict:
    """What greenwatch said of each, compared with what is so: rows of a table, and in bad what is wrong."""

    def __init__(self, audit, report, shop, green=False):
        odd = {"psycopg2"} if green else {"psycopg2-with-a-callback"}
        self.report, self.bad, self.rows = report, [], []
        self.lines, self.patches = list(lines_of(report)), audited(audit, shop.worker)
        self.faults, self.decoys = ({name: mark for name, mark in marks(kind).items() if name not in odd}
                                    for kind in ("fault", "decoy"))
        planned = {FAULTS[name].audit for name in self.faults}
        self.others = {key: patch for key, patch in self.patches.items() if key not in planned}
        for name in FAULTS:
            if name in self.faults:
                self.judge_fault(name, FAULTS[name], self.faults[name])
        for name, mark in self.decoys.items():
            self.judge_decoy(name, mark)
        self.judge_rest(shop, audited(report, shop.worker))

    def judge_fault(self, name, fault, mark):
        told = []
        patch = self.patches.get(fault.audit)
        if patch:
            told.append(f"audit: {patch['kind']} {' in '.join(word for word in fault.audit[1:] if word)}"
                        f" {patch.get('rule', '')}")
        elif fault.audit:
            self.bad.append(f"{name}: the audit does not name {fault.audit}")
        found = [line for line in self.lines if line[2] in fault.rules and (
            line[0] == mark and line[1] in fault.calls or inside(mark, line[0]) and line[1] == fault.cause)]
        if found:
            place, call, rule, ns, times = max(found, key=lambda line: line[3])
            what = f"stalls, {call}" if call == fault.cause else f"× {call}()"
            told.append(f"{times} {what}, {ns / 1e6:.0f} ms: {place.function} {place.file}:{place.line} {rule}")
        else:
            self.bad.append(f"{name}: not at {mark}: {[line for line in self.lines if inside(mark, line[0])]}")
        self.rows.append((name, "fault", "; ".join(told) or "not named"))

    def judge_decoy(self, name, mark):
        named = [line for line in self.lines if inside(mark, line[0]) and line[2]]
        named += [key for key, patch in self.others.items() if pathlib.Path(patch.get("file", "")).name == mark.file]
        named += [text for text in self.report["diagnosis"] if f"{mark.function} (" in text]
        self.rows.append((name, "decoy", f"named: {named}" if named else "not named"))
        self.bad += [f"{name}: named: {what}" for what in named]

    def judge_rest(self, shop, beside):
        """What names neither a fault nor a decoy is wrong, too."""
        self.bad += [f"the audit names {found}" for found in self.others]
        self.bad += [f"only one of the two audits names {found}" for found in set(self.patches) ^ set(beside)]
        self.bad += [f"{place.function} ({place.file}:{place.line}) is named: {call}, {rule}"
                     for place, call, rule, *_ in self.lines
                     if rule and not any(inside(mark, place) for mark in self.faults.values())]
        socket = self.patches.get(FAULTS["early-socket"].audit)
        if socket and f"-> 127.0.0.1:{shop.switches}" not in socket["detail"]:
            self.bad.append(f"another socket is named: {socket['detail']}")

    def table(self, markdown):
        if markdown:
            yield "| planted | is | named |\n| --- | --- | --- |"
        width = max(len(row[0]) for row in self.rows)
        for row in self.rows:
            yield f"| {' | '.join(row)} |" if markdown else f"{row[0]:<{width}}  {row[1]}  {row[2]}"


def look(start, greenwatch, shop, place):
    """Watches for ROUNDS, audits. The audit's report and the watch's."""
    out = place / "report.json"
    watching = start(greenwatch, "-p", shop.pid, "-d", LONGEST_S, "-o", out)
    watching.line("err", "^watching ")
    rounds = len(shop.beside.out.lines)
    shop.beside.line("out", "^ROUND ", LONGEST_S, CUSTOMERS * ROUNDS + rounds)
    watching.signal(signal.SIGINT)
    done = [watching.finish(), start(greenwatch, "audit", "-p", shop.pid, "--json").finish()]
    for it in done:
        if it.code:
            raise AssertionError(it.err)
    return json.loads(done[1].out), json.loads(out.read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--greenwatch", default=tool.Settings.greenwatch)
    parser.add_argument("--server", default="pywsgi", choices=("pywsgi", "gunicorn"))
    parser.add_argument("--postgres", action="store_true", help="a private PostgreSQL instead of the stand-in")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--keep", help="copy the report of the watching there")
    opts = parser.parse_args()
    place = pathlib.Path(tempfile.mkdtemp(prefix="greenwatch-faults-"))
    place.chmod(0o755)

    def start(*argv, **more):
        return tool.Process(argv, cwd=place, **more)

    try:
        shop = Shop(start, place, opts.server, postgres=opts.postgres)
        audit, report = look(start, opts.greenwatch, shop, place)
        served = shop.served()
        if opts.keep:
            shutil.copy(place / "report.json", opts.keep)
    finally:
        tool.Living.kill_all()
        shutil.rmtree(place, ignore_errors=True)
    verdict = Verdict(audit, report, shop)
    print("\n".join(verdict.table(opts.markdown)))
    print(f"\n{sum(n for n, _ in served.values())} pages served, {sum(e for _, e in served.values())} errors; "
          f"{len(report['calls'])} lines of inventory, {len(report['stalls'])} stalls")
    print("\n".join(report["diagnosis"]))
    print("\n".join(verdict.bad))
    return bool(verdict.bad)


if __name__ == "__main__":
    sys.exit(main())
