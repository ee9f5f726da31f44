#!/usr/bin/env python3
"""Saved reports through the real command: every format against its golden file and its consumer.

    reports.py [--greenwatch PATH] [--rewrite] [--tally FILE] [--cache DIR] [--all] [--slow] [CASE...]

example.json is a report by another writer, the tapes' goldens are our own. --rewrite makes the goldens anew: read the
diff before it is committed. Needs neither root nor a kernel of any kind. What a consumer is missing for is skipped,
with the reason, and counted: the schema of speedscope comes from its npm package, once, into DIR.
flamegraph.pl is used where it lies in DIR, go's pprof where it was built before or with --all.
"""

import argparse
import csv
import gzip
import io
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TAPES = ROOT / "tests" / "tapes"
EXAMPLE = HERE / "example.json"
CROWD = TAPES / "gevent-crowd.json"
GOLDENS = {"folded": ".folded", "speedscope": ".speedscope.json", "perfetto": ".trace.json", "markdown": ".md",
           "csv": ".csv", "text": ".txt"}
SOURCES = {"example": EXAMPLE, "crowd": CROWD}
HOSTILE = "</script><img src=x>|`@all`;=1+1\n\x1b[31m\u202e"


class Settings:
    greenwatch = ROOT / "build" / "greenwatch"
    cache = ROOT / "build" / "reports"
    all = False
    slow = False


def run(*args, stdin=None, limit=None):
    def bound():
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    return subprocess.run([str(Settings.greenwatch), *map(str, args)], capture_output=True, timeout=120, input=stdin,
                          preexec_fn=bound if limit else None, check=False, env={"PATH": "/usr/bin:/bin",
                                                                                "LC_ALL": "C.UTF-8"})


def show(format_, *files):
    done = run("report", *files, "-f", format_)
    if done.returncode or done.stderr:
        raise AssertionError(f"{format_} of {files}: exit {done.returncode}: {done.stderr.decode()}")
    return done.stdout


def hostile_report(place):
    """The example with names that mean something to every format."""
    doc = json.loads(EXAMPLE.read_text())
    for frame in doc["frames"]:
        frame["name"] = HOSTILE + frame["name"]
        if "file" in frame:
            frame["file"] = HOSTILE
    for site in doc["sites"]:
        site["title"] = HOSTILE
    for target in doc["targets"]:
        target["comm"] = HOSTILE
    doc["diagnosis"] = [HOSTILE]
    path = place / "hostile.json"
    path.write_text(json.dumps(doc))
    return path


class Case(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="gw-reports-"))
        self.addCleanup(shutil.rmtree, self.place)

    def refuse(self, *args, gist, stdin=None):
        done = run("report", *args, stdin=stdin)
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(done.stdout, b"")
        self.assertEqual(done.stderr.decode().count("\n"), 1, done.stderr)
        self.assertIn(gist, done.stderr.decode())


class Goldens(Case):
    def test_every_tape_comes_out_of_the_command_as_it_went_in(self):
        for golden in sorted(TAPES.glob("*.json")):
            with self.subTest(golden.stem):
                self.assertEqual(show("json", golden), golden.read_bytes())

    def test_every_format_is_as_expected(self):
        for name, source in SOURCES.items():
            for format_, extension in GOLDENS.items():
                with self.subTest(f"{name}{extension}"):
                    golden = HERE / "golden" / (name + extension)
                    self.assertMultiLineEqual(show(format_, source).decode(), golden.read_text())

    def test_text_of_a_file_is_that_of_its_tape(self):
        for tape in sorted(TAPES.glob("*.tape")):
            with self.subTest(tape.stem):
                live = run("replay", tape).stdout.decode().splitlines()
                saved = show("text", tape.with_suffix(".json")).decode().splitlines()
                self.assertEqual(saved[saved.index(""):], live[live.index(""):])
                self.assertEqual(saved[0], live[0].removesuffix(", still going on"))


