"""Level 3 as its team uses it: from the first training to a rollback, with requests all the time, and no failure."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import team_edits
from support import git_status, make, run_in
from team import KEPT, QUICK, SIMPLE, Team, until
from traffic import Traffic, flights


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
