#!/usr/bin/python3
"""End-to-end tests: the real tool on real programs. Needs root.

    run.py [CASE...] [--greenwatch PATH] [--tally FILE] [--jobs N] [--list]

A CASE is the name of a test, with * and ? as in a shell, or of a subject (usage, life, output, ...). Nothing is skipped
in silence: without root or BPF all of it fails. Cases run side by side, except those that need the machine for
themselves.
"""

import argparse
import concurrent.futures
import fnmatch
import importlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import unittest

import tool

TOOLS = ("cc", "bpftool", "setpriv", "unshare", "mount")


class Result(unittest.TestResult):
    """Takes results from several threads and prints one line each."""

    def __init__(self, width):
        super().__init__()
        self.width = width
        self.lock = threading.RLock()
        self.begun = {}

    def startTest(self, test):
        with self.lock:
            self.testsRun += 1
            self.begun[test] = time.monotonic()

    def stopTest(self, test):
        pass

    def _tell(self, test, verdict):
        if tool.Living.over:
            return
        took = time.monotonic() - self.begun[test]
        print(f"{name_of(test):<{self.width}}  {took:5.1f} s  {verdict}", flush=True)

    def addSuccess(self, test):
        with self.lock:
            super().addSuccess(test)
            self._tell(test, "ok")

    def addFailure(self, test, err):
        with self.lock:
            super().addFailure(test, err)
            self._tell(test, "FAIL")

    def addError(self, test, err):
        with self.lock:
            super().addError(test, err)
            self._tell(test, "ERROR")

    def addSubTest(self, test, subtest, err):
        with self.lock:
            super().addSubTest(test, subtest, err)
            if err:
                self._tell(test, f"FAIL {subtest._subDescription()}")

    def addSkip(self, test, reason):
        with self.lock:
            super().addSkip(test, reason)
            self._tell(test, f"skipped: {reason}")

    def bad_tests(self):
        return {name_of(getattr(test, "test_case", test)) for test, _ in self.failures + self.errors}


def name_of(test):
    return test._testMethodName.removeprefix("test_")


def subject_of(test):
    return type(test).__module__.removeprefix("cases_")


def all_cases():
    for file in sorted(tool.HERE.glob("cases_*.py")):
        module = importlib.import_module(file.stem)
        for suite in unittest.defaultTestLoader.loadTestsFromModule(module):
            yield from suite


def choose(cases, words):
    if not words:
        return cases
    chosen = []
    for word in words:
        word = word.removeprefix("test_")
        found = [c for c in cases if subject_of(c) == word or fnmatch.fnmatchcase(name_of(c), word)]
        if not found:
            sys.exit(f"e2e: no case is called {word}; --list names them")
        chosen += [c for c in found if c not in chosen]
    return chosen


def is_alone(case):
    return getattr(getattr(case, case._testMethodName), "alone", False)


def run_all(cases, jobs, width):
    result = Result(width)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in [pool.submit(case, result) for case in cases if not is_alone(case)]:
            done.result()
    for case in cases:
        if is_alone(case):
            case(result)
    return result


def once_more(result, cases, jobs, width):
    """Runs what failed a second time, one by one; says so, and the second verdict counts."""
    bad = result.bad_tests()
    for test, trace in result.failures + result.errors:
        print(f"again: {name_of(getattr(test, 'test_case', test))}, after:\n{trace.rstrip()}", flush=True)
    second = run_all([type(c)(c._testMethodName) for c in cases if name_of(c) in bad], 1, width)
    second.testsRun = result.testsRun
    second.skipped = result.skipped + second.skipped
    return second


# What must be there

def what_is_missing():
    """Why nothing can be tested, in words, or None."""
    binary = tool.Settings.greenwatch
    if os.geteuid() != 0:
        return "must be run as root: greenwatch needs BPF, and the cases change users and mount namespaces"
    if not os.access(binary, os.X_OK):
        return f"{binary} is not there or not executable; run make all, or give --greenwatch"
    for name in TOOLS:
        if not any(os.access(os.path.join(d, name), os.X_OK) for d in [*os.environ["PATH"].split(":"), "/usr/sbin"]):
            return f"{name} is not installed; make deps installs it"
    try:
        import jsonschema
    except ImportError:
        return "python3-jsonschema is not installed; make deps installs it"
    tool.Settings.validator = jsonschema.Draft202012Validator(json.loads(tool.SCHEMA.read_text()))
    return why_no_bpf(binary)


def why_no_bpf(binary):
    tried = subprocess.run([binary, "-p", str(os.getpid()), "-d", "0.1", "-q"], capture_output=True, text=True,
                           timeout=tool.SOON_S, stdin=subprocess.DEVNULL, check=False)
    if "watching " in tried.stderr:
        return None
    return "greenwatch cannot watch here: " + tried.stderr.strip()


def sum_up(result, seconds):
    for kind, entries in (("ERROR", result.errors), ("FAIL", result.failures)):
        for test, trace in entries:
            print("=" * 70, f"{kind}: {test}", "-" * 70, trace, sep="\n")
    print("-" * 70)
    print(f"Ran {result.testsRun} test{'s' * (result.testsRun != 1)} in {seconds:.3f}s\n")
    counts = [f"{name}={len(list_)}" for name, list_ in (("failures", result.failures), ("errors", result.errors),
                                                       ("skipped", result.skipped)) if list_]
    verdict = "OK" if result.wasSuccessful() else "FAILED"
    print(verdict + (f" ({', '.join(counts)})" if counts else ""))


def write_tally(path, passed, failed, skipped):
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"e2e {passed} {failed} {skipped}\n")


def leave_now(number, _frame):
    print(f"e2e: ended by {signal.Signals(number).name}", file=sys.stderr, flush=True)
    tool.Living.kill_all()
    os._exit(128 + number)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help="names of tests or subjects (all)")
    parser.add_argument("--greenwatch", default=tool.Settings.greenwatch, help="the binary (build/greenwatch)")
    parser.add_argument("--tally", metavar="FILE", help="append a line: e2e PASSED FAILED SKIPPED")
    parser.add_argument("--jobs", type=int, default=4, help="cases side by side (4)")
    parser.add_argument("--again", action="store_true",
                        help="what fails is run once more, alone, and judged by that: for machines that others use too")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    opts = parser.parse_args()
    tool.Settings.greenwatch = pathlib.Path(opts.greenwatch).resolve()
    return opts


def main():
    opts = parse()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave_now)
    cases = choose(list(all_cases()), opts.cases)
    if opts.list:
        for case in cases:
            print(f"{subject_of(case)}: {name_of(case)}")
        return 0
    missing = what_is_missing()
    if missing:
        print(f"e2e: {missing}", file=sys.stderr)
        write_tally(opts.tally, 0, len(cases), 0)
        return 1
    began = time.monotonic()
    width = max(len(name_of(c)) for c in cases)
    try:
        result = run_all(cases, opts.jobs, width)
        if opts.again and not result.wasSuccessful():
            result = once_more(result, cases, opts.jobs, width)
    finally:
        tool.Living.kill_all()
    sum_up(result, time.monotonic() - began)
    bad, skipped = len(result.bad_tests()), len(result.skipped)
    write_tally(opts.tally, result.testsRun - bad - skipped, bad, skipped)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
