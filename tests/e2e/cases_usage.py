"""The command line: what is refused, in which words, and what help says. And what the machine must allow."""

import json
import os
import re
import shutil
import unittest

import tool
from tool import Case, HERE, NOBODY, PYTHON, Settings

AS_NOBODY = ("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups")


class Refused(Case):
    """Exit status 2, nothing on stdout, one line on stderr that names option and value."""

    def refuse(self, *args, gist=(), code=2):
        with self.subTest(args=args):
            done = self.run_greenwatch(*args)
            self.assert_refused(done, code, *gist)
            return done

    def test_a_pid_that_is_none_is_refused(self):
        for pid in ("0", "-1", "-4242", "4194305", "4294967297", "18446744073709551617", "99999999999999999999",
                    "banana", "12x", "0x10", " 1", "1 2", "1.5", "+1", "12,x", "12,", ",12", ","):
            bad = next((word for word in pid.split(",") if not word.isdigit()), pid)
            self.refuse("-p", pid, gist=("-p", bad[:20], "not a process id"))
        self.refuse("--pid", "banana", gist=("--pid", "banana"))
        self.refuse("-p", "", gist=("-p",))

    def test_a_bare_word_that_is_no_pid_is_refused(self):
        self.refuse("banana", gist=("banana",))
        self.refuse("0", gist=("0", "not a process id"))
        self.refuse("12x", gist=("12x",))
        self.refuse("99999999999", gist=("99999999999",))
        self.refuse("--", "-1", gist=("-1",))

    def test_a_threshold_that_is_none_is_refused(self):
        for value in ("0", "0ms", "banana", "100", "-1", "-5ms", "", "ms", "1x", "100 ms", "1e3ms", "0x1ms", "1.ms",
                      ".5s", "1,5ms", "2h", "99999999999999999999s", "nan", "inf"):
            self.refuse("-p", "1", "-T", value, gist=("-T", value))
        self.refuse("-p", "1", "-T", "100", gist=("-T", "100", "unit", "100ms"))
        self.refuse("-p", "1", "--threshold=0", gist=("--threshold", "0", "more than 0"))

    def test_a_duration_that_is_none_is_refused(self):
        for value in ("-1", "0", "0s", "banana", "", "1d", "5 m", "1m30s", "9999h", "99999999999999999999"):
            self.refuse("-p", "1", "-d", value, gist=("-d", value))
        self.refuse("-p", "1", "-d", "-1", gist=("-d", "-1", "negative"))
        self.refuse("-p", "1", "--duration", "0", gist=("--duration", "0", "more than 0"))

    def test_other_values_that_are_none_are_refused(self):
        self.refuse("-p", "1", "--max-stalls", "0", gist=("--max-stalls", "0"))
        self.refuse("-p", "1", "--max-stalls", "-3", gist=("--max-stalls", "-3"))
        self.refuse("-p", "1", "--max-stalls", "many", gist=("--max-stalls", "many"))
        self.refuse("-p", "1", "--sample-period", "1us", gist=("--sample-period", "1us", "least"))
        self.refuse("-p", "1", "--sample-period", "10", gist=("--sample-period", "10", "unit"))
        self.refuse("-p", "1", "--color", "mauve", gist=("--color", "mauve", "never"))
        self.refuse("--version=xml", gist=("--version", "xml"))

    def test_an_unknown_option_is_named_with_its_value(self):
        self.refuse("-p", "1", "--frobnicate", gist=("--frobnicate",))
        self.refuse("-p", "1", "--frobnicate=7", gist=("--frobnicate", "7"))
        self.refuse("-p", "1", "-Z", gist=("-Z",))
        self.refuse("-qZ", "-p", "1", gist=("-Z",))
        self.refuse("watch", "-p", "1", "--Json", gist=("--Json",))

    def test_an_abbreviated_option_is_refused(self):
        for word in ("--pi=1", "--dur=1", "--duratio=1", "--thresh=1ms", "--out=x.json", "--no-fol", "--no-f", "--no-c",
                     "--js", "--qui", "--verb", "--sch", "--vers", "--hel", "--max=3"):
            self.refuse("-p", "1", word, gist=("unknown option", word.split("=")[0]))

    def test_an_abbreviated_command_is_refused(self):
        self.refuse("wat", "-p", "1", gist=("wat",))
        self.refuse("rep", "x.tape", gist=("rep",))

    def test_an_option_without_its_value_is_refused(self):
        for word in ("-p", "-d", "-T", "-o", "--pid", "--duration", "--threshold", "--output", "--max-stalls",
                     "--sample-period", "--color"):
            self.refuse(word, gist=(word, "value"))

    def test_a_value_for_an_option_without_one_is_refused(self):
        for word in ("--json", "--quiet", "--no-follow", "--schema", "--help"):
            self.refuse("-p", "1", word + "=1", gist=(word, "no value"))

    def test_an_unknown_rule_is_refused_and_the_nearest_are_named(self):
        self.refuse("explain", "GW1099", gist=("GW1099", "GW1014"))
        self.refuse("explain", "banana", gist=("banana", "greenwatch explain"))
        self.refuse("explain", "GW1001", "GW1002", gist=("GW1002", "one rule"))
        self.refuse("explain", "GW1001", "--json", gist=("json", "explain"))

    def test_no_target_is_refused(self):
        self.refuse(gist=("no process", "greenwatch -p"))
        self.refuse("watch", gist=("no process", "greenwatch -p"))
        self.refuse("-d", "1", gist=("no process",))

    def test_an_output_format_that_is_not_there_is_refused(self):
        self.refuse("-p", "1", "-o", "x.nonsense", gist=("x.nonsense", ".json"))
        self.refuse("-p", "1", "-f", "nonsense", gist=("nonsense", "markdown"))
        self.refuse("-p", "1", "--json", "-f", "csv", gist=("stdout",))
        self.refuse("-p", "1", "-o", "report", gist=("report", ".json"))
        self.refuse("-p", "1", "-o", "x.jsonn", gist=("x.jsonn", ".json"))
        self.refuse("-p", "1", "-o", "", gist=("-o",))
        self.assertEqual(list(self.place.iterdir()), [])

    def test_stdout_cannot_hold_two_documents(self):
        self.refuse("-p", "1", "--json", "--jsonl", gist=("stdout",))
        self.refuse("-p", "1", "--json", "-o", "-", gist=("stdout",))
        self.refuse("-p", "1", "-o", "-", "-o", "-", gist=("stdout",))

    def test_an_option_of_another_command_is_refused(self):
        self.refuse("replay", "x.tape", "-p", "1", gist=("pid", "replay"))
        self.refuse("replay", gist=("replay", "FILE"))
        self.refuse("replay", "a.tape", "b.tape", gist=("replay", "FILE"))

    def test_bad_words_reach_the_terminal_escaped(self):
        for args in (("--evil\x1b[31m",), ("-p", "\x1b[2J"), ("-p", "1", "-T", "\u202e1ms"), ("\x1b]0;x\x07",),
                     ("-p", "1", "-o", "\x1b[31m.nonsense"), ("-p", "1", "--color", "\x9b31m"), ("help", "\x1b[31m")):
            done = self.refuse(*args)
            self.assertNotRegex(done.err, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")


class NoSuchProcess(Case):
    def test_a_pid_nobody_has_is_named_in_one_line(self):
        pid = self.dead_pid()
        self.assert_refused(self.run_greenwatch("-p", pid), 1, "no process", str(pid))
        self.assert_refused(self.run_greenwatch("4194304", "--json"), 1, "no process", "4194304")

    def test_one_pid_of_several_that_nobody_has_is_named(self):
        pid = self.dead_pid()
        done = self.run_greenwatch("-p", f"{self.sleeper().pid},{pid}", "-o", "x.json")
        self.assert_refused(done, 1, "no process", str(pid))
        self.assertEqual(list(self.place.iterdir()), [])

    def test_a_kernel_thread_is_no_target(self):
        done = self.run_greenwatch("-p", "2", "-d", "0.5")
        self.assertEqual(done.code, 1, done)
        self.assertLess(done.seconds, 5)
        self.assert_one_line(done.err, "kernel thread")

    def test_the_id_of_a_thread_is_told_from_that_of_a_process(self):
        app = self.app()
        app.do("thread", "other")
        tid = app.line("out", "^THREAD other ").text.split()[2]
        self.assert_refused(self.run_greenwatch("-p", tid), 1, tid, f"greenwatch -p {app.pid}")


class Help(Case):
    def say(self, *args):
        done = self.run_greenwatch(*args)
        self.assert_done(done)
        self.assertEqual(done.err, "")
        self.assertLess(done.seconds, 5)
        return done.out

    def test_help_is_shown_wherever_it_is_asked_for_with_examples_first(self):
        for args in (("-h",), ("--help",), ("watch", "-h"), ("-h", "watch"), ("-p", "1", "-h"),
                     ("-p", "1", "-T", "1ms", "--help"), ("--frobnicate", "-h"), ("-h", "-T", "banana"),
                     ("-p", "-1", "-h"), ("help",), ("-vh",)):
            with self.subTest(args=args):
                text = self.say(*args)
                example, commands, options = (text.find(word) for word in ("  greenwatch -p ", "commands:", "options:"))
                self.assertTrue(0 < example < commands < options, text)
                for word in ("--threshold", "--output", "--json", "--no-follow", "CAP_BPF"):
                    self.assertIn(word, text)

    def test_help_hides_what_is_for_developers(self):
        self.assertNotRegex(self.say("-h"), "record|replay")

    def test_replay_has_a_help_of_its_own(self):
        for args in (("replay", "-h"), ("help", "replay")):
            with self.subTest(args=args):
                self.assertRegex(self.say(*args), r"\Ausage: greenwatch replay FILE")

    def test_help_fits_a_terminal(self):
        self.assertLessEqual(max(len(line) for line in self.say("-h").splitlines()), 100)

    def test_every_topic_of_the_help_has_a_page(self):
        text = self.say("help")
        topics = [line.split()[0] for line in text[text.index("topics"):].splitlines()[1:]]
        self.assertIn("thresholds", topics)
        for topic in topics:
            with self.subTest(topic=topic):
                self.assertGreater(len(self.say("help", topic)), 100)

    def test_a_rule_is_explained_by_any_spelling_of_its_id(self):
        text = self.say("explain", "GW1001")
        for word in ("psycogreen", "how it looks", "what to change", "  1. ", "thread pool", "source"):
            self.assertIn(word, text)
        self.assertEqual(text, self.say("explain", "gw1001"))
        self.assertEqual(text, self.say("explain", "1001"))

    def test_every_rule_is_listed_and_explained_within_the_terminal(self):
        rules = re.findall(r"^[ -] (GW\d{4})  \S", self.say("explain"), re.MULTILINE)
        self.assertEqual(rules, sorted(set(rules)))
        self.assertEqual(len(rules), 98)
        for rule in rules[::7]:
            with self.subTest(rule=rule):
                lines = self.say("explain", rule).splitlines()
                self.assertTrue(lines[0].startswith(f"{rule}  "), lines)
                self.assertLessEqual(max(map(len, lines)), 80)

    def test_no_help_on_an_unknown_topic(self):
        self.assert_refused(self.run_greenwatch("help", "banana"), 2, "banana", "help")


class Facts(Case):
    def test_the_schema_it_prints_is_the_one_in_docs_and_valid(self):
        import jsonschema

        done = self.run_greenwatch("--schema")
        self.assert_done(done)
        self.assertEqual(done.err, "")
        schema = json.loads(done.out)
        jsonschema.Draft202012Validator.check_schema(schema)
        self.assertEqual(schema, json.loads(tool.SCHEMA.read_text()))

    def test_the_version_is_one_line_or_json(self):
        for args in (("--version",), ("-V",)):
            done = self.run_greenwatch(*args)
            self.assert_done(done)
            self.assertRegex(done.out, r"\Agreenwatch \d+\.\d+\.\d+\n\Z")
            self.assertEqual(done.err, "")
        version = done.out.split()[1]
        done = self.run_greenwatch("--version=json")
        self.assert_done(done)
        self.assertEqual(json.loads(done.out), {"name": "greenwatch", "version": version, "report": "1.0"})

    def test_a_stdout_that_is_full_is_an_error(self):
        for args in (("--schema",), ("--version",), ("-h",)):
            with self.subTest(args=args), open("/dev/full", "wb") as full:
                done = self.greenwatch(*args, stdout=full).finish()
                self.assertEqual(done.code, 1)
                self.assert_one_line(done.err, "stdout", "No space left")


class Rights(Case):
    """What the machine must allow, and the words when it does not."""

    def copy(self):
        """A copy that nobody can reach."""
        copy = self.place / "greenwatch"
        shutil.copy(Settings.greenwatch, copy)
        copy.chmod(0o755)
        return copy

    def as_nobody(self, *args):
        return self.start(*AS_NOBODY, self.copy(), *args).finish()

    def sleeper_of_nobody(self):
        sleeper = self.start(*AS_NOBODY, "sleep", "60")
        self.eventually(lambda: os.stat(f"/proc/{sleeper.pid}").st_uid == NOBODY, 5, "the target runs as nobody")
        return sleeper

    def test_without_root_it_names_the_capabilities_and_the_ways_out(self):
        sleeper = self.sleeper_of_nobody()
        done = self.as_nobody("-p", sleeper.pid)
        self.assertEqual(done.code, 1, done)
        self.assertEqual(done.out, "")
        first, *rest = done.err.splitlines()
        self.assertRegex(first, r"^greenwatch: cannot load BPF programs: CAP_BPF.* CAP_PERFMON.* (is|are) missing$")
        self.assertIn(f"sudo greenwatch -p {sleeper.pid}", done.err)
        self.assertRegex(done.err, r"sudo setcap cap_bpf,cap_perfmon,cap_sys_ptrace\S*\+ep")
        self.assertIn("docker run --cap-add BPF --cap-add PERFMON", done.err)
        self.assertTrue(all(line.startswith("  ") for line in rest), done.err)
        self.assertLess(done.seconds, 5)

    def capable(self, *args):
        """greenwatch as nobody, with the capabilities that its own permission text asks for."""
        said = self.as_nobody("-p", self.sleeper_of_nobody().pid).err
        self.assertRegex(said, r"setcap \S+\+ep")
        words = re.search(r"setcap (\S+)\+ep", said).group(1)
        caps = ",".join("+" + word.removeprefix("cap_") for word in words.split(","))
        tool_ = self.start(*AS_NOBODY, "--inh-caps", caps, "--ambient-caps", caps, self.copy(), *args)
        tool_.line("err", "^watching 1 asyncio loop: ")
        return tool_

    def test_without_root_a_process_of_somebody_else_is_refused_with_the_way_out(self):
        sleeper = self.sleeper()
        done = self.as_nobody("-p", sleeper.pid)
        self.assertEqual((done.code, done.out), (1, ""), done)
        self.assertIn(str(sleeper.pid), done.err)
        self.assertRegex(done.err, "(?i)sudo|root")
        self.assertLess(done.seconds, 5)

    def test_without_root_a_pid_nobody_has_is_still_that(self):
        pid = self.dead_pid()
        self.assert_refused(self.as_nobody("-p", pid), 1, "no process", str(pid))

    def test_without_root_no_file_is_left(self):
        self.place.chmod(0o777)
        sleeper = self.sleeper_of_nobody()
        done = self.as_nobody("-p", sleeper.pid, "-o", self.place / "x.json")
        self.assertEqual(done.code, 1, done)
        self.assertEqual([p.name for p in self.place.iterdir()], ["greenwatch"])

    def app_of_nobody(self):
        shutil.copy(HERE / "app.py", self.place)
        app = tool.App(*AS_NOBODY, PYTHON, "-B", self.place / "app.py")
        self.addCleanup(app.kill)
        self.addCleanup(app.process.stdin.close)
        return app

    def watches_without_root(self, app):
        watching = self.capable("-p", app.pid, "--json")
        spans = app.stall()
        done = tool.stop(watching)
        self.assert_done(done)
        report = tool.expect_report(done.out)
        self.assert_reported(report, spans)

    def test_with_the_capabilities_it_names_it_watches_without_root(self):
        self.watches_without_root(self.app_of_nobody())

    def test_with_the_capabilities_it_names_it_watches_a_process_of_somebody_else(self):
        self.watches_without_root(self.app())

    def in_own_mounts(self, covered, *args):
        """greenwatch where these directories are empty."""
        mounts = " && ".join(f"mount -t tmpfs none {path}" for path in covered)
        return ("unshare", "-m", "sh", "-c", mounts + ' && exec "$0" "$@"', Settings.greenwatch, *args)

    def test_a_kernel_without_btf_is_refused_in_one_line(self):
        done = self.start(*self.in_own_mounts(["/sys/kernel/btf"], "-p", self.sleeper().pid)).finish()
        self.assert_refused(done, 1, "BTF", "/sys/kernel/btf/vmlinux")

    def test_it_also_watches_where_tracefs_is_not_mounted(self):
        covered = [path for path in ("/sys/kernel/tracing", "/sys/kernel/debug") if os.path.isdir(path)]
        app = self.app()
        watching = self.start(*self.in_own_mounts(covered, "-p", app.pid, "--json"))
        watching.line("err", "^watching ")
        spans = app.stall()
        done = tool.stop(watching)
        self.assert_done(done)
        self.assert_reported(tool.expect_report(done.out), spans)


if __name__ == "__main__":
    unittest.main()
