"""What the trials of real sessions share: servers that count each session's requests, and clients that keep cookies."""

import contextlib
import http.client
import http.cookies
import random
import threading
import time

from stage import PATIENCE

# Connections that one client uses by turns.
CONNECTIONS = 6


class Visitor:
    """A client with a cookie jar that asks over several connections."""

    def __init__(self, address, path="/"):
        self.address = address
        self.path = path
        self.cookies = http.cookies.SimpleCookie()
        self.connections = []
        self.chance = random.Random(7)

    def count(self):
        """Asks once; what the server says, which counts the requests of each session."""
        if self.connections and self.chance.random() < 0.05:
            self.connections.pop(self.chance.randrange(len(self.connections))).close()
        if len(self.connections) < CONNECTIONS:
            self.connections.append(http.client.HTTPConnection(*self.address, timeout=PATIENCE))
        connection = self.chance.choice(self.connections)
        jar = "; ".join(f"{name}={one.value}" for name, one in self.cookies.items())
        # Others beside it, that lead nowhere.
        headers = {"Cookie": f"first=1; {jar}; last=out2~9"} if jar else {}
        connection.request("GET", self.path, headers=headers)
        response = connection.getresponse()
        for line in response.headers.get_all("Set-Cookie", []):
            self.cookies.load(line)
        text = response.read().decode().strip()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {text[:500]}")
        return int(text)

    def moves(self, address):
        """HALB was started anew."""
        self.leave()
        self.address = address

    def leave(self):
        for connection in self.connections:
            connection.close()
        self.connections = []


class Crowd:
    """Other clients that come, ask a few times and go, until this is left."""

    def __init__(self, address, path, threads=4):
        self.address = address
        self.path = path
        self.over = threading.Event()
        self.visits = 0
        self.wrong = []
        self.threads = [threading.Thread(target=self.come_and_go, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(PATIENCE)

    def come_and_go(self):
        while not self.over.is_set():
            visitor = Visitor(self.address, self.path)
            with contextlib.closing(Closing(visitor)):
                try:
                    counts = [visitor.count() for _ in range(5)]
                except (OSError, http.client.HTTPException, RuntimeError, ValueError) as error:
                    self.wrong.append(repr(error))
                    continue
                if counts != [1, 2, 3, 4, 5]:
                    self.wrong.append(str(counts))
                self.visits += 1


class Closing:
    def __init__(self, visitor):
        self.close = visitor.leave


def try_sessions(stage, start, path, given):
    """`start` starts HALB. One client counts without a gap while others come and go, across a restart if there is one."""
    began = time.monotonic()
    node = start()
    visitor = Visitor(node.address, path)
    rounds = 2 if given.restart else 1
    counts = []
    visits, wrong = 0, []
    for turn in range(rounds):
        if turn:
            node.stop()
            node = start()
            visitor.moves(node.address)
        with Crowd(node.address, path) as crowd:
            counts += [visitor.count() for _ in range(given.requests // rounds)]
        visits, wrong = visits + crowd.visits, wrong + crowd.wrong
    gaps = sum(count != place for place, count in enumerate(counts, 1))
    where = " across a restart of HALB" if given.restart else ""
    figures = f"{len(counts)} requests{where}, {gaps} of them elsewhere, {time.monotonic() - began:.1f} s"
    stage.check("a session counts without a gap", gaps == 0, figures)
    figures = f"{visits} clients with 5 requests each, {len(wrong)} not counted from 1 to 5"
    stage.check("so do those of others that come and go", visits > 0 and not wrong, figures + "".join(wrong[:1]))
    visitor.leave()
    node.stop()
