"""A front before the service, as a platform with rolling releases has one: a process of its own that speaks HTTP.

Clients keep their connections to the front, and never see one close. It sends each request to the process that is in
service, over a connection to that process for each client. Told of another process, it sends all new requests there,
and says when the old one has answered its last; nothing is ever sent twice.
"""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from support import free_port

Upstream = tuple[int, asyncio.StreamReader, asyncio.StreamWriter]


class Front:
    """What a test tells the front.

    Attributes:
        url: Where clients reach it.
    """

    def __init__(self, port: int, told: IO[str], says: IO[str]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._told, self._says = told, says

    def use(self, url: str) -> None:
        """Send all requests to another process from now on; return when the one before has answered its last."""
        self._told.write(f"{url.rpartition(':')[2]}\n")
        self._told.flush()
        assert self._says.readline() == "drained\n"


@contextmanager
def front(service: str, port: int | None = None) -> Iterator[Front]:
    """Run a front before a service while the block runs."""
    port = port or free_port()
    words = [sys.executable, __file__, str(port), service.rpartition(":")[2]]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            assert process.stdout.readline() == "listening\n"
            yield Front(port, process.stdin, process.stdout)
        finally:
            process.terminate()


class Relay:
    """The program: passes requests on, and the answers back."""

    def __init__(self, service: int) -> None:
        self._service = service
        self._under_way: Counter[int] = Counter()

    async def serve(self, port: int) -> None:
        """Answer clients until standard input ends, on which each line is the port of the next process in service."""
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        async with await asyncio.start_server(self._client, "127.0.0.1", port):
            say("listening")
            while line := await lines.readline():
                before, self._service = self._service, int(line)
                while self._under_way[before]:
                    await asyncio.sleep(0.01)
                say("drained")

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream: Upstream | None = None
        try:
            while True:
                request = await message(reader)
                service = self._service
                self._under_way[service] += 1
                try:
                    upstream = await connected(upstream, service)
                    upstream[2].write(request)
                    answer = await message(upstream[1])
                finally:
                    self._under_way[service] -= 1
                writer.write(answer)
                await writer.drain()
        except (OSError, EOFError):
            # The client has gone, or the service has: then the client must see that too.
            pass
        finally:
            for each in (writer, *(upstream or ())[2:]):
                each.close()


async def connected(upstream: Upstream | None, service: int) -> Upstream:
    """Return a connection to the process in service; one that leads there and is open goes on."""
    if upstream is not None:
        if upstream[0] == service and not upstream[1].at_eof():
            return upstream
        upstream[2].close()
    return service, *(await asyncio.open_connection("127.0.0.1", service))


async def message(reader: asyncio.StreamReader) -> bytes:
    """Return a request or an answer as it came; its body has a length."""
    head = await reader.readuntil(b"\r\n\r\n")
    names = [line.partition(b":") for line in head.lower().split(b"\r\n")]
    length = next((int(value) for name, _, value in names if name == b"content-length"), 0)
    assert not any(name == b"transfer-encoding" for name, _, _ in names), head
    return head + await reader.readexactly(length) if length else head


def say(word: str) -> None:
    """Tell the test something."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(Relay(int(sys.argv[2])).serve(int(sys.argv[1])))
