"""asyncio: a coroutine computes in pure Python and does not yield. The same function as in gevent_cpu."""

import lab
from gevent_cpu import one_stall

if __name__ == "__main__":
    lab.run_asyncio(one_stall)
