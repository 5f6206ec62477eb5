"""A WebSocket server that says everything back, and a client that expects that, both of the library `websockets`.

    websocket.py serve              says `port N` when it listens
    websocket.py talk URL COUNT     says what came back as it was, a line for each kind
"""

import asyncio
import random
import sys

import websockets

MEGABYTE = 1 << 20


async def serve():
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None, ping_interval=None) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def talk(url, count):
    chance = random.Random(count)
    async with websockets.connect(url, max_size=None, ping_interval=None) as socket:
        # All at once, so that frames come in pieces and several to a piece; bytes and text in turns.
        sent = [chance.randbytes(chance.choice((0, 1, 125, 126, 2000))) for _ in range(count)]
        sent = [content.hex() if place % 2 else content for place, content in enumerate(sent)]
        saying = asyncio.create_task(say(socket, sent))
        print("messages", sum([await socket.recv() == content for content in sent]), flush=True)
        await saying
        content = chance.randbytes(MEGABYTE)
        await socket.send(content)
        print("frame", await socket.recv() == content, flush=True)
        await socket.send([content[place : place + 10_007] for place in range(0, MEGABYTE, 10_007)])
        print("fragments", await socket.recv() == content, flush=True)
    print("closed", socket.close_code, flush=True)


async def say(socket, messages):
    for message in messages:
        await socket.send(message)
    await (await socket.ping())


asyncio.run(serve() if sys.argv[1] == "serve" else talk(sys.argv[2], int(sys.argv[3])))
