"""WebSocket through HALB, with a real server and client: many messages, large frames, and tunnels half closed."""

import asyncio
import hashlib
import random
import sys
import time

import websockets

from stage import PATIENCE
from stage import Stage
from stage import options

MEGABYTE = 1_000_000
# Anything but a protocol that HALB knows.
OTHER = "trial-echo"


def main():
    given = options(
        __doc__,
        {
            "messages": (100_000, 2_000, "messages, of 0 to 2,000 bytes, there and back"),
            "clients": (10, 4, "clients at a time who share them"),
            "large": (8, 2, "megabytes of the large frames"),
            "half_closed": (64, 4, "megabytes through each half-closed tunnel"),
            "direct": (0, 0, "1: without HALB, to try the trial itself"),
        },
    )
    with Stage("websocket") as stage:
        asyncio.run(all_of_it(stage, given))
    return stage.verdict()


async def all_of_it(stage, given):
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None, ping_interval=None) as server:
        other = await asyncio.start_server(turn_round, "127.0.0.1", 0)
        ports = [one.sockets[0].getsockname()[1] for one in (server, other)]
        nodes = [] if given.direct else [stage.halb([ports[0]]), stage.halb([ports[1]])]
        # Two instances, as each has one kind of server behind it.
        through = [node.port for node in nodes] or ports
        await messages(stage, through[0], given)
        await large_frames(stage, through[0], given.large * MEGABYTE)
        await close_and_finish(stage, through[0])
        await half_closed(stage, through[1], given.half_closed * MEGABYTE)
        other.close()
        for node in nodes:
            await asyncio.to_thread(node.stop)


async def echo(socket):
    async for message in socket:
        await socket.send(message)


def connect(port):
    return websockets.connect(f"ws://127.0.0.1:{port}/", max_size=None, ping_interval=None, open_timeout=PATIENCE)


async def messages(stage, port, given):
    """Each client sends without waiting for what comes back, and compares it byte by byte."""
    share = given.messages // given.clients
    began = time.monotonic()
    results = await asyncio.gather(*(talk(port, number, share) for number in range(given.clients)))
    seconds = time.monotonic() - began
    equal, size = (sum(column) for column in zip(*results))
    figures = f"{equal} of {share * given.clients}, {size} bytes there and back, {seconds:.1f} s"
    stage.check("messages come back as they were", equal == share * given.clients, figures)


async def talk(port, number, count):
    """How many messages came back as they were, and their length altogether."""
    lengths = random.Random(number)
    sizes = [lengths.choice((0, 1, 125, 126, lengths.randrange(2000))) for _ in range(count)]

    def made(place):
        content = random.Random(number << 32 | place).randbytes(sizes[place])
        return content.hex() if place % 2 else content

    async with connect(port) as socket:
        async def say():
            for place in range(count):
                await socket.send(made(place))
                if place % 1000 == 0:
                    await (await socket.ping())

        saying = asyncio.create_task(say())
        equal = 0
        for place in range(count):
            equal += await socket.recv() == made(place)
        await saying
    equal -= socket.close_code != 1000
    # Every second one is text, two characters for each byte.
    return equal, sum(sizes) + sum(sizes[1::2])


async def large_frames(stage, port, size):
    """One frame of some megabytes, and a message of many fragments."""
    content = random.Random(size).randbytes(size)
    async with connect(port) as socket:
        began = time.monotonic()
        await socket.send(content)
        good = await socket.recv() == content
        stage.check("a large frame comes back as it was", good, f"{size} bytes, {time.monotonic() - began:.1f} s")
        pieces = [content[place : place + 65_537] for place in range(0, size, 65_537)]
        began = time.monotonic()
        # Both at once: the server answers with one frame when it has all fragments.
        await socket.send(pieces)
        good = await socket.recv() == content
        stage.check("a message in fragments, too", good, f"{len(pieces)} fragments, {time.monotonic() - began:.1f} s")


async def close_and_finish(stage, port):
    """The client says Close and shuts its half down; the server's Close still arrives."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = "GET / HTTP/1.1\r\nHost: trial\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    writer.write(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode())
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    writer.write(b"\x81\x84\0\0\0\0last")  # text; the mask of four zeros leaves it as it is (RFC 6455, 5.3)
    good = await asyncio.wait_for(reader.readexactly(6), PATIENCE) == b"\x81\x04last"
    writer.write(b"\x88\x82\0\0\0\0\x03\xe8")  # Close with code 1000
    writer.write_eof()
    rest = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    stage.check("Close and FIN at once: Close is answered", good and rest == b"\x88\x02\x03\xe8", f"answer {rest.hex()}")


async def half_closed(stage, port, size):
    """A tunnel of which one half is closed goes on in the other, whichever it is."""
    content = random.Random(size).randbytes(size)
    for first in ("client", "server"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /{first} HTTP/1.1\r\nHost: trial\r\nConnection: upgrade\r\nUpgrade: {OTHER}\r\n\r\n".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        if not head.startswith(b"HTTP/1.1 101 "):
            stage.check(f"the {first} closes its half first", False, head.splitlines()[0].decode())
            continue
        began = time.monotonic()
        what = hashlib.sha256(content).hexdigest().encode()
        if first == "client":
            writer.write(content)
            writer.write_eof()
            good = await reader.read() == what + content
        else:
            good = await reader.read() == b"said all"
            writer.write(content)
            writer.write_eof()
            good = good and await asyncio.wait_for(DIGESTS.get(), PATIENCE) == what
        writer.close()
        figures = f"{size} bytes after it, {time.monotonic() - began:.1f} s"
        stage.check(f"the {first} closes its half first", good, figures)


# What the server got through tunnels of which it had closed its half.
DIGESTS = asyncio.Queue()


async def turn_round(reader, writer):
    """Reads to the end, then says the digest and all of it; or says all at first and then reads to the end."""
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(f"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: {OTHER}\r\n\r\n".encode())
    if head.startswith(b"GET /server"):
        writer.write(b"said all")
        writer.write_eof()
        await DIGESTS.put(hashlib.sha256(await reader.read()).hexdigest().encode())
    else:
        content = await reader.read()
        writer.write(hashlib.sha256(content).hexdigest().encode() + content)
    await writer.drain()
    writer.close()


sys.exit(main())
