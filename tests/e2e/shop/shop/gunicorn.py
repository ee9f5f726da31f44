"""Settings of gunicorn: gunicorn -c python:shop.gunicorn. The master loads the shop, so before a worker patches."""

from . import geo, logs, metrics, receipts, retry, switches

bind = "127.0.0.1:0"
workers = 1
worker_class = "shop.worker.Worker"
wsgi_app = "shop.views:application"
loglevel = "error"
