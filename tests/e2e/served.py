"""A WSGI application for gevent in two branches: BRANCH=faulty blocks the loop now and then, BRANCH=fixed does not.

Both take 150 ms for one request in twenty: the faulty branch with the time.sleep that was there before the patching,
as a library imported too early has it, the fixed one with gevent's. Under gunicorn it is `served:app`; alone it is a server that says `PORT n` and
ends by SIGTERM.
"""

from gevent import monkey

monkey.patch_all()

import itertools  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402

import gevent  # noqa: E402

blocking_sleep = monkey.get_original("time", "sleep")   # gunicorn's worker has patched before this is imported

SLOW_S, EVERY = 0.15, 20
FAULTY = os.environ.get("BRANCH") == "faulty"
requests = itertools.count(1)


def fetch_report():
    if FAULTY:
        blocking_sleep(SLOW_S)
    else:
        gevent.sleep(SLOW_S)


def app(_environ, start_response):
    if next(requests) % EVERY == 0:
        fetch_report()
    else:
        gevent.sleep(0.002)
    body = json.dumps({"numbers": list(range(200))}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def main():
    from gevent.pywsgi import WSGIServer
    server = WSGIServer(("127.0.0.1", 0), app, log=None)
    gevent.signal_handler(signal.SIGTERM, server.stop)
    server.start()
    print("PORT", server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
