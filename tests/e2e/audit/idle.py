"""Not gevent's: idle.py asyncio | imported | plain. Prints READY PID."""
import os
import sys
import time

if sys.argv[1] == "imported":
    import gevent.monkey
if sys.argv[1] == "asyncio":
    import asyncio

    async def main():
        print("READY", os.getpid(), flush=True)
        await asyncio.sleep(1000)

    asyncio.run(main())
print("READY", os.getpid(), flush=True)
time.sleep(1000)
