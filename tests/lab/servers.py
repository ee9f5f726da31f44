"""Servers and scratch directories for the workloads of the stall laboratory.

They end when the workload does, however it ends; all listen on loopback or on a unix socket in a private directory.
"""

import ctypes
import functools
import glob
import http.server
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import lab

START_S = 15
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PR_SET_PDEATHSIG = 1
KEPT = []
RECORD, RECORDS = 4096, 24_000
MARIADB_USER = "lab"


def scratch(owner=None):
    """A private directory on a disk, gone when the workload is."""
    place = tempfile.mkdtemp(prefix="greenwatch-lab-")
    if owner:
        shutil.chown(place, owner)
    KEPT.append(lab.helper(_remove_at_end, place))
    return place


def _remove_at_end(sock, place):
    sock.recv(1)
    shutil.rmtree(place, ignore_errors=True)


def program(name):
    """Where a program lies; Debian keeps PostgreSQL's out of the PATH."""
    found = shutil.which(name, path=PATH) or next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))), None)
    return found or lab.cannot(f"no program {name}")


def run_server(argv, socket_path, user=None, end=signal.SIGINT, ready=None):
    """Run a server beside the workload and wait until its socket takes connections, and what else ready() says.

    end is the signal that ends it.
    """
    KEPT.append(lab.helper(_keep_running, argv, user, end))
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(socket_path)
            if not ready or ready():
                return
        except OSError:
            pass
        time.sleep(0.05)
    lab.cannot(f"{os.path.basename(argv[0])} did not start")


def _keep_running(sock, argv, user, end):
    libc = ctypes.CDLL(None)

    def end_with_me():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        libc.prctl(PR_SET_PDEATHSIG, end)

    server = subprocess.Popen(as_user(user, argv, end), cwd="/", stderr=subprocess.DEVNULL, preexec_fn=end_with_me)
    sock.recv(1)
    server.send_signal(end)
    try:
        server.wait(5)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def as_user(name, argv, end=None):
    """The command line as another user; a change of user forgets which signal the end of the parent is."""
    if not name:
        return argv
    at_end = [f"--pdeathsig={end.name}"] if end else []
    return [program("setpriv"), f"--reuid={name}", f"--regid={pwd.getpwnam(name).pw_gid}", "--clear-groups", *at_end,
            "--"] + argv


def redis():
    """A private redis-server; returns its socket."""
    server = program("redis-server")
    path = os.path.join(scratch(), "redis.sock")
    run_server([server, "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no"], path)
    return path


def postgres():
    """A private PostgreSQL with nothing in it; returns a connection string. It refuses to run as root."""
    user = "postgres" if os.getuid() == 0 else None
    place = scratch(user)
    data = os.path.join(place, "data")
    argv = [program("initdb"), "-D", data, "-U", "lab", "-A", "trust", "-N", "--no-instructions"]
    done = subprocess.run(as_user(user, argv), cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60,
                          check=False)
    if done.returncode:
        lab.cannot("initdb failed: " + done.stderr.decode(errors="replace").strip().rpartition("\n")[2])
    is_ready = [program("pg_isready"), "-q", "-h", place]
    run_server([program("postgres"), "-D", data, "-k", place, "-F", "-c", "listen_addresses="],
               os.path.join(place, ".s.PGSQL.5432"), user, ready=lambda: not subprocess.call(is_ready))
    return f"host={place} user=lab dbname=postgres"


def mariadb():
    """A private MariaDB with nothing in it, not even tables of its own; returns its socket. It refuses to run as root."""
    user = "nobody" if os.getuid() == 0 else None
    place = scratch(user)
    path = os.path.join(place, "mariadb.sock")
    run_server([program("mariadbd"), "--no-defaults", "--skip-grant-tables", "--skip-networking", "--datadir", place,
                "--socket", path, "--pid-file", os.path.join(place, "pid"), "--aria-log-dir-path", place,
                "--tmpdir", place, "--default-storage-engine=MyISAM", "--skip-innodb"], path, user, signal.SIGTERM)
    return path


class _Late(http.server.BaseHTTPRequestHandler):
    """Answers GET /SECONDS that much later."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        time.sleep(float(self.path[1:]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def _serve_http(sock):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Late) as server:
        server.daemon_threads = True
        sock.sendall(f"{server.server_port}\n".encode())
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sock.recv(1)


def late_http():
    """A local web server that answers /SECONDS late; returns the start of its URLs."""
    KEPT.append(lab.helper(_serve_http))
    return f"http://127.0.0.1:{int(KEPT[-1].recv(10))}/"


@functools.lru_cache(None)
def libc():
    return ctypes.CDLL(None, use_errno=True)


def check(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def cold_file():
    """A file of RECORDS records on the disk, none of it in memory; its descriptor, which reads nothing ahead."""
    file = os.open(os.path.join(scratch(), "archive"), os.O_RDWR | os.O_CREAT)
    for _ in range(RECORDS):
        os.write(file, os.urandom(16) * (RECORD // 16))
    os.fsync(file)
    forget(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)
    return file


MADV_RANDOM, MADV_DONTNEED = 1, 4


def advise(mapping, advice):
    """madvise of a whole writable mapping; mmap's own is there from Python 3.8 on."""
    start = ctypes.addressof(ctypes.c_char.from_buffer(mapping))
    check(libc().madvise(ctypes.c_void_p(start), ctypes.c_size_t(len(mapping)), advice))


def forget(file):
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
