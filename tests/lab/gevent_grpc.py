"""gevent: a blocking call of grpcio without its gevent support waits on an epoll descriptor that is not the loop's."""

import time
from concurrent import futures

import lab


def serve(sock):
    import grpc

    def answer_late(request, _context):
        time.sleep(float(request))
        return request

    handler = grpc.method_handlers_generic_handler("lab", {"Late": grpc.unary_unary_rpc_method_handler(answer_late)})
    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sock.sendall(f"{port}\n".encode())
    sock.recv(1)
    server.stop(None)


def stall_rpc(seconds):
    LATE(str(seconds).encode())  # <- here


def one_stall(truth, seconds):
    truth.timed(stall_rpc, "syscall", seconds, call="epoll_wait", peer="epoll", rule="GW2005")


if __name__ == "__main__":
    HELPER = lab.helper(serve)
    import grpc
    CHANNEL = grpc.insecure_channel(f"127.0.0.1:{int(HELPER.recv(10))}", options=[("grpc.enable_http_proxy", 0)])
    LATE = CHANNEL.unary_unary("/lab/Late")
    LATE(b"0")
    lab.run_gevent(one_stall)
