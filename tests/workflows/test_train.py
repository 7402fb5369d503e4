"""`train.yml`, executed without a tracking server: what is kept, what is said, and who hears of a failure."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from workflows.act import OWN_RUNNER, Act
from workflows.servers import Webhook
from workflows.tools import at_level, git, run, tool

pytestmark = at_level(2)
TRAIN, TELL = "Train the model", "Alert/Tell"
PUSH = {"ref": "refs/heads/main"}


def break_settings(repository: Path) -> None:
    """Commit settings that no training accepts."""
    settings = repository / "config/training.toml"
    text = settings.read_text(encoding="utf-8")
    assert "holdout = 0.2" in text
    settings.write_text(text.replace("holdout = 0.2", "holdout = 2.0"), encoding="utf-8")
    git(repository, "commit", "--quiet", "--all", "--message", "Change")


def test_without_a_server_the_store_is_kept_and_can_be_read_elsewhere(
    act: Act, locked: Path, environments: Path, main_python: str, tmp_path: Path
) -> None:
    done = act(locked, "train.yml", "push", PUSH)
    assert done.jobs == {TRAIN: "success"}, done.output
    assert "**not persisted**: MLFLOW_TRACKING_URI is not set" in done.summary
    assert "| metric | model | baseline |" in done.summary
    kept = done.artifacts / "state"
    assert {path.name for path in kept.iterdir()} == {"mlflow", "data"}
    assert (kept / "data/manifest.json").is_file()

    elsewhere = tmp_path / "elsewhere"
    git(locked, "clone", "--quiet", str(locked), str(elsewhere))
    subprocess.run(["cp", "-al", str(environments / main_python), str(elsewhere / ".venv")], check=True)
    shutil.copytree(kept, elsewhere / "state")
    environment = {"VIRTUAL_ENV": "", "UV_OFFLINE": "1"}
    # Reads the database and the files of the model, which are elsewhere now.
    released = run(tool("uv"), "run", "poe", "release-model", "candidate", cwd=elsewhere, env=environment)
    assert released.returncode == 0, released.stdout
    assert "### Version 1 is released" in released.stdout
    assert (elsewhere / "state/model/model.json").is_file()


def test_a_scheduled_training_that_fails_is_told(act: Act, checkout: Path, webhook: Webhook) -> None:
    break_settings(checkout)
    done = act(checkout, "train.yml", "schedule", secrets={"ALERT_WEBHOOK_URL": webhook.url})
    assert done.jobs == {TRAIN: "failure", TELL: "success"}, done.output
    assert "holdout is 2.0" in done.output
    assert "Traceback" not in done.output
    assert "## Training failed" in done.summary
    (message,) = webhook.received
    assert message.keys() == {"text"}
    assert message["text"].startswith("churn-model: the scheduled run of the workflow Train did not succeed. https://")
    assert "/Acme/Churn/actions/runs/" in message["text"]
    assert "secret-path" not in done.output + done.summary


def test_without_a_webhook_the_summary_says_that_nobody_was_told(act: Act, checkout: Path) -> None:
    break_settings(checkout)
    done = act(checkout, "train.yml", "schedule")
    assert done.jobs == {TRAIN: "failure", TELL: "success"}, done.output
    assert "Nobody was told, because ALERT_WEBHOOK_URL is not set" in done.summary


def test_a_training_that_somebody_started_alerts_nobody(act: Act, checkout: Path, webhook: Webhook) -> None:
    break_settings(checkout)
    secrets = {"ALERT_WEBHOOK_URL": webhook.url}
    done = act(checkout, "train.yml", "workflow_dispatch", variables={"TRAINING_RUNNER": OWN_RUNNER}, secrets=secrets)
    assert done.jobs == {TRAIN: "failure"}, done.output
    assert not webhook.received


def workflow(repository: Path, name: str) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((repository / ".github/workflows" / name).read_text(encoding="utf-8"))
    return loaded


def test_it_starts_on_a_change_of_what_it_depends_on_and_by_schedule(rendered: Path) -> None:
    triggers = workflow(rendered, "train.yml")[True]
    assert triggers.keys() == {"schedule", "push", "workflow_dispatch", "workflow_call"}
    assert triggers["push"] == {"branches": ["main"], "paths": ["src/**", "ops/src/**", "config/**", "uv.lock"]}
    assert len(triggers["schedule"]) == 1
    inputs, called = triggers["workflow_dispatch"]["inputs"], triggers["workflow_call"]["inputs"]
    assert {name: entry["type"] for name, entry in inputs.items()} == {
        name: entry["type"] for name, entry in called.items()
    }


def test_a_run_that_names_no_job_trains_the_one_of_the_repository(rendered: Path) -> None:
    (step,) = (step for step in workflow(rendered, "train.yml")["jobs"]["train"]["steps"] if step.get("id") == "train")
    assert step["env"]["JOB"] == "${{ inputs.job || vars.TRAINING_JOB }}"


def test_one_training_at_a_time_and_none_is_dropped(rendered: Path) -> None:
    train, data = workflow(rendered, "train.yml"), workflow(rendered, "data.yml")
    assert train["concurrency"] == {"group": "train", "cancel-in-progress": False, "queue": "max"}
    assert data["concurrency"]["group"] != train["concurrency"]["group"]
    assert train["jobs"]["train"]["environment"] == {"name": "training", "deployment": False}


@pytest.mark.parametrize("name", ["data.yml", "train.yml"])
def test_whoever_calls_a_workflow_passes_all_its_secrets(name: str, rendered: Path) -> None:
    for job in workflow(rendered, name)["jobs"].values():
        if "uses" in job:
            called = workflow(rendered, Path(job["uses"]).name)
            wanted = called[True]["workflow_call"]["secrets"].keys() - {"DATABASE_URL"}
            assert job["secrets"].keys() >= wanted
