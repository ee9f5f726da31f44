"""gunicorn's worker, which patches all but child processes."""

import os

from gevent import monkey, socket
from gunicorn.workers.ggevent import GeventWorker


class Worker(GeventWorker):

    def patch(self):
        """As gunicorn's own, with one argument more."""
        monkey.patch_all(subprocess=False)
        self.sockets = [socket.socket(it.FAMILY, socket.SOCK_STREAM, fileno=it.sock.fileno()) for it in self.sockets]

    def run(self):
        from . import views  # gunicorn has loaded it by now

        views.begin()
        print("READY", os.getpid(), self.sockets[0].getsockname()[1], flush=True)
        super().run()
