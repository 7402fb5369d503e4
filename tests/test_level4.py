"""Level 4 as its team uses it: production is watched, trains its model again and takes a bad one back, under load.

Flights of a summer come to a model of the winter: real drift, by the season. Days take seconds, since the clock of the
repository's processes is set forward from midnight to midnight, see `clock.py`; the rules of `config/monitoring.toml`
stay as they are given. Clients keep their connections to a front (`front.py`), which moves requests to a new process of
the service when the application is released, and never try twice.
"""

import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import team_edits
from loop_team import Command, LoopTeam, wait_until
from service import get
from steady_traffic import Seen, Steady, months, steady
from support import git_status, make, run_in
from team import QUICK, until

KEPT = ("tests/model/test_golden.py", "tests/unit/test_split.py", "tests/integration/test_packaged_model.py")
"""Without the tests of behaviour, or no bad model would come so far."""
MEASURED = ("max_p95_ratio = 2.0", "max_p95_ratio = 10.0")
"""Versions that are as fast as each other differ by more on a machine that trains and runs tests meanwhile."""
NO_TEST = ("share = 0.5", "share = 0.0")
"""No A/B test: the canary becomes champion."""
SIMPLEST = ('[params]\nestimator = "logistic"\nC = 0.3', '[params]\nestimator = "baseline"')
DEMANDED = ('    assert description["beats_baseline"] is True\n', "")
SUMMER, LATE_SUMMER, AUTUMN = 6, 8, 10
DATABASE = "state/mlflow/mlflow.db"
RATE = 108
"""Requests per second, somewhat more than there must be."""
SECOND = ('{"status": "alive"}', '{"status": "alive", "edition": "second"}')


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopTeam]:
    """A repository with the data of a winter; version 1 of its model is in production, and version 2 is a bad one."""
    project = make(tmp_path_factory.mktemp("level4") / "flight-delays", "classification", level=4)
    team = LoopTeam(project)
    team_edits.be_quick(project, KEPT, *QUICK, MEASURED, NO_TEST, *team.addresses())
    with team.stage("collect, two trainings, first release"):
        team.poe("collect", "--until", "2013-02-28")
        team.poe("train")
        with team.services():
            team.release("1")
            team.change("Demand no better model", "tests/integration/test_packaged_model.py", DEMANDED)
            team.change("Try the simplest model", "config/training.toml", SIMPLEST)
            team.poe("train")
            team.change("Take the model back", "config/training.toml", SIMPLEST[::-1])
            assert "failed" in team.poe("gate", "2")
            team.poe("test-release", "2")
            yield team


