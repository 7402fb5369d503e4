"""`data.yml`, executed: what a runner that forgets everything keeps, and what it says about it."""

from pathlib import Path

import yaml

from workflows.act import Act
from workflows.servers import Webhook
from workflows.tools import at_level, git


def stored(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.parquet")}


def use_source(repository: Path, source: str) -> None:
    config = repository / "config/data.toml"
    lines = config.read_text(encoding="utf-8").splitlines()
    config.write_text("\n".join(f'source = "{source}"' if line.startswith("source") else line for line in lines))
    git(repository, "commit", "--quiet", "--all", "--message", "Another source")


@at_level(1, 2)
def test_without_a_store_the_data_is_kept_as_an_artifact(act: Act, locked: Path) -> None:
    run = act(locked, "data.yml", "schedule")
    assert run.jobs == {"Collect": "success"}, run.output
    assert "not persisted" in run.summary
    assert stored(run.artifacts / "data")


def test_two_fresh_runners_add_to_one_store(act: Act, locked: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = act(locked, "data.yml", "schedule", variables={"DATA_URI": str(store)})
    assert first.jobs == {"Collect": "success"}, first.output
    before = stored(store)
    assert before
    assert "not persisted" not in first.summary

    # A secret address wins over the variable.
    variables, secrets = {"DATA_URI": str(tmp_path / "other")}, {"DATA_URI": str(store)}
    second = act(locked, "data.yml", "workflow_dispatch", variables=variables, secrets=secrets)
    assert second.jobs == {"Collect": "success"}, second.output
    after = stored(store)
    added = after.keys() - before.keys()
    assert added
    assert {path: after[path] for path in before} == before
    assert min(added) > max(before)
    assert not list(second.artifacts.iterdir())
    assert not (tmp_path / "other").exists()


def test_a_source_that_cannot_be_read_turns_the_run_red(act: Act, checkout: Path, tmp_path: Path) -> None:
    use_source(checkout, "missing.csv")
    run = act(checkout, "data.yml", "schedule", variables={"DATA_URI": str(tmp_path / "store")})
    assert run.jobs == {"Collect": "failure"}, run.output
    assert "missing.csv" in run.output
    assert "Traceback" not in run.output
    assert "## Collecting failed" in run.summary


def test_runs_wait_for_each_other(rendered: Path) -> None:
    data = yaml.safe_load((rendered / ".github/workflows/data.yml").read_text(encoding="utf-8"))
    assert data["concurrency"] == {"group": "data", "cancel-in-progress": False}
    assert data["jobs"]["collect"]["environment"] == {"name": "data", "deployment": False}


@at_level(2)
def test_training_does_not_follow_when_there_is_nothing_new(act: Act, checkout: Path, tmp_path: Path) -> None:
    use_source(checkout, "tests/sample.csv")
    variables = {"DATA_URI": str(tmp_path / "store")}
    first = act(checkout, "data.yml", "schedule", variables=variables, job="collect")
    assert first.jobs == {"Collect": "success"}, first.output
    assert stored(tmp_path / "store")
    second = act(checkout, "data.yml", "schedule", variables=variables)
    assert second.jobs == {"Collect": "success"}, second.output
    assert "nothing new" in second.summary


@at_level(2)
def test_a_scheduled_run_that_fails_is_told(act: Act, checkout: Path, webhook: Webhook) -> None:
    use_source(checkout, "missing.csv")
    run = act(checkout, "data.yml", "schedule", secrets={"ALERT_WEBHOOK_URL": webhook.url})
    assert run.jobs == {"Collect": "failure", "Alert/Tell": "success"}, run.output
    (message,) = webhook.received
    assert "the workflow Data did not succeed" in message["text"]
