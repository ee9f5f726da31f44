"""The image app.py executes: another program, with a stall of its own in a file of its own."""

import time

import app


def stall_in_second_image(seconds):
    time.sleep(seconds)


if __name__ == "__main__":
    app.main(stall_in_second_image)