@pytest.fixture(scope="module")
def flights(team: LoopTeam, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flights that the clients ask for; most of them are not collected yet."""
    return months(team.project, tmp_path_factory.mktemp("flights") / "months", SUMMER, LATE_SUMMER, AUTUMN)


def test_production_trains_again_and_goes_back_while_no_request_fails(
    team: LoopTeam, flights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert team.serves() == ("1", None)
    # The answers of the summer become known.
    team.poe("collect", "--until", "2013-06-30")
    with steady(team.production, flights, SUMMER, per_second=25) as clients:
        with team.stage("two days of summer"):
            team.pass_a_day(clients)
            assert "Nothing calls for a training" in team.poe("monitor", "--act")
            team.pass_a_day(clients)
        training = team.stage("monitor, decision, training, gate, tests, canary, promotion")
        with training, once_there_is_a_canary(team, clients):
            decided = team.poe("monitor", "--act")
        assert "**Decision**: retrain." in decided, decided
        assert team.serves() == ("3", None), decided
        with team.stage("release of the application"):
            release_another_edition(team)
        late_summer(team, clients)
        with team.stage("gate overridden, test environment, canary, promotion"):
            promote_the_bad_version(team)
        with team.stage("guard's rollback"):
            team.begin_a_day(clients)
            team.pass_a_day(clients)
            guarded = team.poe("monitor", "--act")
        assert "Version 2 does harm." in guarded
        assert team.serves() == ("3", None)
        clients.wait(100)
    facts, seen = team.facts(), clients.seen
    with capsys.disabled():
        sys.stdout.write(f"\n{json.dumps(numbers(team, seen, facts, guarded), indent=1)}\n{guarded}\n")
    assert seen.failures == []
    # From the canary of version 3 on: two promotions, a release of the application and a rollback.
    assert seen.seconds >= 60
    assert seen.per_second >= 100
    assert set(seen.rows) == {"1", "2", "3"}
    assert_went_as_decided(facts)
    assert set(seen.answered) <= {request for request, _ in team.logged()}
    assert objective(guarded, "availability")["met"] == "yes"
    assert git_status(team.project) == ""


@contextmanager
def once_there_is_a_canary(team: LoopTeam, clients: Steady) -> Iterator[None]:
    """Let the clients send at their full rate as soon as a new version answers some of them."""

    def hurry() -> None:
        until(lambda: team.serves()[1] is not None, "a canary", 400)
        clients.hurry(RATE)

    with ThreadPoolExecutor() as pool:
        hurried = pool.submit(hurry)
        yield
        hurried.result()


def release_another_edition(team: LoopTeam) -> None:
    """A changed application takes over from the one that runs."""
    assert "edition" not in get(f"{team.production}/health")
    team.change("Say which edition", "ops/src/flight_delays_ops/app.py", SECOND)
    team.release_the_application()
    assert get(f"{team.production}/health")["edition"] == "second"


def late_summer(team: LoopTeam, clients: Steady) -> None:
    """The new champion answers flights of another month for a day, and what became of them is known."""
    with team.stage("a day of late summer"):
        clients.fly(LATE_SUMMER)
        team.poe("collect", "--until", "2013-08-31")
        team.pass_a_day(clients)


def promote_the_bad_version(team: LoopTeam) -> None:
    """Somebody lets a version pass that is worse, and names a reason."""
    why = "We wanted the simplest model that there is"
    assert "Let through in spite of that" in team.poe("gate", "2", "--override", why)
    team.poe("deploy", "2", "--to", "test")
    team.poe("deploy", "2", "--to", "production")
    assert team.serves() == ("2", None)


def assert_went_as_decided(facts: dict[str, Any]) -> None:
    """Two promotions, one rollback by the guard, and one training, which says why."""
    (retrain,) = (each for each in facts["decisions"] if each["act"] == "retrain")
    (rollback,) = (each for each in facts["decisions"] if each["act"] == "rollback")
    assert any("rift in 2 of the last 2 windows" in reason for reason in retrain["reasons"])
    assert (retrain["state"], retrain["version"]) == ("done", "3")
    assert facts["versions"] == {"1": "", "2": "", "3": retrain["id"]}
    assert (rollback["state"], rollback["version"]) == ("done", "2")
    assert "roc_auc" in rollback["reasons"][0]
    assert moves(facts) == [("promoted", "3"), ("promoted", "2"), ("rolled back", "2")]
    assert facts["champion"] == "3"


def moves(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """The promotions and rollbacks in their order."""
    events = sorted(facts["events"], key=lambda event: event["at"])
    return [(each["what"], each["version"]) for each in events if each["what"] in ("promoted", "rolled back")]


def objective(text: str, name: str) -> dict[str, str]:
    """What the monitor says of an objective of `slo.yaml`."""
    found = re.search(rf"^\| {name}: .* \| (\S+) \| (\S+) \| (\S+) \|$", text, re.MULTILINE)
    assert found, text
    return dict(zip(("promised", "reached", "met"), found.groups(), strict=True))


def numbers(team: LoopTeam, seen: Seen, facts: dict[str, Any], text: str) -> dict[str, Any]:
    """What the drill is about, in figures."""
    asked = len(seen.answered) + len(seen.failures)
    return {
        "seconds": team.seconds,
        "load": {"seconds": round(seen.seconds, 1), "requests per second": round(seen.per_second, 1)},
        "requests": {"answered": len(seen.answered), "failed": len(seen.failures)},
        "rows by version": dict(seen.rows),
        "ms": {f"p{part * 100:.0f}": round(seen.percentile(part), 1) for part in (0.5, 0.95, 0.99)},
        "availability": {"seen by clients": len(seen.answered) / asked, **objective(text, "availability")},
        "moves": moves(facts),
        "decisions": [{name: each[name] for name in ("act", "reasons", "outcome")} for each in facts["decisions"]],
        "windows": facts["windows"],
    }


def test_after_a_kill_at_any_moment_the_next_run_goes_on(
    team: LoopTeam, flights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice, before = random.Random(20131001), team.facts()
    # After the cool-down, and when the budget of a week is free again.
    team.clock.next_day(8)
    with steady(team.production, flights, AUTUMN, per_second=20) as clients:
        with team.stage("service killed"):
            service = team.serve_by_one_process()
            for _ in range(2):
                team.pass_a_day(clients, rows=100)
                time.sleep(dice.uniform(0, 2))
                service.kill()
                service = team.serve_by_one_process()
        with team.stage("collection killed"):
            kill_a_collection(team, dice, tmp_path)
        team.begin_a_day(clients)
        with team.stage("monitor killed"):
            kill_monitors(team, dice)
        with team.stage("training and release killed"):
            kill_the_loop(team, dice)
        with team.stage("next run"):
            text = team.poe("monitor", "--act")
    facts, seen, logged = team.facts(), clients.seen, team.logged()
    (decided,) = (each for each in facts["decisions"] if each["act"] == "retrain" and each not in before["decisions"])
    (number,) = (number for number, decision in facts["versions"].items() if decision == decided["id"])
    lost = set(seen.answered) - {request for request, _ in logged}
    with capsys.disabled():
        figures = {"answered": len(seen.answered), "failed": len(seen.failures), "answered, not logged": len(lost)}
        sys.stdout.write(f"\n{json.dumps({'seconds': team.seconds, **figures, 'decision': decided}, indent=1)}\n")
    assert (decided["state"], decided["version"]) == ("done", number), text
    assert decided["attempts"] >= 2
    assert moves(facts)[len(moves(before)) :] == [("promoted", number)]
    assert (facts["champion"], team.serves()) == (number, (number, None))
    assert not lost
    assert seen.failures, "the kills of the service were not felt"
    assert_windows_hold_each_answer_once(facts, logged)


def kill_a_collection(team: LoopTeam, dice: random.Random, folder: Path) -> None:
    """Kill a collection while it writes; in the end there is what one run would have collected."""
    data, words = team.project / "state/data", ("collect", "--until", "2013-10-31")
    parts, collecting = len(list(data.rglob("*.parquet"))), Command(team.project, *words)
    wait_until(lambda: len(list(data.rglob("*.parquet"))) > parts, collecting)
    time.sleep(dice.uniform(0, 0.1))
    collecting.kill()
    texts = [run_in(team.project, "run", "poe", *words, **where) for where in ({}, {"DATA_URI": str(folder)})]
    (one, other) = (re.findall(r"\| Digest \| (\S+) \|", text) for text in texts)
    assert one == other != []


def kill_monitors(team: LoopTeam, dice: random.Random) -> None:
    """Kill the monitor when it has begun to work, and when it has begun to write."""
    monitor = Command(team.project, "monitor")
    time.sleep(dice.uniform(0.2, 2))
    monitor.kill()
    database = team.project / DATABASE
    written, monitor = database.stat().st_mtime_ns, Command(team.project, "monitor")
    wait_until(lambda: database.stat().st_mtime_ns > written, monitor)
    time.sleep(dice.uniform(0, 0.2))
    monitor.kill()


def kill_the_loop(team: LoopTeam, dice: random.Random) -> None:
    """Kill what trains and releases: once when it has begun to, once while the new version is the canary."""
    words, database = ("retrain-model", "--reason", "The winter timetable is out"), team.project / DATABASE
    written, acting = database.stat().st_mtime_ns, Command(team.project, *words)
    wait_until(lambda: database.stat().st_mtime_ns > written, acting)
    time.sleep(dice.uniform(1, 6))
    acting.kill()
    acting = Command(team.project, *words)
    wait_until(lambda: team.serves()[1] is not None, acting)
    time.sleep(dice.uniform(0, 4))
    acting.kill()


def assert_windows_hold_each_answer_once(facts: dict[str, Any], logged: list[tuple[str, str]]) -> None:
    """Each day is evaluated once, and counts what the log holds of it."""
    days = Counter(at[:10] for _, at in logged)
    starts = [window["start"][:10] for window in facts["windows"]]
    assert len(starts) == len(set(starts))
    assert {window["start"][:10]: window["rows"] for window in facts["windows"]} == {day: days[day] for day in starts}
