#!/usr/bin/python3
"""Does `greenwatch audit` agree with what the process itself knows?

    truth.py [--greenwatch PATH] [--wait SECONDS] [--name NAME] -- PROGRAM ARG...

Starts PROGRAM with a sitecustomize that tells on a signal, from inside: gevent.monkey's `saved`, and every module
attribute that is one of the originals in it. The audit from outside must have each entry of `saved`, must name no
attribute that is not an original, and each one that it leaves out must have a reason. One line for each process.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
TELL = signal.SIGRTMIN + 7

INSIDE = '''
import signal

def tell(_number, _frame):
    import json, os, sys
    monkey = sys.modules.get("gevent.monkey")
    saved = getattr(sys.modules.get("gevent.monkey._state"), "saved", None) or getattr(monkey, "saved", {})
    settings = "_gevent_saved_patch_all_module_settings"
    originals = {id(value): (module, name) for module, names in saved.items() if module != settings
                 for name, value in names.items() if callable(value)}
    first = {}
    for module, it in sys.modules.items():  # the same module may have other names
        first.setdefault(id(it), (module, it))
    held = [[module, name, *originals[id(value)]] for module, it in list(first.values())
            for name, value in list(getattr(it, "__dict__", {}).items())
            if getattr(type(it), "__name__", "") == "module" and id(value) in originals]
    doc = {"saved": {m: sorted(names) for m, names in saved.items() if m != settings}, "held": held,
           "order": list(sys.modules), "files": {m: getattr(it, "__file__", None) or "" for m, it in sys.modules.items()
                                                   if type(it).__name__ == "module"},
           "stdlib": os.path.dirname(os.__file__) + "/"}
    path = os.environ["AUDIT_TRUTH"] + "/" + str(os.getpid())
    with open(path + ".part", "w") as file:
        json.dump(doc, file)
    os.rename(path + ".part", path)

signal.signal(%d, tell)
'''


def descendants(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def runs_python(pid):
    try:
        return "python" in os.readlink(f"/proc/{pid}/exe")
    except FileNotFoundError:  # it has ended
        return False


def python_pids(pid):
    return [p for p in (pid, *descendants(pid)) if runs_python(p)]


def ask(pid, place):
    """What the process says of itself, or None."""
    os.kill(pid, TELL)
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if (place / str(pid)).exists():
            return json.loads((place / str(pid)).read_text())
        time.sleep(0.05)
    return None


def is_blocking(module, name):
    """The rows of lib/audit/harmless.c: what blocks when it is called."""
    rows = (ROOT / "lib" / "audit" / "harmless.c").read_text()
    return f'{{ "{module}", "{name}",' in rows


def excuse(truth, holder, name, module, attribute):
    """Why a held original is no fault, or None."""
    file = truth["files"].get(holder, "")
    if holder.split(".")[0] in ("gevent", "greenlet", "sitecustomize", "pkg_resources"):
        return "of the patcher"
    if holder != "__main__" and (not file or (file.startswith(truth["stdlib"]) and "-packages/" not in file)):
        return "standard library"
    if not is_blocking(module, attribute):
        return "does not block"
    order = truth["order"]
    last = max(order.index(m) for m in order if m in (
        "gevent.queue", "gevent.signal", "gevent.subprocess", "gevent.ssl", "gevent.selectors", "gevent.socket"))
    if order.index(holder) > last:
        return "imported after patching"
    return "on purpose" if holder == "__main__" and name != attribute else None


def compare(report, pid, truth):
    """The disagreements."""
    target = next(t for t in report["targets"] if t["pid"] == pid)
    bad = []
    shown = {m: sorted(names) for m, names in target["patching"].get("patched", {}).items()}
    if shown != truth["saved"]:
        differ = [m for m in {*shown, *truth["saved"]} if shown.get(m) != truth["saved"].get(m)]
        bad.append(f"saved differs in {differ}")
    named = {p["where"] for p in report["patches"] if p["pid"] == pid and p["kind"] == "captured-original"}
    held = {f"{holder}.{name}": excuse(truth, holder, name, module, attribute)
            for holder, name, module, attribute in truth["held"]}
    plain = {where for where in named if " (" not in where and where.rsplit(".", 1)[0] in truth["files"]}
    bad += [f"{where} is no original" for where in sorted(plain - set(held))]
    bad += [f"{where} is left out" for where, why in sorted(held.items()) if not why and where not in named]
    return bad, sum(map(len, truth["saved"].values())), len(plain)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--greenwatch", default=ROOT / "build" / "greenwatch")
    parser.add_argument("--wait", type=float, default=5, help="seconds until the program has started (5)")
    parser.add_argument("--name")
    parser.add_argument("program", nargs="+")
    opts = parser.parse_args()
    place = pathlib.Path(tempfile.mkdtemp(prefix="audit-truth-"))
    (place / "sitecustomize.py").write_text(INSIDE % TELL)
    env = dict(os.environ, PYTHONPATH=str(place), AUDIT_TRUTH=str(place), PYTHONDONTWRITEBYTECODE="1")
    program = subprocess.Popen(opts.program, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    failed = False
    try:
        time.sleep(opts.wait)
        pids = python_pids(program.pid)
        done = subprocess.run([opts.greenwatch, "audit", "--json", "-p", str(program.pid)], capture_output=True,
                              text=True, check=False)
        report = json.loads(done.stdout)
        for pid in pids:
            truth = ask(pid, place)
            target = next((t for t in report["targets"] if t["pid"] == pid), None)
            if not truth or not target:
                print(f"{opts.name or opts.program[0]} {pid}: no answer")
                failed = True
                continue
            bad, entries, named = compare(report, pid, truth)
            failed |= bool(bad)
            patching = target["patching"]
            print(f"{opts.name or os.path.basename(opts.program[0])} {pid} {patching['state']}: "
                  f"{entries} entries of saved, {named} attributes named, "
                  f"{patching['modules']} modules, {patching['took_ns'] / 1e6:.0f} ms, "
                  f"{report['quality']['overhead']['cpu_ns'] / 1e6:.0f} ms of CPU in all: "
                  f"{'; '.join(bad) or 'agrees'}")
    finally:
        for pid in [*descendants(program.pid), program.pid]:
            os.kill(pid, signal.SIGKILL)
        program.wait()
    return failed


if __name__ == "__main__":
    sys.exit(main())
