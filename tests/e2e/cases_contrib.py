"""contrib/: the pytest plugin on real tests, the shell of the CI templates as the runner would run it, load generators."""

import json
import os
import pathlib
import re
import shutil
import signal
import tomllib
import urllib.request
import xml.etree.ElementTree

import yaml

from tool import Case, NOBODY, PYTHON, ROOT, SOON_S, Settings, expect_report, stop

PLUGIN = ROOT / "contrib" / "pytest-greenwatch"
LOCUST = pathlib.Path("/tmp/gw-programs/bin/locust")  # of tests/venvs.sh --programs
RUN = 'import asyncio, time, pytest\ndef blocks(): time.sleep(0.3)\n'
ASYNCIO = RUN + '''
async def late(): blocks()
async def well(): await asyncio.sleep(0.2)
def stall(): asyncio.run(late())
def healthy(): asyncio.run(well())
'''
GEVENT = RUN + '''
import gevent
def stall(): gevent.spawn(blocks).join()
def healthy(): gevent.sleep(0.2)
'''
TESTS = '''
@pytest.mark.no_stalls
def test_first(): stall()
@pytest.mark.no_stalls
def test_healthy(): healthy()
@pytest.mark.no_stalls(threshold="100ms", cause=["syscall"])
def test_late(): stall()
def test_unmarked(): stall()
@pytest.mark.no_stalls(cause=["cpu"])
def test_other_cause(): stall()
@pytest.mark.no_stalls(threshold="2s")
def test_below(): stall()
@pytest.mark.no_stalls
def test_healthy_after(): healthy()
def test_fixture(greenwatch):
    stall()
    assert [s["cause"] for s in greenwatch()] == ["syscall"]
'''
STALLER = '''import gevent, sys, time
def blocks(): time.sleep(float(sys.argv[1]))
for _ in range(5): gevent.sleep(0.02)
gevent.spawn(blocks).join()
gevent.sleep(0.02)
'''
SERVER = '''import gevent, time
from gevent.pywsgi import WSGIServer
def app(env, start):
    if env["PATH_INFO"] == "/slow":
        time.sleep(0.2)
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
server = WSGIServer(("127.0.0.1", 0), app, log=None)
server.start()
print("PORT", server.server_port, flush=True)
server.serve_forever()
'''
USER = '''from locust import HttpUser, task, constant
class User(HttpUser):
    wait_time = constant(0.1)
    @task
    def get(self): self.client.get("/slow")
'''


