"""An asyncio echo server to be saturated: a Protocol that writes back what it is given.

Prints "READY PID TID PORT" once it listens on loopback. It pins and measures nothing
itself, serves nobody but 127.0.0.1, and is dead after --seconds whatever happens.
"""

import argparse
import asyncio
import os
import signal
import threading


class Echo(asyncio.Protocol):
    """Answers every chunk with itself."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def echo(reader, writer):
    """The same with streams: a task a connection, as most programs are written."""
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()
    writer.close()


async def serve(streams):
    """Listen on a free port of loopback, say so, and serve until killed."""
    loop = asyncio.get_running_loop()
    if streams:
        server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=1024)
    else:
        server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    print("READY", os.getpid(), threading.get_native_id(), port, flush=True)
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="life span (600)")
    parser.add_argument("--streams", action="store_true", help="tasks and streams, not a protocol")
    opts = parser.parse_args()
    signal.alarm(opts.seconds)
    asyncio.run(serve(opts.streams))


if __name__ == "__main__":
    main()
