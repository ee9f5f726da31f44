#!/usr/bin/env python3
"""The HTML page without a browser: valid, allowed by its own policy, harmless, small, and true to the JSON report.

    check.py --pages PROGRAM --greenwatch PATH [--tally FILE]

PROGRAM writes pages out of reports made by hand (page.c); the tapes make real ones. Needs neither root nor network.
"""
import argparse
import base64
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

try:
    import html5lib
except ImportError:  # python3-html5lib
    html5lib = None

TAPES = pathlib.Path(__file__).resolve().parent.parent / "tapes"
KINDS = ("usual", "healthy", "lost", "many", "hostile", "empty")
NAMESPACE = "{http://www.w3.org/1999/xhtml}"
EVIL = "</script><img src=x onerror=alert(1)>\"'&\\x1b[31m\\u{202e}"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]")
ATTRIBUTES = {"class", "id", "lang", "charset", "content", "http-equiv", "name", "rel", "href", "type", "scope", "colspan",
              "role", "tabindex", "aria-label", "aria-hidden", "aria-labelledby", "viewBox", "preserveAspectRatio", "width",
              "height", "x", "d"}


class Options:
    pages = greenwatch = None


def made(kind, pages={}):  # one process for each kind is enough
    if kind not in pages:
        done = subprocess.run([Options.pages, kind], capture_output=True, timeout=60, check=True)
        pages[kind] = done.stdout.decode()
    return pages[kind]


def parse(page):
    return html5lib.HTMLParser(strict=True, tree=html5lib.getTreeBuilder("etree")).parse(page)


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1))


def local(node):
    return str(node.tag).rsplit("}", 1)[-1]


class Page(unittest.TestCase):
    def each(self, check):
        for kind in KINDS:
            with self.subTest(kind):
                check(made(kind))

    @unittest.skipUnless(html5lib, "python3-html5lib is not installed")
    def test_is_valid_html(self):
        def check(page):
            parse(page)
        self.each(check)

    @unittest.skipUnless(html5lib, "python3-html5lib is not installed")
    def test_has_no_element_or_attribute_that_is_not_ours(self):
        def check(page):
            for node in parse(page).iter():
                self.assertNotIn(local(node), ("img", "iframe", "object", "form", "base"))
                strange = {name for name in node.attrib if "}" not in str(name)} - ATTRIBUTES
                self.assertFalse(strange, local(node))
        self.each(check)

    @unittest.skipUnless(html5lib, "python3-html5lib is not installed")
    def test_has_each_id_once(self):
        def check(page):
            ids = [node.get("id") for node in parse(page).iter() if node.get("id")]
            self.assertEqual(len(ids), len(set(ids)))
        self.each(check)

    def test_its_policy_allows_its_own_style_and_script_and_nothing_else(self):
        def check(page):
            policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
            style = re.search(r"<style>(.*?)</style>", page, re.S).group(1)
            script = re.search(r"</script>\n<script>(.*?)</script>\n</body>", page, re.S).group(1)
            hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
            self.assertEqual(policy, f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
                                     "img-src data:; base-uri 'none'; form-action 'none'")
        self.each(check)

    def test_names_no_other_place(self):
        def check(page):
            self.assertEqual(set(re.findall(r"\w+://[^\s\"'<]*", page)), {"http://www.w3.org/2000/svg"})
            self.assertNotIn("url(", page)
            self.assertNotIn("@import", page)
        self.each(check)

    def test_holds_no_control_and_no_bidi_character(self):
        def check(page):
            self.assertIsNone(CONTROL.search(page.replace("\n", "").replace("\t", "")))
        self.each(check)

    def test_what_the_target_calls_itself_is_there_as_text(self):
        page = made("hostile")
        self.assertNotIn("<img", page)
        self.assertEqual(page.count("</script>"), 2)
        self.assertTrue(data_of(page)["frames"][0][1].startswith(EVIL))
        if html5lib:
            text = "".join(parse(page).find(f".//{NAMESPACE}main").itertext())
            self.assertIn(EVIL, text)

    def test_ten_thousand_stalls_stay_under_a_megabyte(self):
        self.assertEqual(len(data_of(made("many"))["stalls"]["at"]), 10000)
        self.assertLess(len(made("many").encode()), 1000000)

    def test_says_how_to_read_on_where_scripts_may_not_run(self):
        self.assertIn("<noscript>", made("usual"))
        for words in ("get_user", "psycogreen.gevent.patch_psycopg()", "PQgetResult", "Sites of stalls"):
            self.assertIn(words, re.sub(r"<script.*?</script>", "", made("usual"), flags=re.S))


class Data(unittest.TestCase):
    """What the script draws is what the JSON report of the same run says."""

    def both(self, tape):
        with tempfile.TemporaryDirectory() as place:
            files = [f"{place}/report.{end}" for end in ("html", "json")]
            subprocess.run([Options.greenwatch, "replay", tape, "-q", "-o", files[0], "-o", files[1]], check=True,
                           capture_output=True, timeout=60)
            again = f"{place}/again.html"
            subprocess.run([Options.greenwatch, "report", files[1], "-o", again], check=True, capture_output=True, timeout=60)
            self.assertEqual(pathlib.Path(again).read_text(), pathlib.Path(files[0]).read_text(), "saved and read again")
            return pathlib.Path(files[0]).read_text(), json.loads(pathlib.Path(files[1]).read_text())

    def test_stalls_and_stacks_of_every_tape(self):
        for tape in sorted(TAPES.glob("*.tape")):
            with self.subTest(tape.stem):
                page, report = self.both(tape)
                self.compare(data_of(page), report)
                if html5lib:
                    parse(page)

    def compare(self, data, report):
        stalls, at = data["stalls"], 0
        self.assertEqual(len(stalls["at"]), len(report["stalls"]))
        for i, stall in enumerate(report["stalls"]):
            at += stalls["at"][i]
            self.assertEqual(at, stall["at_ns"] // 1000)
            self.assertEqual(stalls["took"][i], stall["duration_ns"] // 1000)
            self.assertEqual(data["causes"][stalls["cause"][i]][0], stall["cause"])
            self.assertEqual(data["sites"][stalls["site"][i]][0], stall["site"])
            node = stalls["node"][i] if "node" in stalls else -1
            names = [report["frames"][f]["name"] for f in report["stacks"][stall["stack"]]] if "stack" in stall else []
            self.assertEqual(self.stack(data, node), names)
        weights = sum(sum(s["weight_ns"] for s in stall.get("samples", ())) or (stall["duration_ns"] if "stack" in stall else 0)
                      for stall in report["stalls"])
        self.assertAlmostEqual(sum(data["flame"][2::4]), weights / 1000, delta=len(data["flame"]) + 1)

    def stack(self, data, node):
        names = []
        while node > 0:
            names.append(data["frames"][data["nodes"][2 * node - 1]][1])
            node = data["nodes"][2 * node - 2]
        return names


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--pages", required=True)
    options.add_argument("--greenwatch", required=True)
    options.add_argument("--tally")
    options.parse_args(namespace=Options)
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=0).run(suite) if suite.countTestCases() else None
    bad = len({test.id() for test, _ in result.failures + result.errors})
    skipped = len(result.skipped)
    good = result.testsRun - bad - skipped
    print(f"html: {good} passed, {bad} failed" + (f", {skipped} skipped: {result.skipped[0][1]}" if skipped else ""))
    if Options.tally:
        with open(Options.tally, "a", encoding="ascii") as tally:
            tally.write(f"html {good} {bad} {skipped}\n")
    sys.exit(1 if bad or not good else 0)


main()