class Plugin(Case):
    def pytest(self, text, *args, before=(), greenwatch=None, seconds=60, plugin=PLUGIN):
        (self.place / "test_it.py").write_text(text)
        env = {"PYTHONPATH": str(plugin), "GREENWATCH": greenwatch or str(Settings.greenwatch)}
        return self.start(*before, PYTHON, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-p", "pytest_greenwatch",
                          "-v", "-rs", *args, env=env).finish(seconds)

    def outcomes(self, done):
        return dict(re.findall(r"^test_it\.py::test_(\w+) ([A-Z]+)", done.out, re.M))

    def judge(self, text):
        done = self.pytest(text)
        self.assertEqual(done.code, 1, done)
        self.assertEqual(self.outcomes(done), {
            "first": "FAILED", "healthy": "PASSED", "late": "FAILED", "unmarked": "PASSED", "other_cause": "PASSED",
            "below": "PASSED", "healthy_after": "PASSED", "fixture": "PASSED"}, done.out)
        listed = re.findall(r"^test_it\.py::test_(\w+): (\d+) ms, syscall: .*clock_nanosleep", done.out, re.M)
        self.assertEqual([name for name, _ in listed], ["first", "late", "unmarked", "other_cause", "below", "fixture"])
        self.assertTrue(all(250 <= int(ms) < 1000 for _, ms in listed), listed)
        self.assertRegex(done.out, r"test_late: .* in blocks \(test_it\.py\) at test_it\.py:2")

    def test_pytest_gives_stalls_of_gevent_to_the_test_that_had_them(self):
        self.judge(GEVENT + TESTS)

    def test_pytest_gives_stalls_of_asyncio_to_the_test_that_had_them(self):
        self.judge(ASYNCIO + TESTS)

    def test_pytest_counts_asyncio_only_while_it_runs(self):
        done = self.pytest(ASYNCIO + "@pytest.mark.no_stalls\ndef test_a(): healthy()\n"
                           "@pytest.mark.no_stalls\ndef test_b(): blocks(); healthy(); blocks()\n")
        self.assertEqual(done.code, 0, done)

    def test_pytest_without_privileges_skips_with_the_reason(self):
        done = self.pytest(GEVENT + TESTS, before=self.as_nobody(), greenwatch=str(self.place / "greenwatch"),
                           plugin=self.place)
        self.assertEqual(self.outcomes(done)["late"], "SKIPPED", done)
        self.assertEqual(self.outcomes(done)["fixture"], "SKIPPED")
        self.assertEqual(self.outcomes(done)["unmarked"], "PASSED")
        self.assertRegex(done.out, r"SKIPPED .*greenwatch: cannot load BPF programs: CAP_BPF.* missing")
        self.assertIn("nothing was watched: greenwatch: cannot load", done.out)

    def test_pytest_watches_through_sudo(self):
        before = self.as_nobody()
        sudoers = self.place / "sudoers"
        sudoers.write_text("ALL ALL=(ALL) NOPASSWD: ALL\n")
        sudoers.chmod(0o440)
        for_us_alone = ("unshare", "--mount", "sh", "-c", f'mount --bind {sudoers} /etc/sudoers && exec "$@"', "sh")
        done = self.pytest(GEVENT + TESTS, before=(*for_us_alone, *before), plugin=self.place,
                           greenwatch=f"sudo -n {self.place / 'greenwatch'}")
        self.assertEqual(done.code, 1, done)
        self.assertEqual([name for name, outcome in self.outcomes(done).items() if outcome != "PASSED"], ["first", "late"])
        self.assertNotIn("without a summary", done.out)

    def as_nobody(self):
        """The words before a command that nobody runs, who can reach the plugin and the program in this place."""
        for name in (Settings.greenwatch, PLUGIN / "pytest_greenwatch.py"):
            shutil.copy(name, self.place)
        return ("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups")

    def test_pytest_without_greenwatch_skips_with_the_reason(self):
        text = GEVENT + "@pytest.mark.no_stalls\ndef test_a(): healthy()\n"
        for program, gist in (("/no/such/greenwatch", "greenwatch cannot be started: .*No such file"),
                              ("echo", "what greenwatch wrote is no report"), ("'", "No closing quotation"),
                              ("true", "greenwatch does not watch")):
            with self.subTest(program=program):
                done = self.pytest(text, greenwatch=program)
                self.assertEqual(self.outcomes(done), {"a": "SKIPPED"}, done)
                self.assertRegex(done.out, f"SKIPPED .*{gist}")

    def test_pytest_fails_where_no_loop_was_seen(self):
        done = self.pytest("import pytest\n@pytest.mark.no_stalls\ndef test_a(): pass\n")
        self.assertEqual(done.code, 1, done)
        self.assertIn("no event loop was seen: nothing was judged", done.out)

    def test_pytest_fails_where_greenwatch_was_killed_on_the_way(self):
        done = self.pytest(GEVENT + '''
@pytest.mark.no_stalls
def test_a(request):
    healthy()
    request.config.pluginmanager.get_plugin("greenwatch-plugin").watch.process.kill()
''')
        self.assertEqual(done.code, 1, done)
        self.assertIn("greenwatch ended without a summary", done.out)

    def test_pytest_fails_the_run_where_a_stall_is_told_after_its_test(self):
        done = self.pytest(GEVENT + '''
import os, signal
def signalled(request, number):
    os.kill(request.config.pluginmanager.get_plugin("greenwatch-plugin").watch.process.pid, number)
@pytest.mark.no_stalls
def test_a(request):
    signalled(request, signal.SIGSTOP)
    stall()
def test_b(request): signalled(request, signal.SIGCONT)
''')
        self.assertEqual(self.outcomes(done), {"a": "PASSED", "b": "PASSED"}, done.out)
        self.assertEqual(done.code, 1, done)
        self.assertRegex(done.out, r"test_it\.py::test_a: failed after its report: [34][0-9]{2} ms, syscall")

    def test_pytest_names_what_is_wrong_with_a_marker(self):
        for marker, gist in (('threshold="soon"', "threshold is 'soon'; it must be a time such as 100ms"),
                             ('limit="1s"', "takes threshold= and cause=, not limit")):
            with self.subTest(marker=marker):
                done = self.pytest(f"import pytest\n@pytest.mark.no_stalls({marker})\ndef test_a(): pass\n")
                self.assertEqual(done.code, 4, done)
                self.assertRegex(done.out + done.err, f"ERROR: no_stalls.*{re.escape(gist)}")

    def test_pytest_lists_stalls_when_asked_and_watches_nothing_otherwise(self):
        text = GEVENT + "def test_a(): stall()\n"
        done = self.pytest(text, "--greenwatch")
        self.assertEqual(done.code, 0, done)
        self.assertRegex(done.out, "test_it.py::test_a: [0-9]+ ms, syscall")
        self.assertNotIn("= greenwatch =", self.pytest(text, greenwatch="/no/such/greenwatch").out)

    def test_pytest_finds_the_plugin_by_its_entry_point(self):
        project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())
        for module in project["project"]["entry-points"]["pytest11"].values():
            self.assertTrue((PLUGIN / f"{module}.py").is_file(), module)


