"""A team at level 4: `Team` with a front before its service, and days that take seconds."""

import datetime as dt
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import team_edits
from clock import Clock
from front import Front, front
from service import get, started
from steady_traffic import CLIENTS, Steady
from support import free_port, run_in
from team import Team, until
from tracking_server import answers

FACTS = """
import json
from flight_delays_ops import champion, config, decisions, history, release_log, storage
from flight_delays_ops.model_config import ModelConfig
from flight_delays_ops.tracking import Tracking
tracking = Tracking(ModelConfig.read().name)
versions = tracking.versions()
print("FACTS", json.dumps({
    "champion": champion.find(versions).number,
    "decisions": [vars(each) for each in decisions.all_of(tracking)],
    "versions": {each.number: each.tags.get(decisions.TAG, "") for each in versions},
    "events": [vars(each) for each in release_log.events(versions)],
    "windows": [
        {"start": each.start.isoformat(), "version": each.version, "rows": each.rows,
         "breached": sorted({signal.kind for signal in each.signals if signal.breached})}
        for each in history.windows(tracking)
    ],
    "collected": storage.Store(config.data_uri()).manifest().rows,
}, default=str))
"""
POLL = "0.3"


class LoopTeam(Team):
    """A team whose service is behind a front, and whose clock can be set forward.

    Attributes:
        clock: Of all processes of the repository.
        front: What clients and tasks reach production by.
    """

    def __init__(self, project: Path) -> None:
        super().__init__(project)
        self.clock = Clock(project)
        self.front: Front
        self._ports = {"test": free_port(), "production": free_port()}
        self._service = ExitStack()

    def addresses(self) -> tuple[tuple[str, str], ...]:
        """Return what to replace in `config/environments.toml`, so that tasks find the services."""
        before = {"test": "not deployed.\n", "production": 'alias = "champion"\n'}
        return tuple(
            (f'{text}service_url = ""', f'{text}service_url = "http://127.0.0.1:{self._ports[name]}"')
            for name, text in before.items()
        )

    @contextmanager
    def services(self) -> Iterator[None]:
        """Run both services, that of production behind the front; they have no model at first."""
        with (
            started(self.project, port=self._ports["test"], ENVIRONMENT="test", POLL_SECONDS=POLL) as self.test,
            self._service,
        ):
            url = self._service.enter_context(started(self.project, POLL_SECONDS=POLL))
            with front(url, self._ports["production"]) as self.front:
                self.production = self.front.url
                yield

    def release_the_application(self) -> None:
        """Replace the process of production: a new one comes, gets all requests, and the old one ends without any."""
        new = ExitStack()
        url = new.enter_context(started(self.project, POLL_SECONDS=POLL))
        until(lambda: get(f"{url}/ready"), "the new process is ready")
        self.front.use(url)
        self._service.close()
        self._service.push(new)

    def serve_by_one_process(self) -> "Command":
        """The same, by a process that can be killed: it is on its own, without the runners before it."""
        port = free_port()
        service = Command(self.project, "serve", "--port", str(port), POLL_SECONDS=POLL)
        until(lambda: answers(f"http://127.0.0.1:{port}/ready"), "the new process is ready")
        self.front.use(f"http://127.0.0.1:{port}")
        self._service.close()
        self._service.callback(service.end)
        return service

    def facts(self) -> dict[str, Any]:
        """Return what registry, release log and history hold."""
        text = run_in(self.project, "run", "--no-sync", "python", "-c", FACTS)
        facts: dict[str, Any] = json.loads(text.rpartition("FACTS ")[2])
        return facts

    def logged(self) -> list[tuple[str, str]]:
        """Return each answered row in the prediction log of production: the name of its request, and when that came."""
        files = (self.project / "state/predictions/production").rglob("*.jsonl")
        lines = (json.loads(text) for file in files for text in file.read_bytes().splitlines())
        return [(line["request"], line["at"]) for line in lines if line.get("answered")]

    def pass_a_day(self, clients: Steady, rows: int = 600) -> None:
        """Let so many requests be answered, more than the monitor needs to tell anything, and begin the next day."""
        clients.wait(rows)
        self.begin_a_day(clients)

    def begin_a_day(self, clients: Steady) -> None:
        """Set the clock to a moment of the next day at which the monitor looks at the day before."""
        self.clock.next_day()
        # Those that were under way at midnight are answered within the minutes that the monitor waits for them.
        clients.wait(2 * CLIENTS)
        self.clock.forward(dt.timedelta(minutes=10))

    def change(self, title: str, path: str, *replacements: tuple[str, str]) -> None:
        """Commit a change."""
        team_edits.edit(self.project, path, *replacements)
        team_edits.commit(self.project, title)


class Command:
    """A command of the repository that runs as one process, leader of a group of its own.

    Attributes:
        process: The process.
    """

    def __init__(self, project: Path, *words: str, **environment: str) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
        program = project / ".venv/bin/flight-delays-ops"
        self.process = subprocess.Popen(
            [program, *words],
            cwd=project,
            env={**kept, **environment},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end(self) -> None:
        """Let it end, if it has not."""
        self.process.terminate()
        self.process.wait(30)

    def kill(self) -> None:
        """Kill it, and what it has started, while it runs."""
        assert self.process.poll() is None, f"{self.process.args!r} has ended before its kill"
        os.killpg(self.process.pid, signal.SIGKILL)
        assert self.process.wait() == -signal.SIGKILL


def wait_until(condition: Callable[[], object], command: Command, seconds: float = 180) -> None:
    """Wait for something that a command does."""
    end = time.monotonic() + seconds
    while not condition():
        assert command.process.poll() is None, f"{command.process.args!r} has ended before that"
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.01)
