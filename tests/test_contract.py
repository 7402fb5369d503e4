"""Contract v1 carries levels 2 to 4: a generated level 1 repository runs their whole loop, nothing in it edited."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import make, run_in, try_in

LOOP = Path(__file__).parent / "contract/loop.py"

# What the levels above bring along; the repository's own environment stays as it is.
TOOLS = ("mlflow-skinny>=3.13,<=3.15", "sqlalchemy", "alembic", "scipy")


# Levels 2 and 3 run on both tasks for themselves: this has only to say that level 4 will find what it needs.
@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("contract") / "flight-delays", "classification")


def test_the_loop_of_levels_2_to_4_runs_on_the_contract_alone(project: Path) -> None:
    run_in(project, "run", "poe", "collect")
    run_in(project, "run", "poe", "collect", "--until", "2013-07-31")
    tools = [word for tool in TOOLS for word in ("--with", tool)]
    output = run_in(project, "run", *tools, "python", str(LOOP), WIRING="flight_delays_ops")
    report = json.loads(output.splitlines()[-1])

    assert report["members"]["unused"] == []
    assert report["requests"]["failed"] == 0
    assert report["requests"]["ok"] >= 200
    assert set(report["requests"]["rows_by_version"]) == {"1", "2", "3"}
    low, high = report["ab_test"]["interval"]
    assert low < high < 0, "the challenger's loss is lower"
    assert report["ab_test"]["rows"] > 500
    assert report["trace"]["rows"] >= 50_000
    assert report["march"]["drifted"] == []
    assert report["july"]["drifted"] == ["dest"]
    status = try_in(project, "run", "git", "status", "--porcelain")
    assert status.stdout == "", "the team's files, the wiring and the lock are as they were"


@contextmanager
def edited(path: Path, old: str, new: str) -> Iterator[None]:
    """Have another text in a file while the block runs."""
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    path.write_text(text.replace(old, new))
    try:
        yield
    finally:
        path.write_text(text)


def test_a_missing_member_and_a_wrong_type_are_found_by_the_type_check(project: Path) -> None:
    package = project / "src/flight_delays"
    with (
        edited(package / "model.py", "def evaluate(", "def measure("),
        edited(package / "data.py", 'KEY = "flight_id"', "KEY = 7"),
    ):
        done = try_in(project, "run", "mypy", "ops/src/flight_delays_ops/project.py")
    assert done.returncode != 0
    assert "evaluate" in done.stdout
    assert 'KEY: expected "str", got "int"' in done.stdout


def test_another_parameter_is_found_by_the_test_of_the_contract(project: Path) -> None:
    data = project / "src/flight_delays/data.py"
    with edited(data, "df: pd.DataFrame, *, labelled: bool)", "df: pd.DataFrame, labelled: bool)"):
        done = try_in(project, "run", "pytest", "-q", "tests/unit/test_contract.py")
    assert done.returncode == 1
    assert "1 failed" in done.stdout
    assert "validate" in done.stdout


def test_a_prediction_that_depends_on_its_neighbours_is_found_by_the_test_of_the_model(project: Path) -> None:
    model = project / "src/flight_delays/model.py"
    old = "probability = model.predict_proba(features(rows))[:, 1]"
    with edited(model, old, "probability = rows['distance'].rank(pct=True)"):
        done = try_in(project, "run", "pytest", "-q", "tests/model/test_behaviour.py", "-k", "alone")
    assert done.returncode == 1
    assert "test_a_row_is_predicted_from_itself_alone" in done.stdout
