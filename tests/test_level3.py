"""Level 3 as its team uses it: from the first training to a rollback, with requests all the time, and no failure."""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import team_edits
from service import get, started
from support import git_status, make, run_in, try_in
from traffic import Traffic, flights

SIMPLE = "params.C=0.0001"
QUICK = (
    ("seconds = 10.0", "seconds = 3.0"),
    ("minutes = 10.0", "minutes = 0.1"),
    ("min_requests = 100", "min_requests = 20"),
)
KEPT = ("tests/model/", "tests/unit/test_split.py", "tests/integration/test_packaged_model.py")


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


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A repository whose canary and load test take seconds, with the data of two months."""
    project = make(tmp_path_factory.mktemp("level3") / "flight-delays", "classification", level=3)
    team_edits.be_quick(project, KEPT, *QUICK)
    team = Team(project)
    team.poe("collect", "--until", "2013-02-28")
    return team


def test_from_the_first_training_to_a_rollback_no_request_fails(
    team: Team, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with team.stage("first training"):
        team.poe("train", "--set", SIMPLE)
    with team.services():
        assert team.serves() == (None, None)
        words = ("deploy", "1", "--to", "production")
        assert "has not been through the gate" in team.poe(*words, code=1, service=team.production)
        with team.stage("first release"):
            team.release("1")
        assert team.serves() == ("1", None)
        with team.stage("second training"):
            team.poe("train")
        # The answers of March become known after the training.
        team.poe("collect", "--until", "2013-03-31")
        traffic = Traffic(team.production, flights(team.project, 3), rows_per_request=25, per_second=20)
        with traffic.running():
            with team.stage("gate, tests, test environment, canary"):
                assert "A/B test" in team.release("2")
            assert team.serves() == ("1", "2")
            with team.stage("A/B test"):
                decision = team.decide(tmp_path / "outputs")
            assert "decision=promoted" in (tmp_path / "outputs").read_text(), decision
            assert team.serves() == ("2", None)
            trace_of_a_prediction(team, traffic)
            with team.stage("rollback"):
                team.poe("rollback", service=team.production)
            assert team.serves() == ("1", None)
            before = traffic.ok
            until(lambda: traffic.ok > before + 10, "requests after the rollback")
        assert "ersion 1" in team.poe("trace", team.production)
        log = team.poe("releases")
    with capsys.disabled():
        sys.stdout.write(f"\n{json.dumps(numbers(team, traffic))}\n{decision}\n{log}\n")
    assert traffic.failures == []
    assert traffic.ok > 100
    assert set(traffic.rows) == {"1", "2"}
    # Champion 1, perhaps canary 2, champion 2, champion 1: never to and fro.
    assert max(map(len, traffic.versions.values())) <= 3
    assert git_status(team.project) == ""


def numbers(team: Team, traffic: Traffic) -> dict[str, Any]:
    """What the drill is about, in figures."""
    return {
        "seconds": team.seconds,
        "requests": {"answered": traffic.ok, "failed": len(traffic.failures)},
        "rows by version": dict(traffic.rows),
        "ms for 25 rows": {f"p{part:.0%}"[:-1]: round(traffic.percentile(part), 1) for part in (0.5, 0.99)},
    }


def trace_of_a_prediction(team: Team, traffic: Traffic) -> None:
    """One logged answer leads to its version and to data that is as it was; a changed file is found."""
    key = next(key for key, seen in traffic.versions.items() if "2" in seen)
    text = team.poe("trace", key)
    assert key in text
    part = next((team.project / "state/data").glob("date=2013-01-01/*.parquet"))
    content = part.read_bytes()
    part.write_bytes(content[:-1] + b"x")
    try:
        assert part.name in team.poe("trace", "2", code=1)
    finally:
        part.write_bytes(content)


def test_a_released_version_answers_files_by_its_alias(team: Team, tmp_path: Path) -> None:
    sample = next((team.project / "state/data").glob("date=2013-03-01/*.parquet"))
    assert "rows scored" in run_in(team.project, "run", "poe", "score", str(sample), str(tmp_path / "scored.parquet"))


def test_the_interface_that_a_fresh_repository_describes_is_that_of_its_service(team: Team) -> None:
    team.poe("api", "--check")
    team.poe("api")
    assert git_status(team.project) == ""