class Consumers(Case):
    def test_folded_lines_are_frames_and_a_number(self):
        total = 0
        for line in show("folded", hostile_report(self.place)).decode().splitlines():
            stack, number = line.rsplit(" ", 1)
            total += int(number)
            self.assertNotIn("\x1b", stack)
            self.assertTrue(all(stack.split(";")))
        expected = sum(s["duration_ns"] for s in json.loads(EXAMPLE.read_text())["stalls"] if not s.get("warmup"))
        self.assertAlmostEqual(total, expected / 1000, delta=50)

    def test_flamegraph_reads_folded(self):
        tool = Settings.cache / "flamegraph.pl"
        if not tool.exists():
            self.skipTest("flamegraph.pl is not in the cache")
        done = subprocess.run(["perl", tool], input=show("folded", EXAMPLE), capture_output=True, check=True)
        self.assertIn(b"get_user (app/db.py)", done.stdout)

    def test_speedscope_agrees_with_its_schema(self):
        import jsonschema
        schema = self.speedscope_schema()
        for source in (EXAMPLE, CROWD, TAPES / "gevent-stopped.json", hostile_report(self.place)):
            doc = json.loads(show("speedscope", source))
            jsonschema.Draft7Validator(schema).validate(doc)

    def speedscope_schema(self):
        path = Settings.cache / "speedscope-schema.json"
        if path.exists():
            return json.loads(path.read_text())
        if not shutil.which("npm"):
            self.skipTest("npm is not installed: speedscope's schema cannot be had")
        done = subprocess.run(["npm", "pack", "--silent", "--fetch-retries=0", "--fetch-timeout=20000",
                               "speedscope@1.25.0"], cwd=self.place, capture_output=True,
                              text=True, timeout=120, check=False)
        if done.returncode:
            self.skipTest("no network: speedscope's schema cannot be had")
        subprocess.run(["tar", "xzf", done.stdout.strip().splitlines()[-1]], cwd=self.place, check=True)
        found = sorted(self.place.glob("package/dist/**/file-format-schema.json"))
        if not found:
            self.skipTest("the package of speedscope has no schema")
        Settings.cache.mkdir(parents=True, exist_ok=True)
        shutil.copy(found[0], path)
        return json.loads(path.read_text())

    def test_speedscope_events_nest_and_weights_add_up(self):
        doc = json.loads(show("speedscope", CROWD))
        frames = len(doc["shared"]["frames"])
        for profile in doc["profiles"]:
            if profile["type"] == "sampled":
                self.assertEqual(len(profile["samples"]), len(profile["weights"]))
                self.assertEqual(sum(profile["weights"]), profile["endValue"])
                self.assertTrue(all(0 <= i < frames for sample in profile["samples"] for i in sample))
                continue
            self.assert_nested(profile["events"])

    def assert_nested(self, events):
        stack, last = [], 0
        for event in events:
            self.assertGreaterEqual(event["at"], last)
            last = event["at"]
            if event["type"] == "O":
                stack.append(event["frame"])
            else:
                self.assertEqual(stack.pop(), event["frame"])
        self.assertEqual(stack, [])

    def test_trace_slices_nest_and_have_names(self):
        doc = json.loads(show("perfetto", EXAMPLE))
        open_ = {}
        for event in doc["traceEvents"]:
            self.assertIn(event["ph"], "XCM")
            self.assertTrue(event["name"])
            if event["ph"] != "X":
                continue
            begin, end = event["ts"], event["ts"] + event["dur"]
            stack = open_.setdefault(event["tid"], [])
            while stack and stack[-1] <= begin:
                stack.pop()
            self.assertTrue(not stack or end <= stack[-1] + 0.001, event)
            stack.append(end)
        stalls = [e for e in doc["traceEvents"] if e.get("cat") == "stall"]
        self.assertEqual(len(stalls), 9)

    def test_trace_processor_reads_the_trace(self):
        try:
            from perfetto.trace_processor import TraceProcessor
        except ImportError:
            self.skipTest("the Python package perfetto is not installed")
        path = self.place / "x.trace.json"
        path.write_bytes(show("perfetto", EXAMPLE))
        try:
            with TraceProcessor(trace=str(path)) as trace:
                rows = list(trace.query("select count(*) as n from slice where category = 'stall'"))
        except Exception as error:  # it fetches its program when it starts
            self.skipTest(f"trace_processor does not start: {type(error).__name__}")
        self.assertEqual(rows[0].n, 9)

    def pprof(self, source):
        path = self.place / "x.pb.gz"
        done = run("report", source, "-o", path)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
        return path

    def test_pprof_is_a_profile_by_its_description(self):
        if not shutil.which("protoc"):
            self.skipTest("protoc is not installed")
        data = gzip.decompress(self.pprof(EXAMPLE).read_bytes())
        done = subprocess.run(["protoc", f"--proto_path={ROOT}/lib/sink", "--decode=pprof.Profile", "profile.proto"],
                              input=data, capture_output=True, check=True)
        text = done.stdout.decode()
        self.assertEqual(done.stderr, b"")
        self.assertEqual(text.count("sample_type {"), 4)
        self.assertIn('string_table: ""', [line for line in text.splitlines() if line.startswith("string_table")][0])
        for word in ("stalls", "nanoseconds", "blocked", "oncpu", "pid", "cause", "syscall", "get_user"):
            self.assertIn(f'string_table: "{word}"', text)
        self.assertNotRegex(text, r"(?m)^\s*[0-9]+: ")  # a field that the description does not know

    def test_go_tool_pprof_shows_where_the_time_went(self):
        go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
        if not go:
            self.skipTest("go is not installed")
        home = Settings.cache / "go"  # go builds its tools once, below it
        if not home.exists() and not Settings.all:
            self.skipTest("go would build its pprof first, for minutes; --all lets it")
        path = self.pprof(EXAMPLE)
        home.mkdir(parents=True, exist_ok=True)
        env = {"PATH": f"{pathlib.Path(go).parent}:/usr/bin:/bin", "HOME": str(home), "GOFLAGS": "-mod=mod",
               "GOPROXY": "off", "GOTOOLCHAIN": "local"}
        done = subprocess.run([go, "tool", "pprof", "-top", "-cum", "-unit=ms", "-sample_index=stall", path],
                              capture_output=True, text=True, check=False, cwd=self.place, env=env)
        if "no such tool" in done.stderr:
            self.skipTest("this go has no pprof")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Type: stall", done.stdout)
        self.assertIn("get_user", done.stdout)
        tags = subprocess.run([go, "tool", "pprof", "-tags", "-sample_index=stalls", path], capture_output=True,
                              text=True, check=True, cwd=self.place, env=env)
        for label in ("cause:", "pid:", "tid:", "site:"):
            self.assertIn(label, tags.stdout)

    def test_csv_has_one_row_a_site_and_no_formula(self):
        rows = list(csv.DictReader(io.StringIO(show("csv", hostile_report(self.place)).decode())))
        doc = json.loads(EXAMPLE.read_text())
        self.assertEqual([row["fingerprint"] for row in rows], [s["fingerprint"] for s in doc["sites"] if s["count"]])
        self.assertEqual(int(rows[0]["total_ns"]), doc["sites"][0]["total_ns"])
        doc["sites"][0]["title"] = "=cmd|' /C calc'!A0"
        path = self.place / "formula.json"
        path.write_text(json.dumps(doc))
        rows = list(csv.DictReader(io.StringIO(show("csv", path).decode())))
        self.assertTrue(rows[0]["title"].startswith("'="))

    def test_markdown_lets_no_name_mean_anything(self):
        text = show("markdown", hostile_report(self.place)).decode()
        for bad in ("<script", "<img", "@all", "\x1b", "\u202e", "`"):
            self.assertNotIn(bad, text)
        widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
        self.assertLessEqual(len(widths), 2)

    def test_markdown_fits_into_a_step_summary(self):
        doc = json.loads(EXAMPLE.read_text())
        long = "|" * 250
        doc["frames"] = [dict(f, name=long, file=long) for f in doc["frames"]]
        site = doc["sites"][0]
        doc["sites"] = [dict(site, fingerprint=f"gw1-{i:016x}", title=long, suppressed_by=long, call=long,
                             advice=[dict(site["advice"][0], fix=long)]) for i in range(3000)]
        doc["stalls"] = []
        doc["quality"]["degraded"] = [{"what": long, "why": long + str(i), "fix": long} for i in range(1000)]
        doc["budgets"] = [dict(doc["budgets"][0], expr=long, worst=long) for _ in range(1000)]
        path = self.place / "many.json"
        path.write_text(json.dumps(doc))
        text = show("markdown", path)
        self.assertLess(len(text), 1 << 20)
        self.assertIn(b"more sites", text)


