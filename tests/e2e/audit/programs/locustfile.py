"""What a user of locust does: nothing that leaves this machine."""

from time import sleep

from locust import User, constant, task


class Idler(User):
    wait_time = constant(0.2)

    @task
    def rest(self):
        sleep(0.01)
