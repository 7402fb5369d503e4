"""A team that breaks contract v1 in its own files is told so by the checks of its repository."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import make, try_in


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("contract") / "flight-delays", "classification")


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


def test_a_missing_member_and_a_wrong_type_are_found_by_the_type_check(project: Path, mypy_cache: str) -> None:
    package = project / "src/flight_delays"
    with (
        edited(package / "model.py", "def evaluate(", "def measure("),
        edited(package / "data.py", 'KEY = "flight_id"', "KEY = 7"),
    ):
        done = try_in(project, "run", "mypy", "ops/src/flight_delays_ops/project.py", MYPY_CACHE_DIR=mypy_cache)
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