class Command(Case):
    def test_several_outputs_are_written_by_their_extensions(self):
        names = ["a.json", "a.folded", "a.speedscope.json", "a.trace.json", "a.md", "a.csv", "a.pb.gz", "a.txt"]
        args = [arg for name in names for arg in ("-o", self.place / name)]
        done = run("report", EXAMPLE, *args)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
        self.assertEqual(sorted(p.name for p in self.place.iterdir()), sorted(names))
        self.assertEqual((self.place / "a.folded").read_bytes(), show("folded", EXAMPLE))
        self.assertIn("profiles", json.loads((self.place / "a.speedscope.json").read_text()))

    def test_a_format_goes_before_the_extension(self):
        self.assertEqual(run("report", EXAMPLE, "-f", "folded", "-o", self.place / "x.txt").returncode, 0)
        self.assertEqual((self.place / "x.txt").read_bytes(), show("folded", EXAMPLE))

    def test_stdin_is_a_report_too(self):
        self.assertEqual(run("report", "-", "-f", "csv", stdin=EXAMPLE.read_bytes()).stdout, show("csv", EXAMPLE))

    def test_text_is_shown_where_nothing_else_is_asked_for(self):
        self.assertEqual(run("report", EXAMPLE).stdout, show("text", EXAMPLE))

    def test_an_existing_file_stays_with_no_clobber(self):
        path = self.place / "x.md"
        path.write_text("mine")
        done = run("report", EXAMPLE, "-o", path, "--no-clobber")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(path.read_text(), "mine")

    def test_wrong_calls_are_one_line_and_exit_2(self):
        self.refuse(gist="no report given")
        self.refuse(EXAMPLE, "-f", "nonsense", gist="must be one of text, json")
        self.refuse(EXAMPLE, "-o", self.place / "x.nonsense", gist="must end in one of")
        self.refuse(self.place / "none.json", gist="No such file")
        self.refuse(self.place, gist="cannot be read")
        self.refuse(EXAMPLE, EXAMPLE.with_name("reports.py"), gist="reports.py: line 1")
        self.refuse(TAPES / "gevent-cpu.tape", gist="gevent-cpu.tape")
        self.refuse("-", gist="stdin: line 1: the file ends", stdin=b"")
        self.assertEqual(list(self.place.iterdir()), [])

    def test_a_file_without_end_is_refused_in_bounded_memory(self):
        self.refuse("/dev/zero", gist="an object is missing")
        path = self.place / "spaces.json"
        with open(path, "wb") as file:
            file.truncate(0)
            for _ in range(300):
                file.write(b" " * (1 << 20))
        self.refuse(path, gist="larger than 256 MB")

    def test_a_disk_that_is_full_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([str(Settings.greenwatch), "report", str(EXAMPLE), "-f", "folded"], stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"stdout", done.stderr)