class Pipelines(Case):
    def setUp(self):
        super().setUp()
        (self.place / "app.py").write_text(STALLER)
        (self.place / "bin").mkdir()
        (self.place / "bin" / "greenwatch").symlink_to(Settings.greenwatch)
        self.path = f"{self.place / 'bin'}:{os.environ['PATH']}"

    def shell(self, text, **env):
        return self.start("sh", "-e", "-c", text, env={"PATH": self.path, **env}).finish(60)

    def action(self, **inputs):
        """The steps of the action with these inputs, as the runner runs them; the result of the one that failed."""
        action = yaml.safe_load((ROOT / "contrib/github-action/action.yml").read_text())
        self.assertEqual(action["runs"]["using"], "composite")
        values = {name: given.get("default", "") for name, given in action["inputs"].items()}
        values.update(inputs)
        for step in action["runs"]["steps"]:
            if "run" not in step:
                continue
            self.assertNotIn("${{", step["run"], "an input is text of the shell")
            env = {k: re.sub(r"\$\{\{ inputs\.([a-z-]+) \}\}", lambda m: values[m[1]], v)
                   for k, v in step.get("env", {}).items()}
            (self.place / "summary.md").touch()  # as the runner does
            done = self.shell(step["run"], GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(self.place / "summary.md"),
                              GITHUB_ACTION_PATH=str(ROOT / "contrib/github-action"), **env)
            if done.code:
                break
        return done

    def job(self, **variables):
        job = yaml.safe_load((ROOT / "contrib/gitlab/greenwatch.gitlab-ci.yml").read_text())[".greenwatch"]
        return self.shell("\n".join(job["script"]), **{**job["variables"], **variables}), job

    def stalling(self, seconds):
        return f"{PYTHON} app.py {seconds}"

    def test_the_github_action_fails_with_an_annotation_a_summary_and_reports(self):
        done = self.action(command=self.stalling(0.3), options="--warmup 0")
        self.assertEqual(done.code, 3, done)
        self.assertIn("::error file=app.py,line=2", done.out + done.err)
        self.assertIn("1 of 2 budgets broken", (self.place / "summary.md").read_text())
        self.assertEqual(len(expect_report((self.place / "greenwatch-report.json").read_text())["stalls"]), 1)
        self.assertIn("<html", (self.place / "greenwatch-report.html").read_text())

    def test_the_github_action_passes_and_passes_on_the_status_of_the_command(self):
        self.assert_done(self.action(command=self.stalling(0), options="--warmup 0"))
        self.assertEqual(self.action(command="exit 7").code, 7)

    def test_the_github_action_takes_budgets_and_odd_text_as_data(self):
        (self.place / "own.budget").write_text("stalls <= 3\n")
        self.assert_done(self.action(**{"command": self.stalling(0.3) + "; echo \"$(echo '*' \\\" )\" '$(touch x)'",
                                        "options": "--warmup 0", "budget-file": "own.budget"}))
        self.assertFalse((self.place / "x").exists())

    def test_the_github_action_watches_a_server_that_runs_already(self):
        (self.place / "server.py").write_text(SERVER)
        server = self.start(PYTHON, "-B", "server.py")
        port = server.line("out", "^PORT ").text.split()[1]
        done = self.action(command=f"ab -q -n 6 http://127.0.0.1:{port}/slow", pid=str(server.pid), report="slow")
        self.assertEqual(done.code, 3, done)
        self.assertTrue(expect_report((self.place / "slow.json").read_text())["stalls"])

    def test_the_gitlab_job_fails_and_leaves_every_artifact_it_names(self):
        done, job = self.job(GW_COMMAND=self.stalling(0.3), GW_OPTIONS="--warmup 0")
        self.assertEqual(done.code, 3, done)
        artifacts = job["artifacts"]
        for name in (*artifacts["paths"], *artifacts["reports"].values()):
            self.assertTrue((self.place / name).stat().st_size, name)
        issue, = json.loads((self.place / artifacts["reports"]["codequality"]).read_text())
        self.assertEqual((issue["check_name"], issue["location"]["path"]), ("GW3001", "app.py"))
        suite = xml.etree.ElementTree.parse(self.place / artifacts["reports"]["junit"])
        self.assertTrue(suite.findall(".//failure"))

    def test_the_gitlab_job_passes_and_says_what_is_missing(self):
        self.assert_done(self.job(GW_COMMAND=self.stalling(0), GW_OPTIONS="--warmup 0")[0])
        self.assertEqual(self.job(GW_COMMAND="exit 7")[0].code, 7)
        done, _ = self.job()
        self.assertEqual((done.code, done.err), (2, "greenwatch: GW_COMMAND is empty: say what to run\n"))
        (self.place / "bin" / "greenwatch").unlink()
        if not shutil.which("greenwatch"):
            self.assertEqual(self.job(GW_COMMAND="true")[0].code, 127)


