"""`deploy.yml` and `ab.yml`, executed with scripted tasks: which step follows which, and what stops them."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from workflows.act import Act, Run
from workflows.servers import Service, Webhook
from workflows.tools import at_level

pytestmark = at_level(3)
GATE, TESTS, TEST, PRODUCTION, NOT_DEPLOYED = (
    "Pass the gate", "Test the version", "Deploy to test", "Deploy to production", "Not deployed",
)  # fmt: skip
LOOK, DECIDE, TRAIN, TELL = "Look", "Decide", "Train the model", "Alert/Tell"
SERVER = {"MLFLOW_TRACKING_URI": "https://mlflow.example.com", "DATA_URI": "s3://data"}
SERVICES = {"SERVICE_URL": "https://models.example.com", "TEST_SERVICE_URL": "https://test.example.com"}
USER = {"MLFLOW_TRACKING_USERNAME": "deployer", "MLFLOW_TRACKING_PASSWORD": "secret"}
PASSED = {"outputs": {"version": "7", "passed": "true"}}
GOOD: dict[str, Any] = {
    "train": {"outputs": {"run": "0" * 32, "version": "7"}},
    "gate": PASSED,
    "test-release": {},
    "deploy --to test": {"outputs": {"deployed": "true", "stage": "test"}},
    "deploy --to production": {"outputs": {"deployed": "true", "stage": "ab"}},
}
RED = {"code": 1}
Start = Callable[..., Run]


@pytest.fixture
def start(scripted_act: Act, rendered: Path) -> Start:
    """A function that executes a workflow whose tasks do what a script says."""

    def started(workflow: str, script: dict[str, Any], event: str = "workflow_dispatch", **given: Any) -> Run:
        given = {"variables": SERVER | SERVICES, "secrets": USER} | given
        environment = {"STANDIN_POE": json.dumps(script)}
        return scripted_act(rendered, workflow, event, environment=environment, **given)

    return started


def tasks(run: Run) -> list[str]:
    """The tasks that ran, in order."""
    return [call["task"] for call in run.of("poe")]


def deploy(start: Start, script: dict[str, Any], **given: Any) -> Run:
    """Start a deployment by hand."""
    return start("deploy.yml", script, **{"inputs": {"version": "candidate", "override": ""}} | given)


def test_a_version_goes_to_production_step_by_step(start: Start) -> None:
    inputs = {"version": "candidate", "override": "the holdout is too old"}
    run = deploy(start, GOOD, inputs=inputs, variables=SERVER | SERVICES)
    assert run.jobs == dict.fromkeys([GATE, TESTS, TEST, PRODUCTION], "success"), run.output
    gate, tests, test, production = run.of("poe")
    assert gate["arguments"][:2] == ["gate", "candidate"]
    assert "--override=the holdout is too old" in gate["arguments"]
    # The number, not a name that may move to another version meanwhile.
    assert tests["arguments"] == ["test-release", "7"]
    assert test["arguments"] == ["deploy", "7", "--to", "test"]
    assert production["arguments"] == ["deploy", "7", "--to", "production"]
    for call in run.of("poe"):
        assert call["environment"].items() >= (USER | {"MLFLOW_TRACKING_URI": SERVER["MLFLOW_TRACKING_URI"]}).items()
    assert gate["environment"]["DATA_URI"] == SERVER["DATA_URI"]
    assert gate["environment"]["SERVICE_URL"] == production["environment"]["SERVICE_URL"] == SERVICES["SERVICE_URL"]
    assert test["environment"]["SERVICE_URL"] == SERVICES["TEST_SERVICE_URL"]


def test_without_services_it_is_tested_and_not_deployed(start: Start) -> None:
    run = deploy(start, GOOD, variables=SERVER)
    assert run.jobs == dict.fromkeys([GATE, TESTS, TEST, NOT_DEPLOYED], "success"), run.output
    assert tasks(run) == ["gate", "test-release", "deploy --to test"]
    assert "SERVICE_URL" not in run.of("poe")[-1]["environment"]
    assert "Not deployed to production. The variable SERVICE_URL names no service." in run.summary


@pytest.mark.parametrize(
    ("changed", "jobs", "last"),
    [
        ({"gate": {"outputs": {"version": "7", "passed": "false"}}}, {GATE: "success"}, "gate"),
        ({"gate": RED}, {GATE: "failure"}, "gate"),
        ({"test-release": RED}, {GATE: "success", TESTS: "failure"}, "test-release"),
        ({"deploy --to test": RED}, {GATE: "success", TESTS: "success", TEST: "failure"}, "deploy --to test"),
    ],
    ids=["not passed", "not measured", "a red test", "a red smoke test"],
)
def test_nothing_follows_a_step_that_fails(
    changed: dict[str, Any], jobs: dict[str, str], last: str, start: Start
) -> None:
    run = deploy(start, GOOD | changed)
    assert run.jobs == jobs, run.output
    assert tasks(run)[-1] == last


def test_a_version_waits_for_the_end_of_another_rollout(start: Start) -> None:
    run = deploy(start, GOOD | {"gate": {"outputs": PASSED["outputs"] | {"rollout": "6"}}})
    assert run.jobs == dict.fromkeys([GATE, TESTS, TEST, NOT_DEPLOYED], "success"), run.output
    assert "deploy --to production" not in tasks(run)
    assert "Version 7 waits until the rollout of version 6 ends" in run.summary


def test_without_a_tracking_server_nothing_is_deployed(start: Start) -> None:
    run = deploy(start, GOOD, variables=SERVICES)
    assert run.jobs == {GATE: "failure"}, run.output
    assert "Nothing was deployed: set MLFLOW_TRACKING_URI first" in run.output
    assert not run.calls


def test_training_goes_on_to_production_and_a_failure_is_told(start: Start, webhook: Webhook) -> None:
    secrets = USER | {"ALERT_WEBHOOK_URL": webhook.url}
    run = start("train.yml", GOOD | {"deploy --to production": RED}, "schedule", secrets=secrets)
    passed = {TRAIN: "success", TELL: "success"} | {f"Deploy/{name}": "success" for name in (GATE, TESTS, TEST)}
    assert run.jobs == passed | {f"Deploy/{PRODUCTION}": "failure"}, run.output
    gate, *_, production = run.of("poe")[1:]
    assert gate["arguments"][:2] == ["gate", "7"]
    assert production["environment"].items() >= USER.items()
    (message,) = webhook.received
    assert "the workflow Deploy did not succeed" in message["text"]


@pytest.mark.parametrize(
    ("given", "outputs"),
    [
        ({"payload": {"ref": "refs/heads/experiment"}}, {"version": "7"}),
        ({"variables": SERVICES}, {"version": "7"}),
        ({}, {"run": "0" * 32}),
    ],
    ids=["another branch", "no tracking server", "no version"],
)
def test_training_that_makes_no_version_for_all_is_not_deployed(
    given: dict[str, Any], outputs: dict[str, str], start: Start
) -> None:
    run = start("train.yml", GOOD | {"train": {"outputs": outputs}}, **given)
    assert run.jobs == {TRAIN: "success"}, run.output


def test_a_decision_is_acted_on_and_the_next_version_follows(start: Start) -> None:
    script = GOOD | {
        "ab": {"outputs": {"decision": "promote"}},
        "ab --decide": {"outputs": {"decision": "promoted", "next": "8"}},
        "gate": {"outputs": {"version": "8", "passed": "false"}},
    }
    run = start("ab.yml", script, "schedule")
    assert run.jobs == dict.fromkeys([LOOK, DECIDE, f"Deploy/{GATE}"], "success"), run.output
    look, decide, gate = run.of("poe")
    assert (look["task"], decide["task"]) == ("ab", "ab --decide")
    assert gate["arguments"][:2] == ["gate", "8"]
    for call in (look, decide):
        assert call["environment"].items() >= (SERVER | USER | {"SERVICE_URL": SERVICES["SERVICE_URL"]}).items()


@pytest.mark.parametrize(
    ("outputs", "jobs"),
    [
        ({"decision": "continue", "next": "8"}, {LOOK}),
        ({"decision": "none"}, {LOOK}),
        ({"decision": "none", "next": "8"}, {LOOK, f"Deploy/{GATE}"}),
    ],
    ids=["undecided", "nothing there", "one waits"],
)
def test_a_look_changes_nothing_in_production(outputs: dict[str, str], jobs: set[str], start: Start) -> None:
    script = {"ab": {"outputs": outputs}, "gate": {"outputs": {"version": "8", "passed": "false"}}}
    run = start("ab.yml", script, "schedule")
    assert run.jobs == dict.fromkeys(jobs, "success"), run.output


def test_without_a_service_nobody_looks(start: Start) -> None:
    run = start("ab.yml", {}, "schedule", variables=SERVER)
    assert not run.jobs, run.output


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"action": "roll back", "reason": "wrong answers", "version": ""}, ["rollback", "--reason", "wrong answers"]),
        (
            {"action": "emergency release", "reason": "the champion is broken", "version": "3"},
            ["release-model", "3", "--emergency", "the champion is broken"],
        ),
    ],
    ids=["roll back", "emergency release"],
)
def test_emergencies_are_one_step_and_the_service_must_follow(
    inputs: dict[str, str], words: list[str], start: Start, service: Service
) -> None:
    service.model = {"version": "3"}
    variables = SERVER | {"SERVICE_URL": service.url}
    script = {words[0]: {"outputs": {"version": "3"}}}
    run = start("release-model.yml", script, variables=variables, inputs=inputs)
    assert run.jobs == {"Release the model": "success"}, run.output
    (call,) = run.of("poe")
    assert call["arguments"][:-2] == words
    assert call["environment"].items() >= USER.items()
    assert f"{service.url} answers with version 3 of the model." in run.summary
    assert not run.of("docker compose restart")


def test_what_the_workflows_ask_for_is_what_the_tasks_take(start: Start, installed: Path, main_python: str) -> None:
    """Scripted tasks take any words; the real program must know them."""
    script = GOOD | {name: {"outputs": {"decision": "end"}} for name in ("ab", "ab --decide")}
    runs = [deploy(start, GOOD), start("ab.yml", script, "schedule")]
    for inputs in ({"action": "roll back"}, {"action": "emergency release", "version": "3"}):
        script = {"rollback": RED, "release-model": RED}
        runs.append(start("release-model.yml", script, inputs=inputs | {"reason": "a drill of the team"}))
    calls = [call["arguments"] for run in runs for call in run.of("poe")]
    assert {words[0] for words in calls} == {"gate", "test-release", "deploy", "ab", "rollback", "release-model"}
    code = "import json, sys\nfrom churn_model_ops.cli import _parser\n"
    code += "for words in json.load(sys.stdin): _parser().parse_args(words)"
    python = installed / main_python / "bin/python"
    done = subprocess.run([python, "-c", code], input=json.dumps(calls), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def workflow(repository: Path, name: str) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((repository / ".github/workflows" / name).read_text(encoding="utf-8"))
    return loaded


def environments(repository: Path) -> dict[str, list[dict[str, Any]]]:
    """Every job that uses an environment, by its name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in (repository / ".github/workflows").glob("*.yml"):
        for job in workflow(repository, path.name)["jobs"].values():
            if "environment" in job:
                found.setdefault(job["environment"]["name"], []).append(job)
    return found


