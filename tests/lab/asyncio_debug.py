"""Run a program with every asyncio loop in debug mode, slow callbacks being those of 50 ms: asyncio_debug.py FILE ARGUMENT...

That is all; the program is run as it is.
"""

import asyncio
import runpy
import sys

SLOW_S = 0.05


class Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self):
        loop = super().new_event_loop()
        loop.set_debug(True)
        loop.slow_callback_duration = SLOW_S
        return loop


if __name__ == "__main__":
    asyncio.set_event_loop_policy(Policy())
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
