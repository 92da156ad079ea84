"""Lines of JSON on standard input and output: what the test says, and what it is told."""

import asyncio
import json
import sys


def tell(**fact):
    print(json.dumps(fact), flush=True)


async def wishes():
    """What the test wants, until it closes its end."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)
