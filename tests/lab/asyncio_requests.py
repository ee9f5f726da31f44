"""asyncio: requests in a coroutine waits for a local web server that answers late."""

import lab
import requests
import servers


def stall_get(seconds):
    SESSION.get(f"{URL}{seconds}")  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_get, "syscall", seconds, call="recvfrom", peer="tcp", rule="GW2003")


if __name__ == "__main__":
    URL = servers.late_http()
    SESSION = requests.Session()
    SESSION.trust_env = False
    SESSION.get(URL + "0")
    lab.run_asyncio(one_stall)
