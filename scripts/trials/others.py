"""The other clients: asks PORT for SECONDS at a steady rate, and says how many milliseconds each answer took.

Every fourth request has a connection of its own, the others take turns on twenty that are kept. A request that
could not be asked when its turn came, because the one before it took too long, counts from its turn.
"""

import json
import socket
import sys
import time

HOST = "127.0.0.1"
PER_SECOND = 200
KEPT = 20
PATIENCE = 30


def main():
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    kept = [connect(port) for _ in range(KEPT)]
    took = {"kept": [], "new": []}
    began = time.monotonic()
    for number in range(int(seconds * PER_SECOND)):
        turn = began + number / PER_SECOND
        if (early := turn - time.monotonic()) > 0:
            time.sleep(early)
            turn = time.monotonic()  # that it slept too long is nobody's fault
        if number % 4:
            ask(kept[number % KEPT])
        else:
            with connect(port) as own:
                ask(own)
        took["kept" if number % 4 else "new"].append((time.monotonic() - turn) * 1e3)
    print(json.dumps(took))


def connect(port):
    connection = socket.create_connection((HOST, port), PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def ask(connection):
    connection.sendall(b"GET / HTTP/1.1\r\nHost: trial\r\n\r\n")
    answer = b""
    while not answer.endswith(b"good\n"):
        piece = connection.recv(65536)
        answer += piece
        if not piece or not answer.startswith(b"HTTP/1.1 200 "[: len(answer)]):
            sys.exit(f"a bad answer: {answer}")


main()
