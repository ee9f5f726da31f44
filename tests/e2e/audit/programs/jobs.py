"""What a worker of celery does; the broker is its own memory."""

from time import sleep

from celery import Celery

app = Celery("jobs", broker="memory://", backend="cache+memory://")


@app.task
def nap():
    sleep(0.01)