def big_report(stalls, shift=0):
    """A report as a busy run makes it: stalls with waits, samples and tasks, on many stacks."""
    doc = json.loads(EXAMPLE.read_text())
    frames = [{"kind": "python", "name": f"function_{i}", "file": f"app/module_{i % 40}.py", "line": i + 1,
               "app": i % 3 == 0} for i in range(2000)]
    stacks = [[(i * 7 + k * 13) % 2000 for k in range(20)] for i in range(1500)]
    sites = [{"fingerprint": f"gw1-{i:016x}", "cause": "syscall", "title": f"poll in function_{i}", "count":
              stalls // 100, "total_ns": 10 ** 9 - i, "max_ns": 10 ** 8, "p50_ns": 10 ** 7, "frame": i, "stack": i,
              "call": "poll"} for i in range(100)]
    doc.update(frames=frames, stacks=stacks, sites=sites, calls=[], tasks=[], patches=[], diagnosis=[])
    doc["stalls"] = [{
        "loop": "4242/4242", "at_ns": i * 10 ** 6 + shift, "duration_ns": 10 ** 8 + i * 37 % 10 ** 7,
        "cause": "syscall", "why": f"{i} of 100 ms in poll", "site": f"gw1-{i % 100:016x}", "frame": i % 2000,
        "stack": i % 1500, "ledger": {"oncpu_ns": 10 ** 6, "blocked_ns": 99 * 10 ** 6, "runqueue_ns": 0,
                                      "throttled_ns": 0, "stopped_ns": 0, "unaccounted_ns": 0},
        "waits": [{"call": "poll", "class": "network", "calls": 3, "total_ns": 9 * 10 ** 7, "max_ns": 5 * 10 ** 7,
                   "stack": i % 1500, "peer": {"fd": 7, "kind": "tcp", "remote": "10.0.0.5:5432"}}],
        "samples": [{"stack": (i + k) % 1500, "weight_ns": 10 ** 7, "state": "blocked", "task": "handle"}
                    for k in range(8)],
        "tasks": [{"name": "handle", "kind": "greenlet", "share_ns": 10 ** 8}]} for i in range(stalls)]
    return json.dumps(doc)


