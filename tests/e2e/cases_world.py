"""Names where the target does not live in greenwatch's own world: other namespaces and roots, files that were deleted or
replaced while they run, other users, unknown interpreters."""

import glob
import os
import pathlib
import re
import shutil
import struct
import subprocess

import tool
from tool import HERE, NOBODY, PYTHON, Case, covers, expect_report, interval, stop, told

DECOY = ("-DINNER=wrong_in", "-DOUTER=wrong_by_design")
NAMED = ["inner_nap", "made_on_the_fly", "nap_in_library", "nap_here"]  # innermost first
ALL_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--user", "--map-root-user", "--cgroup", "--uts", "--ipc",
                  "--net")


class World(Case):
    def library(self, name="libnap.so", *options):
        path = self.place / name
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", *options, "-o", path, HERE / "world.c"], check=True)
        return path

    def target(self, *argv):
        app = tool.App(*argv)
        self.addCleanup(app.kill)
        self.addCleanup(app.process.stdin.close)
        return app

    def program(self, library, python=PYTHON, before=()):
        return self.target(*before, python, "-B", HERE / "world.py", library)

    def scripted(self, before, script):
        """The target of a shell script that ends with exec, in the test's directory; before: words such as unshare."""
        shutil.copy(HERE / "world.py", self.place)
        return self.target(*before, "sh", "-ec", script, self.place)

    def innermost(self, pid):
        """As the host knows it, the process that the words before have started at last."""
        while children := pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            pid = int(children[0])
        return pid

    def watched(self, app, times=2):
        """Report and stalls of as many naps, in the order they came."""
        watching = self.watch("-p", self.innermost(app.pid), "-o", self.place / "x.json")
        for nth in range(1, times + 1):
            app.do("go")
            app.span("nap_here", nth)
        done = stop(watching)
        self.assert_done(done)
        return expect_report((self.place / "x.json").read_text())

    def stacks(self, app, report):
        """The stacks of the naps, as lists of frames; the first may be from before everything was known."""
        begin, end = app.begin_ns("nap_here"), app.span("nap_here", 2).end
        start = report["run"]["start_monotonic_ns"]
        found = [s for s in report["stalls"] if begin < start + s["at_ns"] + s["duration_ns"] and start + s["at_ns"] < end]
        self.assertEqual(len(found), 2, told(report))
        return found, [[report["frames"][i] for i in report["stacks"][s["stack"]]] for s in found]

    def assert_named(self, app, names=NAMED):
        report = self.watched(app)
        stalls, stacks = self.stacks(app, report)
        self.assertFalse([f["name"] for f in report["frames"] if "wrong" in f["name"]], told(report))
        for stall, stack in zip(stalls, stacks):
            wanted = [f["name"].rsplit(".", 1)[-1] for f in stack if f["name"].rsplit(".", 1)[-1] in names]
            self.assertEqual(wanted, names, [f["name"] for f in stack])
            frame = report["frames"][stall["frame"]]
            self.assertEqual((frame["name"], frame["kind"]), ("nap_here", "python"))
            self.assertEqual(os.path.basename(frame["file"]), "world.py")
            self.assertEqual([t["name"] for t in stall["tasks"]], ["napping-greenlet"])
        return report

    def test_a_target_in_its_own_pid_and_mount_namespace_has_all_its_names(self):
        self.assert_named(self.program(self.library(), before=("unshare", "-m", "-p", "-f", "--mount-proc")))

    def culprit_inside(self, kind, role, name):
        """The culprit of a stall of why.py in a pid namespace of its own, and its thread as the host knows it."""
        app = self.target("unshare", "-m", "-p", "-f", "--mount-proc", PYTHON, "-B", HERE / "why.py", kind)
        pid = self.innermost(app.pid)
        watching = self.watch("-p", pid, "-o", self.place / "x.json")
        app.do("go")
        inside = app.line("out", f"^THREAD {name} ").text.split()[2]
        statuses = {path.parent.name: path.read_text() for path in pathlib.Path(f"/proc/{pid}/task").glob("*/status")}
        (tid,) = (tid for tid, text in statuses.items() if re.search(rf"^NSpid:.*\t{inside}$", text, re.MULTILINE))
        app.span(kind)
        done = stop(watching)
        self.assert_done(done)
        report = expect_report((self.place / "x.json").read_text())
        culprits = [c for s in report["stalls"] for c in s["culprits"] if c["role"] == role]
        self.assertTrue(culprits, told(report))
        self.assertNotEqual(inside, tid)
        return [(c["pid"], c["tid"], c["comm"]) for c in culprits], (pid, int(tid), name)

    def test_the_owner_of_a_mutex_in_a_pid_namespace_is_told_by_its_number_here(self):
        found, thread = self.culprit_inside("mutex", "lock-owner", "keeper")
        self.assertEqual(found, [thread])

    def test_the_holder_of_the_gil_in_a_pid_namespace_is_told_by_its_number_here(self):
        found, thread = self.culprit_inside("gil", "gil-holder", "hog")
        self.assertEqual(set(found), {thread})

    def test_the_file_of_the_target_counts_and_not_the_one_at_that_path_here(self):
        shutil.copy(self.library("libnap.so"), self.place / "right.so")
        self.library("libnap.so", *DECOY)
        self.assert_named(self.scripted(("unshare", "-m"), 'cd "$0"; mount --bind right.so libnap.so; '
                                        f'exec {PYTHON} -B world.py "$0"/libnap.so'))

    def root_script(self):
        """Makes a root of the host's /usr and enters it: the paths in it are no paths here."""
        return ('cd "$0"; mkdir root root/usr root/proc root/tmp root/dev root/app; cp world.py libnap.so root/app; '
                'for dir in lib lib64 bin; do ln -s usr/$dir root/$dir; done; mount --bind /usr root/usr; '
                'mount -t tmpfs none root/tmp; mount -t proc none root/proc; '
                f'exec chroot root {PYTHON} -B /app/world.py /app/libnap.so')

    def test_a_target_in_a_root_of_its_own_has_all_its_names(self):
        self.library()
        report = self.assert_named(self.scripted(("unshare", "-m", "-p", "-f"), self.root_script()))
        self.assertIn("/app/world.py", [f.get("file") for f in report["frames"]])

    def test_a_target_in_every_namespace_there_is_has_all_its_names(self):
        self.library()
        self.assert_named(self.scripted(ALL_NAMESPACES, self.root_script()))

    def test_a_target_of_another_user_has_all_its_names(self):
        as_nobody = ("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups")
        self.assert_named(self.program(self.library(), before=as_nobody))

    def test_a_deleted_library_keeps_its_names(self):
        library = self.library()
        app = self.program(library)
        library.unlink()
        self.assert_named(app)

    def test_a_replaced_library_keeps_the_names_it_was_loaded_with(self):
        library = self.library()
        app = self.program(library)
        self.library("other.so", *DECOY).rename(library)
        self.assert_named(app)

    def own_python(self):
        """A copy of the interpreter that a package manager may do with as it likes."""
        shutil.copy(os.path.realpath(PYTHON), self.place / "python3")
        return self.program(self.library(), before=("env", "PYTHONHOME=/usr"), python=self.place / "python3")

    def test_a_deleted_interpreter_is_still_read(self):
        app = self.own_python()
        (self.place / "python3").unlink()
        self.assert_named(app)

    def test_an_interpreter_replaced_by_another_version_is_still_read(self):
        app = self.own_python()
        shutil.copy("/bin/sleep", self.place / "new")
        (self.place / "new").rename(self.place / "python3")
        self.assert_named(app)

    # Interpreters that cannot be read: what has no Python frames has everything else

    def assert_without_python(self, app, why):
        report = self.watched(app)
        stalls, stacks = self.stacks(app, report)
        notes = [note["why"] for note in report["quality"]["degraded"] if note["what"].startswith("Python frames of")]
        self.assertEqual(notes, [why], report["quality"])
        self.assertFalse([f for f in report["frames"] if f["kind"] == "python"])
        for stall, stack in zip(stalls, stacks):
            wait = max(stall["waits"], key=lambda wait: wait["total_ns"])
            self.assertEqual((stall["cause"], wait["call"]), ("syscall", "clock_nanosleep"))
            found = [f["name"] for f in stack]
            self.assertEqual([name for name in found if name in NAMED], NAMED[:-1], stack)

    def test_a_cpython_of_an_unknown_version_is_refused_and_the_rest_goes_on(self):
        data = bytearray(pathlib.Path(PYTHON).read_bytes())
        at = file_offset(data, dynamic_symbol(PYTHON, "Py_Version"))
        struct.pack_into("<I", data, at, struct.unpack_from("<I", data, at)[0] & 0xffff | 0x030F0000)
        copy = self.place / "python3"
        copy.touch(0o755)
        copy.write_bytes(data)
        app = self.program(self.library(), before=("env", "PYTHONHOME=/usr"), python=copy)
        self.assert_without_python(app, "CPython 3.15 is not known")

    def debug_words(self, change):
        """A CPython 3.13, whose first words tell its own layout, made to tell another one: change gets those words."""
        pythons = glob.glob("/tmp/gw-venvs/3.13*/bin/python")
        if not pythons:
            self.skipTest("no CPython 3.13 with gevent here; tests/venvs.sh makes one")
        script = "import sys, sysconfig as s; print(sys.base_prefix, s.get_path('platlib'), s.get_config_var('INSTSONAME'))"
        home, packages, name = subprocess.run([pythons[0], "-c", script], capture_output=True, text=True,
                                              check=True).stdout.split()
        holder = pathlib.Path(home) / "lib" / name
        if not holder.exists():
            holder = pathlib.Path(pythons[0]).resolve()
        data = bytearray(holder.read_bytes())
        words = re.search(rb"xdebugpy(..\r\x03\0{4}.{8})", data, re.DOTALL)
        data[words.start(1):words.end(1)] = struct.pack("<QQ", *change(*struct.unpack("<QQ", words[1])))
        python = self.place / "python3"
        shutil.copy(os.path.realpath(pythons[0]), python)
        (self.place / name if holder.name == name else python).write_bytes(data)
        before = ("env", f"PYTHONHOME={home}", f"PYTHONPATH={packages}", f"LD_LIBRARY_PATH={self.place}")
        return self.program(self.library(), before=before, python=python)

    def test_a_free_threaded_cpython_is_refused_and_the_rest_goes_on(self):
        app = self.debug_words(lambda version, _: (version, 1))
        self.assert_without_python(app, "free-threaded build is not supported")

    def test_a_newer_cpython_that_describes_itself_is_refused_all_the_same(self):
        app = self.debug_words(lambda _, free_threaded: (0x030F00F0, free_threaded))
        self.assert_without_python(app, "CPython 3.15 is not known")

    def test_one_that_it_tells_and_knows_is_not_refused(self):
        self.assert_named(self.debug_words(lambda *words: words))


def dynamic_symbol(file, name):
    """Address of a dynamic symbol in its file."""
    lines = subprocess.run(["readelf", "-W", "--dyn-syms", file], capture_output=True, text=True, check=True).stdout
    return next(int(line.split()[1], 16) for line in lines.splitlines() if line.split()[-1:] == [name])


def file_offset(elf, address):
    """Where in an ELF file the byte of that address lies."""
    first, size, n = struct.unpack_from("<Q", elf, 32)[0], *struct.unpack_from("<HH", elf, 54)
    for i in range(n):
        kind, _, offset, start, _, length = struct.unpack_from("<IIQQQQ", elf, first + i * size)
        if kind == 1 and start <= address < start + length:
            return address - start + offset
    raise AssertionError(f"{address:#x} is in no segment")
