"""A backend on Python's http.server that speaks HTTP/1.1, or 1.0 when called with the argument 1.0.

Says `port N` when it listens.
"""

import hashlib
import http.server
import sys
import threading

COUNTS = {}
LOCK = threading.Lock()
SEEN = threading.Semaphore(0)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/" + (sys.argv[1] if len(sys.argv) > 1 else "1.1")

    def do_GET(self):
        name, _, argument = self.path.strip("/").partition("/")
        with LOCK:
            COUNTS[name] = COUNTS.get(name, 0) + 1
        getattr(self, "get_" + name.replace("-", "_"), self.get_nothing)(argument)

    def do_POST(self):
        self.do_GET()

    def do_PUT(self):
        self.do_GET()

    def get_nothing(self, _):
        self.send_error(404)

    def get_count(self, name):
        with LOCK:
            self.answer(str(COUNTS.get(name, 0)).encode())

    def get_head(self, _):
        """The request as it came."""
        self.pieces()
        lines = [self.requestline] + [f"{k}: {v}" for k, v in self.headers.items()]
        self.answer("\n".join(lines).encode())

    def get_echo(self, _):
        self.answer(b"".join(self.pieces()))

    def get_hash(self, _):
        digest, length = hashlib.sha256(), 0
        for piece in self.pieces():
            digest.update(piece)
            length += len(piece)
        self.answer(f"{length} {digest.hexdigest()}".encode())

    def get_bytes(self, count):
        """So many bytes, with their length in front."""
        self.send_response(200)
        self.send_header("Content-Length", count)
        self.end_headers()
        for piece in repeated(int(count)):
            self.wfile.write(piece)

    def get_chunked(self, count):
        """So many bytes in chunks of all sizes, and a trailer."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        left, size = int(count), 1
        for piece in repeated(left):
            while piece:
                part, piece = piece[:size], piece[size:]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                size = size * 3 % 40_009
        self.wfile.write(b"0\r\nX-Trailer: last\r\n\r\n")

    def get_until_close(self, count):
        """So many bytes that end with the connection."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        for piece in repeated(int(count)):
            self.wfile.write(piece)

    def get_events(self, framing):
        """Twenty events, each when the client has seen the one before it."""
        chunked = framing == "chunked"
        self.close_connection = not chunked
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Connection", "close")))
        self.end_headers()
        for number in range(20):
            self.say_event(chunked, number)
            SEEN.acquire()
        self.say_event(chunked, "end")
        self.wfile.write(b"0\r\n\r\n" if chunked else b"")

    def say_event(self, chunked, data):
        event = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event) if chunked else event)

    def get_seen(self, _):
        SEEN.release()
        self.answer(b"")

    def pieces(self):
        """The request's body as it comes."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while length := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(length)
                self.rfile.readline()
            while self.rfile.readline() not in (b"\r\n", b"\n", b""):
                pass
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            piece = self.rfile.read(min(left, 65536))
            if not piece:
                return
            left -= len(piece)
            yield piece

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def repeated(count):
    """Bytes of which each stretch of 64 KiB differs from the one before it."""
    number = 0
    while count:
        piece = (b"%08x" % number * 8192)[:count]
        count -= len(piece)
        number += 1
        yield piece


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Handler)
print("port", server.server_port, flush=True)
server.serve_forever()