class Size(Case):
    """Bounds of docs/numbers.md: 2 s of CPU and 200 MB."""

    def setUp(self):
        super().setUp()
        if Settings.slow:
            self.skipTest("a build with sanitizers is not judged by its time and memory")

    def measure(self, *args):
        began = time.monotonic()
        with subprocess.Popen([str(Settings.greenwatch), "report", *map(str, args)], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE) as process:
            talk = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
        self.assertEqual((status, talk), (0, b""))
        # the kernel counts what the child had before exec, too: this program's own memory
        took, rss = time.monotonic() - began, usage.ru_maxrss / 1000
        print(f"reports: {self.id().split('.')[-1]}: {usage.ru_utime + usage.ru_stime:.2f} s of CPU, "
              f"{took:.2f} s, {rss:.0f} MB", flush=True)
        return usage.ru_utime + usage.ru_stime, rss

    def test_ten_thousand_stalls_are_shown_in_two_seconds(self):
        path = self.place / "big.json"
        path.write_text(big_report(10000))
        for format_ in ("json", "text", "folded", "speedscope", "perfetto", "markdown", "pprof"):
            with self.subTest(format_):
                seconds, rss = self.measure(path, "-f", format_)
                self.assertLess(seconds, 2)
                self.assertLess(rss, 200)

    def test_two_hundred_reports_of_a_thousand_stalls_are_merged_in_two_seconds(self):
        paths = []
        for i in range(200):
            paths.append(self.place / f"{i}.json")
            if i < 10:
                paths[i].write_text(big_report(1000, i))
            else:
                paths[i].symlink_to(paths[i % 10])
        seconds, rss = self.measure(*paths, "-f", "markdown")
        self.assertLess(seconds, 2)
        self.assertLess(rss, 200)


def rewrite():
    (HERE / "golden").mkdir(exist_ok=True)
    for name, source in SOURCES.items():
        for format_, extension in GOLDENS.items():
            (HERE / "golden" / (name + extension)).write_bytes(show(format_, source))
    print(f"reports: {len(SOURCES) * len(GOLDENS)} goldens written")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--greenwatch", default=Settings.greenwatch, type=pathlib.Path)
    parser.add_argument("--cache", default=Settings.cache, type=pathlib.Path)
    parser.add_argument("--rewrite", action="store_true")
    parser.add_argument("--tally")
    parser.add_argument("--slow", action="store_true", help="a build with sanitizers: no bounds of time and memory")
    parser.add_argument("--all", action="store_true", help="also what takes minutes the first time")
    parser.add_argument("cases", nargs="*", help="as unittest names them: Consumers.test_... (all)")
    args = parser.parse_args()
    Settings.greenwatch, Settings.cache = args.greenwatch.resolve(), args.cache.resolve()
    Settings.all, Settings.slow = args.all, args.slow
    if args.rewrite:
        rewrite()
        return
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(args.cases, sys.modules[__name__]) if args.cases else \
        loader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=0).run(suite)
    failed = len(result.failures) + len(result.errors)
    for test, why in result.skipped:
        print(f"reports: skipped {test.id().split('.')[-1]}: {why}")
    passed = result.testsRun - len(result.skipped) - len({str(t) for t, _ in result.failures + result.errors})
    print(f"reports: {passed} passed, {failed} failed, {len(result.skipped)} skipped")
    if args.tally:
        with open(args.tally, "a", encoding="ascii") as tally:
            tally.write(f"reports {passed} {failed} {len(result.skipped)}\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
