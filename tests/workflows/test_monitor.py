"""`monitor.yml`, executed: what production asks for follows by itself, and whoever must hear of it does.

Act runs the workflows that it calls too: Train, Deploy and Alert. Tasks that would take minutes are scripted; that the
real ones decide, and train by what was decided, is tried with the real ones.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import team_edits
import yaml

from workflows.act import Act, Run
from workflows.servers import Webhook, started
from workflows.tools import at_level

pytestmark = at_level(4)
# As act names them: by the workflow that a job is in.
LOOK, BACK, TRAIN, TELL = "Look", "Roll back", "Train/Train the model", "Alert/Tell"
GATE, TESTS, TEST, PRODUCTION = (
    f"Deploy/{name}" for name in ("Pass the gate", "Test the version", "Deploy to test", "Deploy to production")
)
SERVER = {"MLFLOW_TRACKING_URI": "https://mlflow.example.com", "DATA_URI": "s3://data", "PREDICTIONS_URI": "s3://log"}
SERVICES = {"SERVICE_URL": "https://models.example.com", "TEST_SERVICE_URL": "https://test.example.com"}
USER = {"MLFLOW_TRACKING_USERNAME": "deployer", "MLFLOW_TRACKING_PASSWORD": "secret"}
KEY = {"LOG_HASH_KEY": "a key that nobody knows"}
DECISION = "20260101T000000Z-retrain"
CALM: dict[str, Any] = {
    "monitor": {"outputs": {"retrain": "", "rollback": ""}},
    "prune-log": {},
    "dashboard": {"files": {"state/dashboard/index.html": "<!doctype html>"}},
}
TO_PRODUCTION: dict[str, Any] = {
    "retrain": {"outputs": {"run": "0" * 32, "version": "7"}},
    "gate": {"outputs": {"version": "7", "passed": "true"}},
    "test-release": {},
    "deploy --to test": {},
    "deploy --to production": {},
}
RED = {"code": 1}
Start = Callable[..., Run]
# A version of the registry that production uses.
RELEASED = """
import mlflow
client = mlflow.MlflowClient()
client.create_registered_model("churn-model")
run = client.create_run(client.create_experiment("flown"))
client.create_model_version("churn-model", "runs:/none", run_id=run.info.run_id)
client.set_registered_model_alias("churn-model", "champion", "1")
"""


@pytest.fixture(scope="module")
def start(act_with: Callable[..., Act], rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """A function that executes a workflow whose tasks do what a script says, by schedule."""
    folder = tmp_path_factory.mktemp("scripted")
    act = act_with(folder / "act", folder)

    def execute(script: dict[str, Any], workflow: str = "monitor.yml", **given: Any) -> Run:
        given = {"variables": SERVER | SERVICES, **given}
        given["secrets"] = USER | KEY | given.get("secrets", {})
        return act(rendered, workflow, "schedule", environment={"STANDIN_POE": json.dumps(script)}, **given)

    return execute


def told(start: Start, script: dict[str, Any], **given: Any) -> tuple[Run, list[str]]:
    """Execute the monitor, and return what the receiver got as well."""
    with started(Webhook) as webhook:
        run = start(script, secrets={"ALERT_WEBHOOK_URL": webhook.url}, **given)
        return run, [message["text"] for message in webhook.received]


@pytest.fixture(scope="module")
def asked(start: Start) -> Run:
    """A run in which production asks for a training."""
    return start(found(retrain=DECISION))


@pytest.fixture(scope="module")
def harmed(start: Start) -> Run:
    """A run that finds a version which does harm."""
    return start(found(retrain=DECISION, rollback="7"))


def found(**outputs: str) -> dict[str, Any]:
    """A script whose look finds something."""
    return CALM | TO_PRODUCTION | {"monitor": {"outputs": outputs}, "guard": {}}


def test_a_look_at_a_calm_production_changes_nothing(start: Start) -> None:
    run, messages = told(start, CALM)
    assert run.jobs == {LOOK: "success"}, run.output
    assert not messages
    assert (run.artifacts / "dashboard/index.html").is_file()


def test_production_asks_for_a_training_which_goes_on_to_production(asked: Run) -> None:
    run = asked
    assert run.jobs == dict.fromkeys([LOOK, TRAIN, GATE, TESTS, TEST, PRODUCTION], "success"), run.output
    assert [call["task"] for call in run.of("poe")] == [*CALM, *TO_PRODUCTION]
    calls = {call["task"]: call for call in run.of("poe")}
    # It trains by the decision, so that a second start makes no second version, and leaves the release to Deploy.
    assert calls["retrain"]["arguments"][:3] == ["retrain", DECISION, "--no-release"]
    assert calls["gate"]["arguments"][:2] == ["gate", "7"]
    for task in ("monitor", "dashboard", *TO_PRODUCTION):
        assert calls[task]["environment"].items() >= USER.items()
    for task in CALM:
        assert calls[task]["environment"]["PREDICTIONS_URI"] == SERVER["PREDICTIONS_URI"]
    assert (run.artifacts / "dashboard/index.html").is_file()


def test_a_version_that_does_harm_is_taken_back_and_nothing_is_trained(harmed: Run) -> None:
    assert harmed.jobs == dict.fromkeys([LOOK, BACK], "success"), harmed.output
    (back,) = (call for call in harmed.of("poe") if call["task"] == "guard")
    assert back["arguments"] == ["guard", "--act"]
    assert back["environment"].items() >= (SERVER | USER | {"SERVICE_URL": SERVICES["SERVICE_URL"]}).items()


@pytest.mark.parametrize(
    ("script", "jobs", "workflow"),
    [
        (CALM | {"monitor": RED}, {LOOK: "failure"}, "Monitor"),
        (found(rollback="7") | {"guard": RED}, {LOOK: "success", BACK: "failure"}, "Monitor"),
        (found(rollback="7") | {"prune-log": RED}, {LOOK: "failure", BACK: "success"}, "Monitor"),
        (found(retrain=DECISION) | {"retrain": RED}, {LOOK: "success", TRAIN: "failure"}, "Train"),
    ],
    ids=["look", "rollback", "what comes after the look", "training"],
)
def test_a_scheduled_run_that_fails_is_told(
    script: dict[str, Any], jobs: dict[str, str], workflow: str, start: Start
) -> None:
    run, messages = told(start, script)
    assert run.jobs == jobs | {TELL: "success"}, run.output
    (message,) = messages
    assert f"the scheduled run of the workflow {workflow} did not succeed." in message


def test_without_a_service_nobody_looks_and_without_a_registry_it_is_told(start: Start) -> None:
    run, messages = told(start, {}, variables=SERVER)
    assert (run.jobs, messages) == ({}, [])
    run, messages = told(start, {}, variables=SERVICES)
    assert run.jobs == {LOOK: "failure", TELL: "success"}, run.output
    assert "Nothing was looked at: set MLFLOW_TRACKING_URI first" in run.output
    assert len(messages) == 1


def test_new_data_alone_starts_no_training_unless_the_team_wants_that(start: Start) -> None:
    script = {"collect": {"outputs": {"added": "5"}}, "train": {"outputs": {"run": "0" * 32}}}
    run = start(script, "data.yml")
    assert run.jobs == {"Collect": "success"}, run.output
    run = start(script, "data.yml", variables=SERVER | {"TRAIN_ON_DATA": "true"})
    assert run.jobs == {"Collect": "success", TRAIN: "success"}, run.output


def test_the_key_of_the_log_goes_where_the_log_is_read_and_nowhere_else(start: Start, asked: Run, harmed: Run) -> None:
    script = {"ab": {"outputs": {"decision": "promote"}}, "ab --decide": {"outputs": {"decision": "promoted"}}}
    calls = [call for run in (asked, harmed, start(script, "ab.yml")) for call in run.of("poe")]
    given = {call["task"] for call in calls if call["environment"].items() >= KEY.items()}
    assert given == {"monitor", "dashboard", "ab", "ab --decide"}


def workflow(repository: Path, name: str) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((repository / ".github/workflows" / name).read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("name", ["ab.yml", "data.yml", "deploy.yml", "monitor.yml", "train.yml"])
def test_whoever_calls_a_workflow_passes_all_its_secrets(name: str, rendered: Path) -> None:
    for job in workflow(rendered, name)["jobs"].values():
        if "uses" in job:
            called = workflow(rendered, Path(job["uses"]).name)
            optional = set() if name == "monitor.yml" else {"DATABASE_URL"}  # a training by a decision collects first
            assert job["secrets"].keys() >= called[True]["workflow_call"]["secrets"].keys() - optional
            assert job["permissions"] == {"contents": "read"}


def test_whatever_runs_by_schedule_tells_that_it_failed(rendered: Path) -> None:
    scheduled = set()
    for path in (rendered / ".github/workflows").glob("*.yml"):
        loaded = workflow(rendered, path.name)
        if "schedule" in loaded[True]:
            scheduled.add(loaded["name"])
            alert = loaded["jobs"]["alert"]
            assert (alert["uses"], alert["with"]) == ("$/.github/workflows/alert.yml", {"workflow": loaded["name"]})
            assert "github.event_name == 'schedule'" in alert["if"]
            # Otherwise a job runs only when those before it have succeeded.
            assert "always()" in alert["if"] or "failure()" in alert["if"]
    assert scheduled == {"A/B test", "Data", "Monitor", "Security", "Train"}


def test_looks_go_one_at_a_time_and_wait_for_no_approval(rendered: Path) -> None:
    monitor = workflow(rendered, "monitor.yml")
    assert "github.run_id" in monitor["concurrency"]["group"]
    jobs = [job for job in monitor["jobs"].values() if "uses" not in job]
    assert [job["concurrency"]["group"] for job in jobs] == ["monitor", "guard"]
    for job in jobs:
        assert job["concurrency"]["cancel-in-progress"] is False
        # The environments of deployments wait for people.
        assert job["environment"] == {"name": "training", "deployment": False}


def test_the_guard_takes_what_the_workflow_asks(harmed: Run, installed: Path, main_python: str) -> None:
    """Scripted tasks take any words; what the real ones of the other jobs take is tried below."""
    (back,) = (call["arguments"] for call in harmed.of("poe") if call["task"] == "guard")
    code = "import sys; from churn_model_ops.cli import _parser; _parser().parse_args(sys.argv[1:])"
    words = [installed / main_python / "bin/python", "-c", code, *back]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_real_monitor_decides_and_the_real_training_follows(
    act_with: Callable[..., Act],
    installed: Path,
    main_python: str,
    offline: dict[str, str],
    checkout: Path,
    tmp_path: Path,
) -> None:
    team_edits.edit(checkout, "config/monitoring.toml", ("max_age_days = 90.0", "max_age_days = 0.000001"))
    team_edits.edit(checkout, "config/data.toml", ('source = "demo"', 'source = "tests/sample.csv"'))
    team_edits.be_quick(checkout, ("tests/model/test_score.py",))
    registry = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/registry/mlflow.db"}
    (tmp_path / "registry").mkdir()
    python = installed / main_python / "bin/python"
    subprocess.run([python, "-c", RELEASED], env=os.environ | registry, check=True, capture_output=True)

    act = act_with(tmp_path / "act", installed, **offline)
    variables = registry | {"DATA_URI": str(tmp_path / "data"), "SERVICE_URL": "http://127.0.0.1:9"}
    with started(Webhook) as webhook:
        secrets = {"ALERT_WEBHOOK_URL": webhook.url}
        run = act(checkout, "monitor.yml", "schedule", variables=variables, secrets=secrets)
        messages = [message["text"] for message in webhook.received]
    passed = dict.fromkeys([LOOK, TRAIN, TELL], "success")
    # There is nothing behind the released version, so that the new one can't be compared: the way ends there.
    assert run.jobs == passed | {GATE: "failure"}, run.output
    assert "**Decision**: retrain. Version 1 was made on" in run.summary
    assert "Version 2 was made, and the pipeline deploys it." in run.summary
    assert "churn-model-ops gate 2 " in run.output
    assert messages[0].startswith("churn-model: The model is trained again. Version 1 was made on")
    assert messages[0].endswith("/actions/runs/1")
    assert "workflow Deploy did not succeed" in messages[1]
    assert "<svg" in (run.artifacts / "dashboard/index.html").read_text(encoding="utf-8")
