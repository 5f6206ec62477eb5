"""Carries the lines of one local connection to a WebSocket, and its messages back as lines: bridge.py ws://… PATH"""

import asyncio
import sys

import websockets

MESSAGE_BYTES_MAX = 64 << 20


async def main(address, path):
    ended = asyncio.Event()

    async def carry(reader, writer):
        async with websockets.connect(address, max_size=MESSAGE_BYTES_MAX) as socket:

            async def back():
                async for message in socket:
                    writer.write(message.encode() + b"\n")
                    await writer.drain()

            answers = asyncio.create_task(back())
            while line := await reader.readline():
                await socket.send(line.decode().rstrip("\n"))
            answers.cancel()
        ended.set()

    async with await asyncio.start_unix_server(carry, path, limit=MESSAGE_BYTES_MAX):
        print("ready", flush=True)
        await ended.wait()


asyncio.run(main(*sys.argv[1:]))
