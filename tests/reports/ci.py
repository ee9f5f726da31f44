#!/usr/bin/env python3
"""What CI systems are given, read by what they read it with.

    ci.py [--greenwatch PATH] [--cache DIR] [--tally FILE]

JUnit by Python's XML parser and junitparser, SARIF by its own schema, annotations by the rules of the runner, code quality by
what GitLab requires; of the example, of a tape's report, and of names that mean something to every format. The schema
of SARIF comes from an npm package, once, into DIR; without it that case is skipped, with the reason, and counted.
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

import jsonschema
import junitparser

import reports
from reports import CROWD, EXAMPLE, Settings, hostile_report, run

SUPPRESSION = "{\n  known: planned ]]> </script> %0A\n  cause: syscall:poll\n}\n"
SARIF_PACKAGE = "@microsoft/jest-sarif@1.0.0-beta.0"
ANNOTATIONS = 10    # of a kind and step: GitHub drops the rest
COMMAND = re.compile(r"^::(\w+) ?(.*?)::(.*)$")


def unescape(text, property_=False):
    """As the runner of GitHub does it."""
    if property_:
        text = text.replace("%3A", ":").replace("%2C", ",")
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


class Rendered(unittest.TestCase):
    """Each format of the example, of the crowd and of a hostile report, judged with a suppression and a baseline."""

    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="greenwatch-ci-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        (self.place / "x.supp").write_text(SUPPRESSION)

    def files(self):
        return {"example": EXAMPLE, "crowd": CROWD, "hostile": hostile_report(self.place)}

    def each(self, format_):
        for name, path in self.files().items():
            for more in ((), ("--suppress", self.place / "x.supp", "--baseline", CROWD)):
                with self.subTest(report=name, options=bool(more)):
                    done = run("check", path, "-f", format_, "-q", "-b", "stalls == 0", "-b", "new_sites == 0",
                               "-b", "cause throttled: sites == 0", *more)
                    self.assertIn(done.returncode, (0, 3, 4), done.stderr)
                    self.assertNotIn(b"\x1b", done.stdout)
                    yield name, done.stdout.decode()


class JUnit(Rendered):
    def test_every_parser_reads_it_and_the_counts_are_right(self):
        for _, text in self.each("junit"):
            root = xml.etree.ElementTree.fromstring(text)
            self.assertEqual(root.tag, "testsuites")
            suites = list(junitparser.JUnitXml.fromstring(text.encode()))
            cases = [case for suite in suites for case in suite]
            self.assertEqual([s.name for s in suites], ["greenwatch.budgets", "greenwatch.sites"])
            for suite in suites:
                mine = list(suite)
                self.assertEqual(suite.tests, len(mine))
                self.assertEqual(suite.failures, sum(isinstance(r, junitparser.Failure) for c in mine for r in c.result))
                self.assertEqual(suite.skipped, sum(isinstance(r, junitparser.Skipped) for c in mine for r in c.result))
            self.assertEqual(int(root.get("tests")), len(cases))
            self.assertGreater(len(cases), 3)

    def test_a_budget_without_a_verdict_is_skipped_with_its_reason(self):
        text = dict(self.each("junit"))["crowd"]
        case = next(c for s in junitparser.JUnitXml.fromstring(text.encode()) for c in s if c.name == "cause throttled: sites == 0")
        self.assertEqual([type(r) for r in case.result], [junitparser.Skipped])
        self.assertIn("no verdict: ", case.result[0].message)


class Sarif(Rendered):
    def schema(self):
        path = Settings.cache / "sarif-schema.json"
        if path.exists():
            return json.loads(path.read_text())
        if not shutil.which("npm"):
            self.skipTest("npm is not installed: the schema of SARIF cannot be had")
        done = subprocess.run(["npm", "pack", "--silent", SARIF_PACKAGE], cwd=self.place, capture_output=True, text=True,
                              timeout=120, check=False)
        if done.returncode:
            self.skipTest("no network: the schema of SARIF cannot be had")
        subprocess.run(["tar", "xzf", done.stdout.strip().splitlines()[-1]], cwd=self.place, check=True)
        found = sorted(self.place.glob("package/lib/schemas/sarif-2.1.0*.json"))
        if not found:
            self.skipTest("the package has no schema of SARIF")
        Settings.cache.mkdir(parents=True, exist_ok=True)
        shutil.copy(found[0], path)
        return json.loads(path.read_text())

    def test_its_own_schema_finds_it_valid(self):
        schema = self.schema()
        validator = jsonschema.validators.validator_for(schema)(schema)
        for _, text in self.each("sarif"):
            errors = [f"{list(e.absolute_path)}: {e.message[:200]}" for e in validator.iter_errors(json.loads(text))]
            self.assertEqual(errors[:3], [])

    def test_identity_suppressions_and_baseline_are_in_the_words_of_the_standard(self):
        for _, text in self.each("sarif"):
            results = json.loads(text)["runs"][0]["results"]
            self.assertTrue(results)
            for result in results:
                self.assertRegex(result["partialFingerprints"]["greenwatch/v1"], "^gw1-[0-9a-f]{16}$")
                self.assertNotIn("primaryLocationLineHash", result["partialFingerprints"])
            states = {"baselineState" in result for result in results}
            self.assertEqual(len(states), 1, "all results have a state, or none")

    def test_rules_are_there_once_and_each_result_has_one(self):
        for _, text in self.each("sarif"):
            one = json.loads(text)["runs"][0]
            rules = [rule["id"] for rule in one["tool"]["driver"]["rules"]]
            self.assertEqual(len(rules), len(set(rules)))
            self.assertLessEqual({result["ruleId"] for result in one["results"]}, set(rules))


class GitHub(Rendered):
    def test_each_line_is_one_command_that_the_runner_reads(self):
        for name, text in self.each("github"):
            kinds = []
            for line in text.splitlines():
                found = COMMAND.match(line)
                self.assertTrue(found, line)
                kind, properties, data = found.groups()
                kinds.append(kind)
                self.assertIn(kind, ("error", "warning"))
                for part in properties.split(","):
                    key, _, value = part.partition("=")
                    self.assertIn(key, ("file", "line", "title"), line)
                    unescape(value, True)
                self.assertTrue(unescape(data).strip())
            self.assertLessEqual(max(map(kinds.count, kinds), default=0), ANNOTATIONS, name)


class GitLab(Rendered):
    def test_an_issue_has_what_is_required_and_no_fingerprint_comes_twice(self):
        for _, text in self.each("gitlab"):
            issues = json.loads(text)
            self.assertIsInstance(issues, list)
            for issue in issues:
                self.assertEqual(sorted(issue), ["check_name", "description", "fingerprint", "location", "severity"])
                self.assertIn(issue["severity"], ("info", "minor", "major", "critical", "blocker"))
                self.assertTrue(issue["location"]["path"])
                self.assertGreaterEqual(issue["location"]["lines"]["begin"], 1)
            prints = [issue["fingerprint"] for issue in issues]
            self.assertEqual(len(prints), len(set(prints)))


class Kept(Rendered):
    def test_a_baseline_is_a_report_and_a_line_is_a_site(self):
        schema = json.loads((reports.ROOT / "docs" / "greenwatch-report-1.schema.json").read_text())
        for name, path in self.files().items():
            with self.subTest(report=name):
                text = run("report", path, "-f", "baseline").stdout.decode()
                document = json.loads(text)
                self.assertEqual(list(jsonschema.Draft202012Validator(schema).iter_errors(document)), [])
                prints = [site["fingerprint"] for site in document["sites"]]
                self.assertEqual(prints, sorted(prints))
                self.assertEqual(sum("gw1-" in line for line in text.splitlines()), len(prints))
                (self.place / "base.json").write_text(text)
                done = run("diff", self.place / "base.json", path, "--fail-on", "new,regressed,improved,fixed")
                self.assertEqual(done.returncode, 0, done.stdout.decode())

    def test_generated_suppressions_cover_everything_that_is_charged(self):
        for name, path in self.files().items():
            with self.subTest(report=name):
                bare = self.place / "bare.json"
                bare.write_text(path.read_text().replace('"suppressed_by"', '"once_suppressed_by"'))
                (self.place / "all.supp").write_bytes(run("report", bare, "-f", "suppressions").stdout)
                done = run("check", bare, "--suppress", self.place / "all.supp")
                self.assertEqual(done.returncode, 0, done.stdout.decode() + done.stderr.decode())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--greenwatch", type=pathlib.Path, default=Settings.greenwatch)
    parser.add_argument("--cache", type=pathlib.Path, default=Settings.cache)
    parser.add_argument("--tally", metavar="FILE", help="append a line: ci PASSED FAILED SKIPPED")
    opts = parser.parse_args()
    Settings.greenwatch, Settings.cache = opts.greenwatch.resolve(), opts.cache.resolve()
    result = unittest.TextTestRunner(verbosity=1).run(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    bad, skipped = len(result.failures) + len(result.errors), len(result.skipped)
    for test, reason in result.skipped:
        print(f"skipped: {test}: {reason}")
    if opts.tally:
        with open(opts.tally, "a", encoding="utf-8") as file:
            file.write(f"ci {result.testsRun - bad - skipped} {bad} {skipped}\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
