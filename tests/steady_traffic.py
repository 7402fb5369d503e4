"""Clients in a process of their own that send one flight per request, at a steady rate, and never try twice.

They keep their connections. A request that gets no answer with status 200 has failed, whatever the reason.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from front import message, say
from support import run_in
from team import until

CLIENTS = 24
"""As many as may wait at once: what waits together is scored together, so a slow machine gets further."""
ROWS = """
import sys
from flight_delays.data import KEY, SCHEMA
from flight_delays_ops.demo import read_flights
rows = read_flights().sample(frac=1, random_state=0)
for month in map(int, sys.argv[2:]):
    some = rows[rows["scheduled_departure"].dt.month == month].head(9_000)
    some[[KEY, *SCHEMA.columns]].to_json(f"{sys.argv[1]}/{month}.json", orient="records", date_format="iso")
"""


@dataclass(kw_only=True)
class Seen:
    """What the clients saw.

    Attributes:
        seconds: How long they sent at the last rate.
        failures: What went wrong, one text for each request.
        rows: Answered rows by version.
        requests: How many they sent in that time.
        answered: The names that the service gave to the requests that it answered.
        milliseconds: Of each answered request.
    """

    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    answered: list[str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Requests per second at the last rate."""
        return self.requests / self.seconds

    def percentile(self, part: float) -> float:
        """Return the time in milliseconds within which that part of the answered requests was answered."""
        times = sorted(self.milliseconds)
        return times[min(len(times) - 1, int(len(times) * part))]


class Steady:
    """What a test tells the clients, and what they saw in the end.

    Attributes:
        seen: Filled when they have ended.
    """

    def __init__(self, told: IO[str], says: IO[str]) -> None:
        self.seen = Seen()
        self._told, self._says = told, says

    def count(self) -> int:
        """Return how many requests were answered so far."""
        return int(self._ask("count"))

    def wait(self, more: int) -> None:
        """Wait until so many more requests were answered."""
        enough = self.count() + more
        until(lambda: self.count() >= enough, f"{more} answers")

    def fly(self, month: int) -> None:
        """Send flights of another month from now on."""
        self._ask(f"{month}")

    def hurry(self, per_second: float) -> None:
        """Send so many requests per second from now on."""
        self._ask(f"{per_second}/s")

    def _ask(self, word: str) -> str:
        self._told.write(f"{word}\n")
        self._told.flush()
        return self._says.readline()


def months(project: Path, folder: Path, *numbers: int) -> Path:
    """Write the flights of months, as requests hold them and in a mixed order, to files in a folder, and return it."""
    folder.mkdir()
    run_in(project, "run", "--no-sync", "python", "-c", ROWS, str(folder), *map(str, numbers))
    return folder


@contextmanager
def steady(url: str, flights: Path, month: int, *, per_second: float) -> Iterator[Steady]:
    """Send requests while the block runs, at first those of a month."""
    seen = flights / "seen.json"
    words = [sys.executable, __file__, urlsplit(url).netloc, str(flights), str(month), str(per_second), str(seen)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        clients = Steady(process.stdin, process.stdout)
        try:
            yield clients
        finally:
            process.stdin.close()
            assert process.wait(60) == 0
    found: dict[str, Any] = json.loads(seen.read_text())
    clients.seen = Seen(**found | {"rows": Counter(found["rows"])})


class Senders:
    """The program: sends flights of the present month."""

    def __init__(self, address: str, folder: Path, per_second: float) -> None:
        self._host, _, self._port = address.partition(":")
        self._folder, self._pause = folder, CLIENTS / per_second
        self._requests: Sequence[bytes] = ()
        self._next, self._stopped = 0, False
        self._began, self._before = time.monotonic(), 0
        self.seen = Seen()

    def hurry(self, per_second: float) -> None:
        """Send so many requests per second; what is measured begins here."""
        self._pause = CLIENTS / per_second
        self._began, self._before = time.monotonic(), self._count()

    def _count(self) -> int:
        return len(self.seen.answered) + len(self.seen.failures)

    def fly(self, month: str) -> None:
        """Take the flights of a month."""
        rows = json.loads((self._folder / f"{month}.json").read_text())
        self._requests = [self._request(row) for row in rows]

    async def run(self) -> None:
        """Send until standard input ends; a line on it is a month or a rate, or asks for the number of answers."""
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        clients = [asyncio.create_task(self._client(number)) for number in range(CLIENTS)]
        while line := (await lines.readline()).decode().strip():
            if line.endswith("/s"):
                self.hurry(float(line.removesuffix("/s")))
            elif line != "count":
                self.fly(line)
            say(str(len(self.seen.answered)))
        self._stopped = True
        await asyncio.gather(*clients)
        self.seen.seconds, self.seen.requests = time.monotonic() - self._began, self._count() - self._before

    async def _client(self, number: int) -> None:
        # One after the other, so that they do not send all at once.
        await asyncio.sleep(self._pause * number / CLIENTS)
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        due = time.monotonic()
        while not self._stopped:
            self._next += 1
            request, began = self._requests[self._next % len(self._requests)], time.perf_counter()
            try:
                streams = streams or await asyncio.open_connection(self._host, int(self._port))
                streams[1].write(request)
                async with asyncio.timeout(30):
                    self._note(await message(streams[0]))
            except (OSError, EOFError, ValueError, KeyError) as error:
                self.seen.failures.append(repr(error))
                if streams is not None:
                    streams[1].close()
                streams = None
            else:
                self.seen.milliseconds.append((time.perf_counter() - began) * 1e3)
            # What could not be sent for a moment is sent a little faster then.
            due = max(due + self._pause, time.monotonic() - 5)
            await asyncio.sleep(due - time.monotonic())
        if streams is not None:
            streams[1].close()

    def _note(self, answer: bytes) -> None:
        head, _, body = answer.partition(b"\r\n\r\n")
        if head.split(b" ", 2)[1] != b"200":
            raise ValueError(answer[:300])
        found = json.loads(body)
        (prediction,) = found["predictions"]
        self.seen.rows[prediction["version"]] += 1
        self.seen.answered.append(found["request_id"])

    def _request(self, row: dict[str, Any]) -> bytes:
        body = json.dumps({"instances": [row]}).encode()
        head = f"POST /score HTTP/1.1\r\nhost: {self._host}:{self._port}\r\ncontent-type: application/json\r\n"
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def main() -> None:
    """Run the program, and write what was seen to a file."""
    address, folder, month, per_second, seen = sys.argv[1:]
    senders = Senders(address, Path(folder), float(per_second))
    senders.fly(month)
    with suppress(KeyboardInterrupt):
        asyncio.run(senders.run())
    Path(seen).write_text(json.dumps(vars(senders.seen)))


if __name__ == "__main__":
    main()