def test_one_at_a_time_in_each_environment_and_none_is_dropped(rendered: Path) -> None:
    for name in ("test", "production"):
        for job in environments(rendered)[name]:
            assert job["concurrency"] == {"group": name, "cancel-in-progress": False, "queue": "max"}
    assert len(environments(rendered)["production"]) == 4


def test_an_environment_without_a_service_reports_no_deployment(rendered: Path) -> None:
    found = environments(rendered)
    for name in ("training", "data", "alerts"):
        assert all(job["environment"]["deployment"] is False for job in found[name])
    conditions = {f"vars.{name} != ''" for name in ("SERVICE_URL", "DEPLOY_HOST", "TEST_DEPLOY_HOST")}
    decided_before = "needs.look.outputs.decision == 'promote'"  # there is a rollout, so there is a service
    by_hand = workflow(rendered, "release-model.yml")["jobs"]["release"]
    for job in [*found["test"], *found["production"]]:
        if job != by_hand:
            text = f"{job.get('if', '')} {job['environment'].get('deployment', '')}".replace("TEST_SERVICE", "SERVICE")
            assert any(condition in text for condition in {*conditions, decided_before}), job["name"]


def test_no_run_waits_for_the_approval_of_another(rendered: Path) -> None:
    """A deployment may wait for days, and must not hold up what comes before it."""
    train, data = workflow(rendered, "train.yml"), workflow(rendered, "data.yml")
    assert train["jobs"]["train"]["concurrency"] == {"group": "train", "cancel-in-progress": False, "queue": "max"}
    assert "github.run_id" in train["concurrency"]["group"]
    assert data["jobs"]["collect"]["concurrency"] == {"group": "data", "cancel-in-progress": False}
    assert "concurrency" not in data


@pytest.mark.parametrize("name", ["ab.yml", "data.yml", "deploy.yml", "train.yml"])
def test_whoever_calls_a_workflow_passes_all_its_secrets(name: str, rendered: Path) -> None:
    caller = workflow(rendered, name)
    for job in caller["jobs"].values():
        if "uses" in job:
            called = workflow(rendered, Path(job["uses"]).name)
            wanted = called[True]["workflow_call"]["secrets"].keys() - {"DATABASE_URL"}
            assert job["secrets"].keys() >= wanted
            assert job["permissions"] == {"contents": "read"}
            assert called.get("concurrency", {}).get("group") != caller.get("concurrency", {}).get("group", "none")
