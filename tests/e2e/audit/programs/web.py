"""What web servers serve: application for gunicorn, endpoint for uvicorn. Holds a sleep, patched or not."""

import socket
from time import sleep


def application(environ, start_response):
    sleep(0.001)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [socket.gethostname().encode()]


async def endpoint(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})
