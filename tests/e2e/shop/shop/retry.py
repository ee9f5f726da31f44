"""Tries again after a pause. Imported before patching."""

from time import sleep


def pause():
    sleep(0.01)  # fault captured-sleep


def again(call):
    for _ in range(3):
        if call():
            return True
        pause()
    return False
