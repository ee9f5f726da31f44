"""Healthy twin of gevent_system: patched subprocess.run. Plans no stall."""

from gevent import monkey

monkey.patch_all()

import subprocess  # noqa: E402

import lab  # noqa: E402

if __name__ == "__main__":
    lab.live_gevent(lambda: subprocess.run(["sleep", "0.15"], check=True))
