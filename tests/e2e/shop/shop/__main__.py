"""Serves the shop: python -m shop. Says READY PID PORT."""

# the faults of these: they come before patching
from . import geo, logs, metrics, receipts, retry, switches

from gevent import monkey

monkey.patch_all(subprocess=False)  # fault subprocess

import os

from gevent.pywsgi import WSGIServer

from . import views

server = WSGIServer(("127.0.0.1", 0), views.application, log=None)
server.start()
views.begin()
print("READY", os.getpid(), server.server_port, flush=True)
server.serve_forever()
