"""Workflows that train and release, executed from fresh checkouts against one tracking server with sign-in."""

import base64
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from workflows.act import OWN_RUNNER, Act, Run
from workflows.servers import PASSWORD, Service, tracking_server
from workflows.tools import at_level, git

pytestmark = at_level(2)
COLLECT, TRAIN, RELEASE = "Collect", "Train the model", "Release the model"
TRAINER, RELEASER = (
    {"MLFLOW_TRACKING_USERNAME": name, "MLFLOW_TRACKING_PASSWORD": PASSWORD} for name in ("trainer", "releaser")
)
HOST = {"DEPLOY_HOST": "deploy@app.example.com", "DEPLOY_KNOWN_HOSTS": "app.example.com ssh-ed25519 AAAA"}
RELEASES = ("release-model.yml", "release.yml")
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
CALLER = """
on: workflow_dispatch
permissions: {}
jobs:
  train:
    name: Train
    permissions:
      contents: read
    uses: ./.github/workflows/train.yml
    with:
      set: seed=3
      register: false
    secrets:
      MLFLOW_TRACKING_USERNAME: ${{ secrets.MLFLOW_TRACKING_USERNAME }}
      MLFLOW_TRACKING_PASSWORD: ${{ secrets.MLFLOW_TRACKING_PASSWORD }}
  use:
    name: Use
    needs: train
    runs-on: ubuntu-24.04
    steps:
      - run: echo "run=$RUN version=$VERSION"
        env:
          RUN: ${{ needs.train.outputs.run }}
          VERSION: ${{ needs.train.outputs.version }}
"""
KEY = {"DEPLOY_SSH_KEY": "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"}


