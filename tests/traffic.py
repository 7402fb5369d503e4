"""Clients of a service that send rows of the demo data without a pause and never try twice."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support import run_in

CLIENTS = 2
ROWS = """
import json, pandas as pd
from flight_delays.data import KEY, SCHEMA
from pathlib import Path
files = sorted(Path("state/data").glob("date=2013-{month:02}-*/*.parquet"))
rows = pd.concat([pd.read_parquet(file, partitioning=None) for file in files]).sample(frac=1, random_state=0)
rows[[KEY, *SCHEMA.columns]].to_json("{target}", orient="records", date_format="iso")
"""


class Traffic:
    """What the clients sent and got.

    Attributes:
        ok: Requests that were answered with status 200.
        failures: All others, as a text each.
        rows: Rows by the version that answered them.
        versions: The version that answered each key, as often as it changed.
        milliseconds: Of each answered request.
    """

    def __init__(self, url: str, rows: list[dict[str, Any]], *, rows_per_request: int, per_second: float) -> None:
        self.ok = 0
        self.failures: list[str] = []
        self.rows: Counter[str] = Counter()
        self.versions: dict[str, list[str]] = {}
        self.milliseconds: list[float] = []
        self._address = urlsplit(url).netloc
        self._rows, self._next, self._size = rows, 0, rows_per_request
        self._pause = CLIENTS / per_second
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(CLIENTS)]

    @contextmanager
    def running(self) -> Iterator["Traffic"]:
        """Send requests while the block runs."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(30)

    def percentile(self, part: float) -> float:
        """Return the time in milliseconds within which that part of the requests was answered."""
        times = sorted(self.milliseconds)
        return times[min(len(times) - 1, int(len(times) * part))]

    def _batch(self) -> list[dict[str, Any]]:
        with self._lock:
            first, self._next = self._next, self._next + self._size
        return [self._rows[number % len(self._rows)] for number in range(first, first + self._size)]

    def _send(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=30)
        due = time.monotonic()
        while not self._stop.is_set():
            batch, started = self._batch(), time.perf_counter()
            try:
                predictions = scored(connection, batch)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.failures.append(repr(error))
                connection.close()
            else:
                with self._lock:
                    self._note(batch, predictions, (time.perf_counter() - started) * 1e3)
            due = max(due + self._pause, time.monotonic() - 1)
            self._stop.wait(max(0.0, due - time.monotonic()))
        connection.close()

    def _note(self, batch: list[dict[str, Any]], predictions: list[dict[str, Any]], milliseconds: float) -> None:
        self.ok += 1
        self.milliseconds.append(milliseconds)
        for row, prediction in zip(batch, predictions, strict=True):
            version = prediction["version"]
            self.rows[version] += 1
            seen = self.versions.setdefault(row["flight_id"], [])
            if not seen or seen[-1] != version:
                seen.append(version)


def scored(connection: http.client.HTTPConnection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the predictions for rows; an answer that is none is an error."""
    connection.request("POST", "/score", json.dumps({"instances": rows}), {"content-type": "application/json"})
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise OSError(f"{response.status} {content[:300]!r}")
    predictions: list[dict[str, Any]] = json.loads(content)["predictions"]
    return predictions


def flights(project: Path, month: int) -> list[dict[str, Any]]:
    """Return the collected rows of a month of 2013 as requests hold them, with their keys, in a mixed order."""
    target = project / "state/requests.json"
    run_in(project, "run", "python", "-c", ROWS.format(month=month, target=target))
    rows: list[dict[str, Any]] = json.loads(target.read_text())
    target.unlink()
    return rows
