"""Servers that workflows talk to, on this machine: a webhook, the service on the host, a team's tracking server."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import yaml
from support import free_port, uv
from tracking_server import MLFLOW, answers, postgres, running

PASSWORD = "a-long-random-text"
SETTINGS = {"DATABASE_PASSWORD": PASSWORD, "ADMIN_PASSWORD": PASSWORD, "SECRET_KEY": PASSWORD}
"""What a team writes to the file .env beside the compose file."""

Server = TypeVar("Server", bound=ThreadingHTTPServer)


class Webhook(ThreadingHTTPServer):
    """Keeps the JSON that is posted to it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.received: list[Any] = []

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}/hooks/secret-path"


class Service(ThreadingHTTPServer):
    """The application on a host: what `/version` and `/ready` say of it."""

    version = "0.1.0"
    model: dict[str, str] | None = None
    ready = True

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_GET(self) -> None:
        self.send_response({"/version": 200, "/ready": 200 if self.server.ready else 503}.get(self.path, 404))
        self.end_headers()
        self.wfile.write(json.dumps({"version": self.server.version, "model": self.server.model}).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep the log of the test clean."""


@contextmanager
def started(kind: type[Server]) -> Iterator[Server]:
    """Run one of the servers above on a free port."""
    with kind(("127.0.0.1", 0), _Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@contextmanager
def tracking_server(compose: Path, folder: Path) -> Iterator[str]:
    """Run the server of a repository's `tracking/compose.yaml`: its command, its settings, its sign-in, on PostgreSQL.

    Args:
        compose: The file.
        folder: Stands for the volumes of the server.

    Yields:
        Its address. `admin` signs in with PASSWORD.
    """
    text = re.sub(r"\$\{(\w+)(?::[?-]([^}]*))?\}", _setting, compose.read_text(encoding="utf-8"))
    definition = yaml.safe_load(text.replace("/artifacts", f"{folder}/artifacts").replace("/users", f"{folder}/users"))
    server, port = definition["services"]["server"], free_port()
    sign_in = folder / "sign-in.ini"
    sign_in.write_text(definition["configs"]["sign-in"]["content"], encoding="utf-8")
    (folder / "users").mkdir()
    with postgres() as database:
        changed = {
            "--host=0.0.0.0": "--host=127.0.0.1",
            "--port=5000": f"--port={port}",
            "--backend-store-uri=postgresql+psycopg2://mlflow@database/mlflow": f"--backend-store-uri={database}",
        }
        assert changed.keys() <= set(server["command"]), server["command"]
        words = [uv(), "tool", "run", "--quiet", "--from", MLFLOW.replace("==", "[auth]==")]
        words += ["--with", "psycopg2-binary", *(changed.get(word, word) for word in server["command"]), "--workers=1"]
        environment = os.environ | server["environment"] | {"MLFLOW_AUTH_CONFIG_PATH": str(sign_in)}
        url = f"http://127.0.0.1:{port}"
        with running(words, folder, lambda: answers(f"{url}/health"), env=environment):
            yield url


def _setting(found: re.Match[str]) -> str:
    """The value of a variable in a compose file: ours, or its default."""
    return SETTINGS.get(found[1], found[2] or "")
