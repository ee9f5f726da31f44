"""A program that fills its thread pool again and again, then says in one line of JSON how long that was.

    pools.py gevent ROUNDS     ten slow jobs in gevent's pool of ten, and look-ups of a name behind them
    pools.py asyncio ROUNDS    twelve slow jobs in asyncio's own executor
    pools.py executor ROUNDS   nine slow jobs in a ThreadPoolExecutor of three, from asyncio
    pools.py healthy ROUNDS    asyncio's own executor with two jobs at a time
    pools.py green ROUNDS      gevent's pool with two jobs at a time
    pools.py none ROUNDS       asyncio, and a thread that is no pool's

It says `READY pid tid` and begins at the first line on stdin; last comes `TRUTH {...}`:

    waits      how long each job that did not start at once waited, in ns
    full_ns    time in which as many jobs ran as the pool has threads
    threads    that many
"""

import asyncio
import concurrent.futures
import json
import os
import sys
import threading
import time

SLOW_S = 0.4
PAUSE_S = 0.3
AT_ONCE_NS = 20_000_000
jobs = []  # (submitted, started, ended)


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def slow_job(submitted, seconds=SLOW_S):
    started = time.monotonic_ns()
    time.sleep(seconds)
    jobs.append((submitted, started, time.monotonic_ns()))


def full_ns(threads):
    """Sum of the times with that many jobs running."""
    edges = sorted([(began, 1) for _, began, _ in jobs] + [(ended, -1) for _, _, ended in jobs])
    running, total, since = 0, 0, 0
    for at, step in edges:
        if running == threads:
            total += at - since
        running, since = running + step, at
    return total


def tell(threads, waits):
    waits = [ns for ns in waits if ns > AT_ONCE_NS]
    say("TRUTH", json.dumps({"waits": waits, "full_ns": full_ns(threads), "threads": threads}))


def on_gevent(rounds, slow, lookups):
    import gevent
    from gevent import socket as green

    hub, waits = gevent.get_hub(), []
    hub.threadpool.apply(sys.stdin.readline)

    def look_up():
        began = time.monotonic_ns()
        green.getaddrinfo("localhost", 80)
        waits.append(time.monotonic_ns() - began)

    for _ in range(rounds):
        running = [hub.threadpool.spawn(slow_job, time.monotonic_ns()) for _ in range(slow)]
        gevent.sleep(0.05)
        looking = [gevent.spawn(look_up) for _ in range(lookups)]
        gevent.joinall(looking)
        for result in running:
            result.get()
        gevent.sleep(PAUSE_S)
    tell(hub.threadpool.maxsize, waits)
    hub.threadpool.apply(sys.stdin.readline)


async def line():
    """A line from stdin, without a thread."""
    loop, future = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
    loop.add_reader(0, lambda: future.done() or future.set_result(None))
    await future
    loop.remove_reader(0)
    os.read(0, 4096)


async def on_asyncio(rounds, count, executor, threads):
    loop = asyncio.get_running_loop()
    await line()
    for _ in range(rounds):
        await asyncio.gather(*[loop.run_in_executor(executor, slow_job, time.monotonic_ns()) for _ in range(count)])
        await asyncio.sleep(PAUSE_S)
    tell(threads, [started - submitted for submitted, started, _ in jobs])
    await line()


def main():
    say("READY", os.getpid(), threading.get_native_id())
    kind, rounds = sys.argv[1], int(sys.argv[2])
    default = min(32, (os.cpu_count() or 1) + 4)
    if kind == "gevent":
        on_gevent(rounds, 10, 5)
    elif kind == "green":
        on_gevent(rounds, 2, 1)
    elif kind == "asyncio":
        asyncio.run(on_asyncio(rounds, 2 * default, None, default))
    elif kind == "healthy":
        asyncio.run(on_asyncio(rounds, 2, None, default))
    elif kind == "executor":
        pool = concurrent.futures.ThreadPoolExecutor(3, thread_name_prefix="renderer")
        asyncio.run(on_asyncio(rounds, 9, pool, 3))
    else:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        asyncio.run(on_asyncio(0, 0, None, 1))


if __name__ == "__main__":
    main()
