"""A team that takes versions of its model to production, stage by stage, with the tasks of its repository."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from service import get, started
from support import try_in

SIMPLE = "params.C=0.0001"
QUICK = (
    ("seconds = 10.0", "seconds = 3.0"),
    ("minutes = 10.0", "minutes = 0.1"),
    ("min_requests = 100", "min_requests = 20"),
)
KEPT = ("tests/model/test_score.py", "tests/unit/test_split.py", "tests/integration/test_packaged_model.py")


def until(condition: Callable[[], Any], what: str, seconds: float = 120) -> Any:
    """Wait for something and return it."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.2)
    return found


class Team:
    """A team with a repository and a service in each environment.

    Attributes:
        project: The repository.
        test: Address of the service in the environment `test`.
        production: The one in production.
        seconds: What each stage took.
    """

    def __init__(self, project: Path) -> None:
        self.project = project
        self.test = self.production = ""
        self.seconds: dict[str, float] = {}

    @contextmanager
    def services(self) -> Iterator[None]:
        """Run both services, which have no model at first."""
        with (
            started(self.project, ENVIRONMENT="test", POLL_SECONDS="0.3") as self.test,
            started(self.project, POLL_SECONDS="0.3") as self.production,
        ):
            yield

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Take the time of a stage."""
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 1)

    def poe(self, *words: str, code: int = 0, service: str = "") -> str:
        """Run a task; what it prints holds no trace of Python."""
        environment = {"SERVICE_URL": service} if service else {}
        done = try_in(self.project, "run", "--no-sync", "poe", *words, **environment)
        assert done.returncode == code, f"poe {' '.join(words)}:\n{done.stdout[-8000:]}"
        assert not re.search("Traceback|Warning", done.stdout), done.stdout
        return done.stdout

    def serves(self) -> tuple[str | None, str | None]:
        """Return the versions of champion and canary that production says it answers with."""
        facts = get(f"{self.production}/version")
        return tuple(facts[name] and facts[name]["version"] for name in ("model", "canary"))

    def release(self, version: str) -> str:
        """Bring a version to production, stage by stage as the pipeline does."""
        assert "passed" in self.poe("gate", version)
        self.poe("test-release", version)
        self.poe("deploy", version, "--to", "test", service=self.test)
        assert get(f"{self.test}/version")["model"]["version"] == version
        return self.poe("deploy", version, "--to", "production", service=self.production)

    def decide(self, outputs: Path) -> str:
        """Look at the A/B test, as the schedule does, until it is decided."""

        def looked() -> str:
            outputs.write_text("")
            text = self.poe("ab", "--decide", "--outputs", str(outputs), service=self.production)
            return "" if "decision=continue" in outputs.read_text() else text

        text: str = until(looked, "the A/B test is decided", 240)
        return text
