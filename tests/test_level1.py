"""The level 1 repository, used as its team uses it: nothing edited, every task run, a model served."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from service import post, served
from support import (
    TASKS,
    assert_installed_names_are_reserved,
    assert_tests_pass,
    git_status,
    make,
    run_in,
)


@pytest.fixture(scope="module", params=TASKS)
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def project(task: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository as the command makes it, with its dependencies locked and the environment that its lock says."""
    return make(tmp_path_factory.mktemp(task) / "flight-delays", task)


def test_its_own_checks_are_green_without_an_edit(project: Path, task: str, mypy_cache: str) -> None:
    """Lint, types, tests and wheels are what `workflows/test_ci.py` runs on each Python, for the first task."""
    # Of the tools of `poe lint`, too.
    run_in(project, "run", "pre-commit", "run", "--all-files", MYPY_CACHE_DIR=mypy_cache)
    if task != TASKS[0]:
        # The tests of the wiring are the same.
        assert_tests_pass(project, "tests/model")
    assert git_status(project) == ""


def test_no_package_that_it_uses_can_be_its_name(project: Path) -> None:
    assert_installed_names_are_reserved(project)


def test_it_goes_from_data_to_an_answer(project: Path) -> None:
    """Collect twice, train, score a file, serve, ask over HTTP."""
    first = run_in(project, "run", "poe", "collect")
    assert "demo data" in first
    manifest = project / "state/data/manifest.json"
    before = json.loads(manifest.read_text())
    assert sum(part["rows"] for part in before["parts"]) >= 50_000
    assert all(part["demo"] for part in before["parts"])
    run_in(project, "run", "poe", "collect")
    after = json.loads(manifest.read_text())
    days = [part["date"] for part in after["parts"]]
    assert len(days) == len(set(days)) > len(before["parts"])
    assert after["parts"][: len(before["parts"])] == before["parts"]

    run_in(project, "run", "poe", "train")
    model = project / "state/model"
    assert {path.name for path in model.iterdir()} >= {"model.skops", "model.json", "handover.md"}

    sample = project / "state/data" / after["parts"][0]["path"]
    run_in(project, "run", "poe", "score", str(sample), "state/scored.parquet")
    rows = json.loads(run_in(project, "run", "python", "-c", COMPARE.format(sample=sample)).splitlines()[-1])
    with served(project) as url:
        answer = post(f"{url}/score", {"instances": rows["instances"]})
        assert [round(p["prediction"], 6) for p in answer["predictions"]] == rows["batch"]
        broken = [{**rows["instances"][0], "distance": "far"}]
        with pytest.raises(urllib.error.HTTPError) as refused:
            post(f"{url}/score", {"instances": broken})
        assert refused.value.code == 422
        assert b"distance" in refused.value.read()
    assert git_status(project) == ""


# Requests from stored rows, and what batch scoring said of the same rows.
COMPARE = """
import json, pandas as pd
from flight_delays.data import SCHEMA
rows = pd.read_parquet({sample!r:}, partitioning=None).head(20)
scored = pd.read_parquet("state/scored.parquet").head(20)
instances = json.loads(rows[list(SCHEMA.columns)].to_json(orient="records", date_format="iso"))
print(json.dumps(dict(instances=instances, batch=[round(float(p), 6) for p in scored["prediction"]])))
""".replace("{sample!r:}", '"{sample}"')
