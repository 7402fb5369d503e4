"""`security.yml`, executed: green on a clean repository, red on a known vulnerability and on an unsafe workflow."""

from pathlib import Path

from workflows.act import Act
from workflows.servers import Webhook
from workflows.tools import at_level, git

DEPENDENCIES, WORKFLOWS = "Audit the dependencies", "Audit the workflows"


def test_a_clean_repository_is_green(act: Act, locked: Path) -> None:
    run = act(locked, "security.yml", "schedule")
    assert run.jobs == {DEPENDENCIES: "success", WORKFLOWS: "success"}, run.output
    (audit,) = run.of("uv audit")
    assert "--locked" in audit["arguments"]


def test_a_vulnerability_and_an_unsafe_workflow_are_red(act: Act, checkout: Path) -> None:
    ci = checkout / ".github/workflows/ci.yml"
    text = ci.read_text(encoding="utf-8")
    ci.write_text(text.replace("run: uv run poe lint", 'run: echo "${{ github.head_ref }}"'), encoding="utf-8")
    git(checkout, "commit", "--quiet", "--all", "--message", "Change")
    run = act(checkout, "security.yml", "pull_request", environment={"STANDIN_VULNERABLE": "1"})
    assert run.jobs == {DEPENDENCIES: "failure", WORKFLOWS: "failure"}, run.output
    assert "template-injection" in run.output


@at_level(2)
def test_a_vulnerability_that_only_a_schedule_finds_is_told(act: Act, locked: Path, webhook: Webhook) -> None:
    secrets, vulnerable = {"ALERT_WEBHOOK_URL": webhook.url}, {"STANDIN_VULNERABLE": "1"}
    run = act(locked, "security.yml", "schedule", secrets=secrets, environment=vulnerable)
    assert run.jobs == {DEPENDENCIES: "failure", WORKFLOWS: "success", "Alert/Tell": "success"}, run.output
    (message,) = webhook.received
    assert "the workflow Security did not succeed" in message["text"]
