"""Server-sent events through HALB for five minutes: none is lost, none is late, and no timeout cuts them."""

import asyncio
import sys
import time

from stage import Stage
from stage import options
from stage import percentile

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"


def main():
    given = options(
        __doc__,
        {
            "seconds": (300.0, 6.0, "how long the streams last"),
            "interval": (1.0, 0.1, "seconds between events"),
            "silence": (50.0, 2.0, "seconds without an event, in the middle; less than the timeouts"),
            "timeout": (60.0, 3.0, "client_timeout and server_timeout"),
            "streams": (20, 5, "clients at a time, of each kind"),
        },
    )
    with Stage("events") as stage:
        asyncio.run(streams(stage, given))
    return stage.verdict()


async def streams(stage, given):
    server = await asyncio.start_server(lambda *both: backend(given, *both), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    halb = stage.halb([port], client_timeout=given.timeout, server_timeout=given.timeout)
    kinds = {
        "chunked": (halb.port, "/chunked", "1.1"),
        "that end with the connection": (halb.port, "/until-close", "1.1"),
        "to HTTP/1.0": (halb.port, "/chunked", "1.0"),
        "without halb, chunked": (port, "/chunked", "1.1"),
    }
    under_way = {kind: [client(*how) for _ in range(given.streams)] for kind, how in kinds.items()}
    results = await asyncio.gather(*(asyncio.gather(*all_of_a_kind) for all_of_a_kind in under_way.values()))
    expected = len(schedule(given))
    for kind, result in zip(kinds, results):
        delays = [delay for numbers, delays in result for delay in delays]
        whole = all(numbers == list(range(expected)) for numbers, _ in result)
        late = max(delays, default=given.interval)
        figures = f"{given.streams} streams of {expected} events in {given.seconds:.0f} s with {given.silence:.0f} s of silence; delay"
        for name, value in (("median", percentile(delays or [0], 50)), ("p99", percentile(delays or [0], 99)), ("most", late)):
            figures += f" {name} {value * 1e3:.2f} ms"
        if not whole:
            figures += f"; came: {sorted(len(numbers) for numbers, _ in result)}"
        stage.check(f"streams {kind}", whole and late < given.interval, figures)
    # Still open are connections that were kept; without a reader they would be counted as left behind.
    server.close()
    halb.stop()


def schedule(given):
    """When each event is said, in seconds from the start."""
    half = int((given.seconds - given.silence) / 2 / given.interval)
    first = [place * given.interval for place in range(half)]
    return first + [first[-1] + given.silence + place * given.interval for place in range(half + 1)]


async def backend(given, reader, writer):
    """Says each event with the moment at which it was said."""
    request = await reader.readuntil(b"\r\n\r\n")
    chunked = request.startswith(b"GET /chunked")
    writer.write(HEAD + (b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Connection: close\r\n\r\n"))
    began = time.monotonic()
    for number, moment in enumerate(schedule(given)):
        await asyncio.sleep(began + moment - time.monotonic())
        event = b"id: %d\ndata: %d\n\n" % (number, time.monotonic_ns())
        writer.write(b"%x\r\n%s\r\n" % (len(event), event) if chunked else event)
        await writer.drain()
    writer.write(b"0\r\n\r\n" if chunked else b"")
    await writer.drain()
    writer.close()


async def client(port, path, version):
    """The numbers of the events, and how long each was under way."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/{version}\r\nHost: trial\r\nAccept: text/event-stream\r\n\r\n".encode())
    numbers, delays = [], []
    # Chunk sizes and fields are lines like others, and say nothing here; an HTTP/1.0 client sees only events.
    while line := await reader.readline():
        if line.startswith(b"id: "):
            numbers.append(int(line[4:]))
        elif line.startswith(b"data: "):
            delays.append((time.monotonic_ns() - int(line[6:])) / 1e9)
        elif line == b"0\r\n":
            break
    writer.close()
    return numbers, delays


sys.exit(main())
