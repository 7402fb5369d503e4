"""Requests that nobody thought of, made from the service's own description: none of them is the service's fault."""

import datetime as dt
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance
from service import served
from support import make, run_in

# Trains on the rows that the repository tests itself with, in seconds.
TRAIN = """
import datetime as dt
from pathlib import Path
from flight_delays_ops import collect, config, sources, storage
from flight_delays_ops.train import train
start, store = dt.date(1970, 1, 1), storage.Store("state/data")
source = sources.open_source(config.DataConfig(source="tests/sample.csv", start=start), today=dt.date.today())
collect.collect(source, store, start=start)
train(store, config.TrainingConfig.read(), Path("state/model"))
"""
EXAMPLES = 150

# The times of the demo data are local and counted in nanoseconds, which the name of the format does not say.
TIMES = st.datetimes(min_value=dt.datetime(1678, 1, 1), max_value=dt.datetime(2261, 12, 31))
schemathesis.openapi.format("date-time", TIMES.map(lambda moment: moment.isoformat(timespec="seconds")))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # The requests of the regression are the same.
    project = make(tmp_path_factory.mktemp("service") / "flight-delays", "classification", level=3)
    run_in(project, "run", "python", "-c", TRAIN)
    return project


@pytest.fixture(scope="module")
def url(project: Path) -> Iterator[str]:
    with served(project, MODEL_DIR="state/model") as url:
        yield url


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: str(mode.value))
def test_no_request_is_the_fault_of_the_service(url: str, mode: GenerationMode) -> None:
    seen: dict[int, int] = {}
    for result in schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        scores = operation.path == "/score"
        if mode is GenerationMode.NEGATIVE and not scores:
            continue  # the others take nothing that could be wrong

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES if scores else 2,
            database=None,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.seed(0)
        def ask(case: Any) -> None:
            response = case.call()
            seen[response.status_code] = seen.get(response.status_code, 0) + 1
            case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])

        ask()
    assert max(seen) < 500
    assert seen[200 if mode is GenerationMode.POSITIVE else 422] > 0.8 * EXAMPLES, seen


def test_whatever_was_answered_is_in_the_log(url: str, project: Path) -> None:
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as response:
        metrics = response.read().decode()
    answered = [line for line in metrics.splitlines() if line.startswith("score_rows_total{")]
    lines = [line for path in project.glob("state/predictions/**/*.jsonl") for line in path.read_text().splitlines()]
    assert all(json.loads(line)["answered"] for line in lines)
    assert len(lines) == sum(float(line.rpartition(" ")[2]) for line in answered) > 0