class Team:
    """What the runs share: the server, and the store of the data."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.variables = {"MLFLOW_TRACKING_URI": url, "DATA_URI": str(folder / "data")}

    def ask(self, path: str, body: dict[str, str] | None = None) -> Any:
        """Ask the server over its public API, as its administrator."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/api/2.0/mlflow/{path}", data, {"Content-Type": "application/json"}
        )
        credentials = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
        request.add_header("Authorization", f"Basic {credentials}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def champion(self) -> str | None:
        """The released version."""
        try:
            found = self.ask("registered-models/alias?name=churn-model&alias=champion")
        except urllib.error.HTTPError as error:
            error.close()
            return None
        return str(found["model_version"]["version"])

    def run_of(self, version: str) -> dict[str, dict[str, str]]:
        """The parameters and tags of the run of a version."""
        made = self.ask(f"model-versions/get?name=churn-model&version={version}")["model_version"]
        data = self.ask(f"runs/get?run_id={made['run_id']}")["run"]["data"]
        return {kind: {entry["key"]: entry["value"] for entry in data[kind]} for kind in ("params", "tags")}


@pytest.fixture(scope="module")
def team(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("team")
    with tracking_server(rendered / "tracking/compose.yaml", folder) as url:
        team = Team(url, folder)
        for user in (TRAINER, RELEASER):
            team.ask("users/create", {"username": user["MLFLOW_TRACKING_USERNAME"], "password": PASSWORD})
        yield team


@pytest.fixture(scope="module")
def act_here(acts: Callable[[Path], Act], tmp_path_factory: pytest.TempPathFactory) -> Act:
    return acts(tmp_path_factory.mktemp("runs") / "act")


@pytest.fixture(scope="module")
def collected(act_here: Act, locked: Path, team: Team) -> Run:
    """What the schedule starts: a collecting, and the training that follows it."""
    return act_here(locked, "data.yml", "schedule", variables=team.variables, secrets=TRAINER)


@pytest.fixture(scope="module")
def started_by_hand(act_here: Act, locked: Path, team: Team, collected: Run) -> Run:
    """A training with other settings, on a runner of the team's own that is a container."""
    assert collected.jobs, collected.output
    return act_here(
        locked,
        "train.yml",
        "workflow_dispatch",
        inputs={"set": "params.C=0.05 seed=7", "job": "", "collect": "false", "register": "true"},
        variables=team.variables | {"TRAINING_RUNNER": OWN_RUNNER},
        secrets=TRAINER,
        environment={"IMAGE_DIGEST": DIGEST},
    )


def test_training_follows_new_data(collected: Run, team: Team, locked: Path) -> None:
    assert collected.jobs == {COLLECT: "success", f"Train/{TRAIN}": "success"}, collected.output
    assert "not persisted" not in collected.summary
    assert team.url in collected.summary
    assert not list(collected.artifacts.iterdir())
    tags = team.run_of("1")["tags"]
    assert tags["git_commit"] == git(locked, "rev-parse", "HEAD").strip()
    assert tags["git_dirty"] == "false"
    assert tags["ci_run"] == "https://github.com/Acme/Churn/actions/runs/1"
    assert tags["image_digest"] == ""
    assert PASSWORD not in collected.output


def test_a_training_by_hand_has_its_settings_and_the_same_data(started_by_hand: Run, team: Team) -> None:
    assert started_by_hand.jobs == {TRAIN: "success"}, started_by_hand.output
    assert not list(started_by_hand.artifacts.iterdir())
    first, second = team.run_of("1"), team.run_of("2")
    assert (first["params"]["params.C"], second["params"]["params.C"]) == ("0.3", "0.05")
    assert second["tags"]["seed"] == "7"
    assert second["tags"]["image_digest"] == DIGEST
    assert second["tags"]["data_digest"] == first["tags"]["data_digest"]


def test_another_workflow_calls_it_and_gets_the_run(act: Act, checkout: Path, team: Team) -> None:
    (checkout / ".github/workflows/caller.yml").write_text(CALLER, encoding="utf-8")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "A workflow of the team")
    run = act(checkout, "caller.yml", "workflow_dispatch", variables=team.variables, secrets=TRAINER)
    assert run.jobs == {f"Train/{TRAIN}": "success", "Use": "success"}, run.output
    (printed,) = re.findall(r"run=([0-9a-f]{32}) version=$", run.output, re.MULTILINE)
    tags = team.ask(f"runs/get?run_id={printed}")["run"]["data"]["tags"]
    assert {"key": "seed", "value": "3"} in tags


def test_a_job_that_does_not_exist_is_red(act: Act, locked: Path, team: Team) -> None:
    inputs = {"job": "missing"}
    run = act(locked, "train.yml", "workflow_dispatch", variables=team.variables, secrets=TRAINER, inputs=inputs)
    assert run.jobs == {TRAIN: "failure"}, run.output
    assert "There is no job missing." in run.output


def release(act: Act, repository: Path, version: str, **options: Any) -> Run:
    """Release a version by hand."""
    return act(repository, "release-model.yml", "workflow_dispatch", inputs={"version": version}, **options)


def test_a_version_is_released_deployed_and_taken_back(
    act: Act, locked: Path, team: Team, service: Service, started_by_hand: Run
) -> None:
    assert started_by_hand.jobs == {TRAIN: "success"}, started_by_hand.output
    run = release(act, locked, "1", variables=team.variables, secrets=RELEASER)
    assert run.jobs == {RELEASE: "success"}, run.output
    assert "Released in the registry, not deployed." in run.summary
    assert team.champion() == "1"
    assert not run.of("docker compose restart")

    options: dict[str, Any] = {"variables": team.variables | HOST | {"SERVICE_URL": service.url}}
    options["secrets"] = RELEASER | KEY
    service.model = {"version": "2"}
    run = release(act, locked, "2", **options)
    assert run.jobs == {RELEASE: "success"}, run.output
    assert team.champion() == "2"
    (restart,) = run.of("docker compose restart")
    assert restart["arguments"] == ["app"]
    assert restart["environment"]["DOCKER_HOST"] == f"ssh://{HOST['DEPLOY_HOST']}"
    assert f"{service.url} answers with version 2 of the model." in run.summary

    service.model = {"version": "1"}
    run = release(act, locked, "previous", **options)
    assert run.jobs == {RELEASE: "success"}, run.output
    assert team.champion() == "1"
    assert f"{service.url} answers with version 1 of the model." in run.summary


def test_a_service_that_answers_with_another_version_is_red(
    act: Act, checkout: Path, team: Team, service: Service, started_by_hand: Run
) -> None:
    assert started_by_hand.jobs == {TRAIN: "success"}, started_by_hand.output
    script = checkout / "ops/src/churn_model_ops/served.py"
    text = script.read_text(encoding="utf-8")
    assert "default=120.0" in text
    script.write_text(text.replace("default=120.0", "default=0.0"), encoding="utf-8")
    git(checkout, "commit", "--quiet", "--all", "--message", "Do not wait")
    service.model = {"version": "7"}
    variables = team.variables | HOST | {"SERVICE_URL": service.url}
    run = release(act, checkout, "1", variables=variables, secrets=RELEASER | KEY)
    assert run.jobs == {RELEASE: "failure"}, run.output
    assert "answers with version 7 of the model, not 1" in run.output


def test_a_version_that_does_not_exist_is_red_and_changes_nothing(act: Act, locked: Path, team: Team) -> None:
    before = team.champion()
    run = release(act, locked, "99", variables=team.variables | HOST, secrets=RELEASER | KEY)
    assert run.jobs == {RELEASE: "failure"}, run.output
    assert "Traceback" not in run.output
    assert team.champion() == before
    assert not run.of("docker compose restart")


def test_without_a_server_nothing_is_released(act: Act, locked: Path) -> None:
    run = release(act, locked, "1", variables=HOST, secrets=KEY)
    assert run.jobs == {RELEASE: "failure"}, run.output
    assert "Nothing was released: set MLFLOW_TRACKING_URI first" in run.output
    assert not run.calls


def test_models_and_applications_are_deployed_one_at_a_time(rendered: Path) -> None:
    folder = rendered / ".github/workflows"
    model, application = (yaml.safe_load((folder / name).read_text(encoding="utf-8")) for name in RELEASES)
    one, other = model["jobs"]["release"], application["jobs"]["deploy"]
    assert one["concurrency"] == other["concurrency"] == {"group": "production", "cancel-in-progress": False}
    assert one["environment"] == other["environment"] == {"name": "production", "url": "${{ vars.SERVICE_URL }}"}
