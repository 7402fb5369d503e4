"""The service of a generated repository, started as its team starts it, and asked over HTTP."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from support import free_port, uv
from tracking_server import answers

FLIGHT = {
    "scheduled_departure": "2013-03-01T17:45:00",
    "carrier": "B6",
    "origin": "JFK",
    "dest": "BOS",
    "distance": 187.0,
}


@contextmanager
def served(project: Path, *words: str, **environment: str) -> Iterator[str]:
    """Run `poe serve` on a free port of this machine while the block runs, and yield its address once it is ready."""
    with _running(project, "ready", words, environment) as url:
        yield url


@contextmanager
def started(project: Path, *words: str, port: int | None = None, **environment: str) -> Iterator[str]:
    """The same, but a service that has no model yet will do, and the port may be given."""
    with _running(project, "version", words, environment, port) as url:
        yield url


@contextmanager
def _running(
    project: Path, path: str, words: Sequence[str], environment: Mapping[str, str], port: int | None = None
) -> Iterator[str]:
    url = f"http://127.0.0.1:{(port := port or free_port())}"
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    process = subprocess.Popen(
        [uv(), "run", "poe", "serve", "--port", str(port), *words],
        cwd=project,
        env={**kept, **environment},
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 90
        while not answers(f"{url}/{path}"):
            assert process.poll() is None, "the service ended"
            assert time.monotonic() < deadline, "the service did not answer in time"
            time.sleep(0.2)
        yield url
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def get(url: str | urllib.request.Request) -> Any:
    """Return the JSON at an address."""
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.load(response)


def post(url: str, body: object) -> Any:
    """Send JSON to an address and return the JSON of its answer."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    return get(request)
