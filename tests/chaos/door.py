"""A door between the jobs and the store: a TCP proxy that can let replies wait."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from penstock.jobs.process.ports import HOST

#: Bytes taken at once.
CHUNK = 1 << 20


class Door:
    """Passes on what comes to ``port``, and the replies after ``delay_s`` for each piece of them."""

    def __init__(self, target: int) -> None:
        self.port, self.delay_s = 0, 0.0
        self._target = target
        self._loop = asyncio.new_event_loop()

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._accept, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            replies, requests = await asyncio.open_connection(HOST, self._target)
            with contextlib.closing(requests):
                ways = [asyncio.ensure_future(self._pass(reader, requests, slow=False))]
                ways.append(asyncio.ensure_future(self._pass(replies, writer, slow=True)))
                # one side that is gone takes the other with it
                _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in left:
                    way.cancel()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, slow: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(CHUNK):
                if slow and self.delay_s:
                    await asyncio.sleep(self.delay_s)
                target.write(piece)
                await target.drain()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


@contextlib.contextmanager
def door(target: int) -> Iterator[Door]:
    """An open door to a port of this machine, on a thread of its own."""
    found = Door(target)
    thread = threading.Thread(target=found._run, name="door", daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(found._listen(), found._loop).result(10)
    try:
        yield found
    finally:
        found._loop.call_soon_threadsafe(found._loop.stop)
        thread.join(10)
