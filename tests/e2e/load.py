"""A load generator without a loop of its own: load.py PORT REQUESTS [CONNECTIONS]. Fails when a request does."""

import http.client
import sys
import threading


def ask(port, times, failed):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        for _ in range(times):
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                failed.append(answer.status)
                return
    except OSError as error:
        failed.append(error)
    finally:
        connection.close()


def put_load(port, requests, connections=8):
    failed = []
    threads = [threading.Thread(target=ask, args=(port, requests // connections, failed)) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


if __name__ == "__main__":
    wrong = put_load(*map(int, sys.argv[1:]))
    sys.exit(f"load: {wrong[0]}" if wrong else 0)