HANGING = '''import ctypes
def app(env, start):
    ctypes.CDLL(None).sleep(30 if env["PATH_INFO"] == "/hang" else 0)
    start("200 OK", [])
    return [b"ok"]
'''


class Recipes(Case):
    def test_the_stack_is_told_before_gunicorn_ends_the_worker(self):
        (self.place / "hanging.py").write_text(HANGING)
        master = self.start("gunicorn", "-k", "gevent", "-w", "1", "-t", "2", "-b", "127.0.0.1:0", "hanging:app")
        url = master.line("err", "Listening at: ").text.split()[-2]
        master.line("err", "Booting worker")
        watching = self.watch("-p", master.pid, "-T", "500ms")
        for _ in range(4):
            self.assertEqual(urllib.request.urlopen(url, timeout=SOON_S).read(), b"ok")
        self.start("curl", "-s", f"{url}/hang")
        told = watching.line("out", "blocked in clock_nanosleep.*still going on")
        self.assertLess(told.ns, master.line("err", "WORKER TIMEOUT").ns)
        self.assertIn("hanging.py:3", stop(watching).out)
        master.signal(signal.SIGTERM)
        master.wait()


class Loads(Case):
    def load(self, *command, code):
        (self.place / "server.py").write_text(SERVER)
        server = self.start(PYTHON, "-B", "server.py")
        url = "http://127.0.0.1:" + server.line("out", "^PORT ").text.split()[1]
        done = self.run_greenwatch("run", "-p", server.pid, "-o", "x.json", "--",
                                   *(word.replace("URL", url) for word in command), seconds=60)
        self.assertEqual(done.code, code, done)
        return expect_report((self.place / "x.json").read_text())

    def test_wrk_is_the_load_and_the_server_is_judged(self):
        self.load("wrk", "-t1", "-c4", "-d1", "URL/", code=0)

    def test_ab_is_the_load_and_the_server_is_judged(self):
        report = self.load("ab", "-q", "-n", "6", "-c", "1", "URL/slow", code=3)
        self.assertTrue(report["stalls"])

    def test_locust_is_the_load_and_the_server_is_judged(self):
        if not LOCUST.exists():
            self.skipTest("no locust: sh tests/venvs.sh --programs")
        (self.place / "locustfile.py").write_text(USER)
        report = self.load(str(LOCUST), "-f", "locustfile.py", "--headless", "-u", "2", "-r", "2", "-t", "3s", "-H", "URL",
                           "--only-summary", code=3)
        self.assertTrue(report["stalls"])
