"""The way from training to production, with the real tasks, one registry for all, and two running services."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import team_edits
from support import free_port
from tracking_server import answers, running

from workflows.act import Act
from workflows.tools import at_level, git

pytestmark = at_level(3)
KEPT = ("tests/unit/test_split.py", "tests/integration/test_packaged_model.py", "tests/model/test_golden.py")
# The service of the application, which answers a little wrong.
SERVICE = """
import sys
from churn_model_ops import cli, project

right = project.scoring.score

def score(model, payload):
    answer = right(model, payload)
    for row in answer["predictions"]:
        row["score"] = 0.999 * row["score"]
    return answer

project.scoring.score = score
sys.exit(cli.main(["serve", "--port", sys.argv[1]]))
"""


@dataclass(frozen=True, kw_only=True)
class Team:
    """What the workflows and the services share.

    Attributes:
        variables: Variables of the repository.
        releases: Returns the release log.
    """

    variables: dict[str, str]
    releases: Callable[[], str]

    def in_production(self) -> Any:
        """The model that answers there."""
        with urlopen(f"{self.variables['SERVICE_URL']}/version", timeout=10) as answer:
            return json.load(answer)["model"]


@pytest.fixture(scope="module")
def quick(locked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose load test is short, and with a few of its tests: all of them run elsewhere."""
    clone = tmp_path_factory.mktemp("quick") / "clone"
    git(locked, "clone", "--quiet", str(locked), str(clone))
    team_edits.be_quick(clone, KEPT, ("seconds = 10.0", "seconds = 2.0"))
    return clone


@pytest.fixture(scope="module")
def team(quick: Path, installed: Path, main_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("team")
    python = str(installed / main_python / "bin/python")
    shared = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/registry/mlflow.db"}
    (folder / "registry").mkdir()
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    kept |= shared | {"PYTHONDONTWRITEBYTECODE": ""}

    @contextmanager
    def service(environment: str) -> Iterator[str]:
        port, place = free_port(), folder / environment
        place.mkdir()
        words = [python, "-c", SERVICE, str(port)]
        url = f"http://127.0.0.1:{port}"
        settings = kept | {"ENVIRONMENT": environment, "POLL_SECONDS": "0.3"}
        (place / "config").symlink_to(quick / "config")
        with running(words, place, lambda: answers(f"{url}/health"), env=settings):
            yield url

    def releases() -> str:
        words = [python, "-c", "import sys; from churn_model_ops.cli import main; sys.exit(main(['releases']))"]
        done = subprocess.run(words, cwd=quick, env=kept, capture_output=True, text=True, check=True)
        return done.stdout

    with service("test") as test, service("production") as production:
        variables = shared | {"DATA_URI": str(folder / "data"), "SERVICE_URL": production, "TEST_SERVICE_URL": test}
        yield Team(variables=variables, releases=releases)


def test_a_failed_smoke_test_stops_a_version_and_leaves_production_untouched(
    act_with: Callable[..., Act], installed: Path, offline: dict[str, str], quick: Path, team: Team, tmp_path: Path
) -> None:
    act = act_with(tmp_path / "act", installed, **offline)
    run = act(quick, "train.yml", "push", {"ref": "refs/heads/main"}, variables=team.variables)
    passed = dict.fromkeys(["Train the model", "Deploy/Pass the gate", "Deploy/Test the version"], "success")
    assert run.jobs == passed | {"Deploy/Deploy to test": "failure"}, run.output
    assert re.search(r"Version 1 failed in the test environment, .* the version gives \S+ here", run.output)
    assert "Traceback" not in run.output
    assert team.in_production() is None
    log = team.releases()
    assert "test failed" in log
    assert "released" not in log
    assert "https://github.com/Acme/Churn/actions/runs/1" in log
