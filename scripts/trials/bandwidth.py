"""What `[resources] bandwidth` lets through: how exact, how even, and what a short request waits beside long bodies."""

import contextlib
import multiprocessing
import socket
import struct
import sys
import threading
import time

from stage import Stage
from stage import end
from stage import options
from stage import percentile

# SPEC 10: within 5 % over any 10 s.
WITHIN = 0.05
# Connections that move long bodies get the same; the kernel's buffers blur it a little.
EVEN = 0.8
ENDLESS = 1 << 50
PIECE = bytes(256 * 1024)
SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + bytes(100)


def main():
    given = options(
        __doc__,
        {
            "seconds": (12, 10, "how long is looked at"),
            "rates": ("1,250,2000", "1,250", "Mbps"),
            "connections": ("1,16", "16", "how many at a time"),
            "workers": ("1,2", "2", "of HALB"),
        },
    )
    with Stage("bandwidth") as stage:
        origin = Origin()
        for rate in numbers(given.rates):
            for workers in numbers(given.workers):
                for connections in numbers(given.connections):
                    for way in ("down", "up", "both") if connections > 1 else ("down", "up"):
                        trial(stage, given, origin, (rate, workers, connections, way))
            beside(stage, given, origin, rate)
        reach(stage, given, origin)
        origin.end()
    return stage.verdict()


def trial(stage, given, origin, setting):
    rate, workers, connections, way = setting
    # A fresh one: what the kernel has received of uploads that were broken off is still sent on.
    halb = start(stage, origin, rate, workers)
    with Crowd(halb, origin, connections, way) as crowd:
        moved, took = crowd.watch(given.seconds)
        ways = [[one for one, up in zip(moved, crowd.ups) if up == way] for way in (False, True)]
    mbps = sum(moved) * 8 / took / 1e6
    error = mbps / rate - 1
    # Of those that do the same: how much lies ready at a time differs between the ways.
    even = min(min(one) / max(one) for one in ways if one)
    what = f"{rate} Mbps, {workers} workers, {connections} connections {way}"
    figures = f"{mbps:.2f} Mbps, {error:+.1%}, least to most {even:.2f}"
    stage.check(what, abs(error) <= WITHIN and even >= EVEN, figures)
    end(halb.process)


def beside(stage, given, origin, rate):
    """Short requests one after the other, alone and beside 16 long downloads."""
    halb = start(stage, origin, rate, max(numbers(given.workers)))
    alone = latencies(halb, min(given.seconds, 3))
    with Crowd(halb, origin, 16, "down") as crowd:
        crowd.settle()
        crowded = latencies(halb, given.seconds)
    # A quantum is half a millisecond, or 2 kB; each of 17 has one on the way to the output and one on the way back.
    quantum = min(max(rate * 1e6 / 8 / 2000, 2048), 65536) / (rate * 1e6 / 8)
    most = 1000 * 2 * 17 * quantum
    shown = [f"{percentile(ms, 50):.1f} and {percentile(ms, 99):.1f} ms" for ms in (alone, crowded)]
    good = percentile(crowded, 50) <= most + percentile(alone, 50)
    figures = f"p50 and p99 alone {shown[0]}, beside 16 downloads {shown[1]}; 17 quanta each way are {most:.1f} ms"
    stage.check(f"short requests at {rate} Mbps", good, figures)
    halb.stop()


def reach(stage, given, origin):
    """What goes through here without a limit: a rate above that cannot be shown."""
    halb = start(stage, origin, None, max(numbers(given.workers)))
    with Crowd(halb, origin, 16, "down") as crowd:
        moved, took = crowd.watch(3)
    stage.check("without a limit", True, f"{sum(moved) * 8 / took / 1e6:.0f} Mbps")
    halb.stop()


def start(stage, origin, rate, workers):
    limit = f', bandwidth = "{rate}Mbps"' if rate else ""
    return stage.halb([origin.port], workers=workers, resources=f'{{ memory = "96MB"{limit} }}')


def numbers(text):
    return [int(word) for word in str(text).split(",")]


def latencies(halb, seconds):
    """Milliseconds of requests one after the other."""
    result = []
    with socket.create_connection(halb.address) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.monotonic() + seconds
        while (began := time.monotonic()) < end:
            client.sendall(b"GET /short HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = b""
            while not answer.endswith(SHORT[-100:]):
                answer += client.recv(4096)
            result.append(1000 * (time.monotonic() - began))
    return result


class Crowd:
    """Connections that each move one endless body."""

    def __init__(self, halb, origin, count, way):
        self.origin = origin
        origin.forget()
        self.received = [0] * count
        self.threads = []
        self.sockets = [socket.create_connection(halb.address) for _ in range(count)]
        self.ups = [way == "up" or (way == "both" and index % 2 == 1) for index in range(count)]
        for index in range(count):
            act = self.send if self.ups[index] else self.receive
            self.threads.append(threading.Thread(target=act, args=(index,), daemon=True))
            self.threads[-1].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.sockets:
            # A reset: else the kernel goes on delivering what it has taken for an upload, some MB of it.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()
        for thread in self.threads:
            thread.join()

    def moved(self):
        """Bytes of each connection, as they arrived at their other end."""
        pairs = enumerate(zip(self.ups, self.received))
        return [self.origin.received[index] if up else received for index, (up, received) in pairs], time.monotonic()

    def settle(self):
        """What the bucket held has gone, and everybody is at it."""
        while not all(self.moved()[0]):
            time.sleep(0.05)
        time.sleep(1)

    def watch(self, seconds):
        """Bytes of each, and in how long."""
        self.settle()
        before, began = self.moved()
        time.sleep(seconds)
        after, ended = self.moved()
        return [late - early for late, early in zip(after, before)], ended - began

    def receive(self, index):
        piece = bytearray(len(PIECE))
        with contextlib.suppress(OSError):
            self.sockets[index].sendall(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
            while count := self.sockets[index].recv_into(piece):
                self.received[index] += count

    def send(self, index):
        head = f"POST /{index} HTTP/1.1\r\nHost: a\r\nContent-Length: {ENDLESS}\r\n\r\n"
        with contextlib.suppress(OSError):
            self.sockets[index].sendall(head.encode())
            while True:
                self.sockets[index].sendall(PIECE)


class Origin:
    """A server, in a process of its own, that says endless bodies and counts what it hears of them."""

    def __init__(self):
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = listener.getsockname()[1]
        self.received = multiprocessing.Array("Q", 64, lock=False)
        self.process = multiprocessing.Process(target=self.serve, args=(listener,), daemon=True)
        self.process.start()
        listener.close()

    def forget(self):
        for index in range(len(self.received)):
            self.received[index] = 0

    def end(self):
        self.process.kill()
        self.process.join()

    def serve(self, listener):
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.answer, args=(client,), daemon=True).start()

    def answer(self, client):
        with client, contextlib.suppress(OSError):
            while (head := read_head(client)) is not None:
                if head.startswith(b"GET /short"):
                    client.sendall(SHORT)
                elif head.startswith(b"GET"):
                    client.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {ENDLESS}\r\n\r\n".encode())
                    while True:
                        client.sendall(PIECE)
                else:
                    self.count(client, int(head.split(b" ")[1][1:]))

    def count(self, client, index):
        piece = bytearray(len(PIECE))
        while count := client.recv_into(piece):
            self.received[index] += count


def read_head(client):
    """A head, with what little came behind it; none when the connection ended."""
    read = b""
    while b"\r\n\r\n" not in read:
        more = client.recv(65536)
        if not more:
            return None
        read += more
    return read


sys.exit(main())
