"""uvloop: time.sleep in a coroutine blocks the whole loop. The same function as in asyncio_sleep."""

import lab
import uvloop
from asyncio_sleep import one_stall

if __name__ == "__main__":
    uvloop.install()
    lab.run_asyncio(one_stall)
