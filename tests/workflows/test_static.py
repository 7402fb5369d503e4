"""Every validator reports nothing on a generated repository, and something on a planted defect."""

import json
import re
from pathlib import Path

import pytest
import yaml
from support import LEVELS
from tracking_server import MLFLOW

from workflows.standins import contracts
from workflows.tools import at_level, git, missing, new_repository
from workflows.validators import VALIDATORS, steps

REGRESSION = {
    "project_name": "Arrival delay of flights from three airports, in minutes",
    "task": "regression",
    "python_version": "3.13",
}
OPTIONS: dict[str, dict[str, object]] = {
    "default": {},
    "regression": {**REGRESSION},
    "level2": {"level": 2},
    "level2-regression": {"level": 2, **REGRESSION},
    "level3": {"level": 3, **REGRESSION},
    "level4": {"level": 4, **REGRESSION},
}
SCHEMAS = [name for name in VALIDATORS if name.startswith("schema-")]
CI, RELEASE, DATA = (f".github/workflows/{name}.yml" for name in ("ci", "release", "data"))
CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
# validator → (file, text, defective text, words of the finding)
DEFECTS: dict[str, tuple[str, str, str, str]] = {
    "actionlint": (CI, "run: uv run poe lint", "run: cat $UNQUOTED", "SC2086"),
    "jactionlint": (CI, "${{ matrix.python }}\n    runs-on", "${{ matrix.pyton }}\n    runs-on", "pyton"),
    "zizmor": (CI, "run: uv run poe lint", 'run: echo "${{ github.head_ref }}"', "template-injection"),
    "language-service": (CI, "name: wheels", "nam: wheels", "nam"),
    "schema-workflows": (DATA, "workflow_dispatch:", "workflow_dispatched:", "workflow_dispatched"),
    "schema-timeouts": (CI, "    timeout-minutes: 15\n", "", "timeout-minutes"),
    "schema-actions": (".github/actions/setup/action.yml", "using: composite", "using: composit", "composit"),
    "schema-dependabot": (".github/dependabot.yml", "package-ecosystem: uv", "package-ecosystem: uvx", "uvx"),
    "schema-issue-forms": (".github/ISSUE_TEMPLATE/bug.yml", "body:", "bodies:", "bodies"),
    "schema-compose": ("compose.yaml", "restart:", "restarts:", "restarts"),
    "schema-ruleset": (".github/rulesets/main.json", '"branch"', '"branches"', "branches"),
    "hadolint": ("Dockerfile", " AS build\n", " AS build\nRUN cd /tmp && sudo ls\n", "DL3004"),
    "shellcheck": ("defect.sh", "", "#!/bin/sh\ncat $1\n", "SC2086"),
    "yamllint": (DATA, "permissions: {}", "permissions:  {}", "colons"),
    "untrusted-environment": (
        CI,
        "run: uv run poe lint",
        'run: echo "branch=$GITHUB_HEAD_REF" >> "$GITHUB_ENV"',
        "untrusted value",
    ),
    "action-inputs": (CI, "persist-credentials: false", "persist-credential: false", "no input persist-credential"),
}


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: new_repository(tmp_path_factory.mktemp(name) / "repo", **given) for name, given in OPTIONS.items()}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", [name for name in VALIDATORS if name not in SCHEMAS])
def test_nothing_is_found(name: str, option: str, repositories: dict[str, Path]) -> None:
    assert VALIDATORS[name](repositories[option]) == ""


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_file_fits_its_schema(name: str, repositories: dict[str, Path]) -> None:
    assert VALIDATORS[name](*repositories.values()) == ""


@pytest.mark.parametrize("name", VALIDATORS)
def test_a_planted_defect_is_found(name: str, rendered: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repo"
    git(rendered, "clone", "--quiet", str(rendered), str(repository))
    path, text, defective, words = DEFECTS[name]
    file = repository / path
    if text:
        before = file.read_text(encoding="utf-8")
        assert text in before, f"{path} holds no {text!r} to make defective"
        defective = before.replace(text, defective, 1)
    file.write_text(defective, encoding="utf-8")
    assert words in VALIDATORS[name](repository)


def test_an_unknown_pin_is_found(rendered: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repo"
    git(rendered, "clone", "--quiet", str(rendered), str(repository))
    file = repository / CI
    file.write_text(file.read_text(encoding="utf-8").replace(CHECKOUT[17:25], "00000000"), encoding="utf-8")
    assert "not in contracts.yaml" in VALIDATORS["action-inputs"](repository)


@at_level(*LEVELS)
def test_every_contract_belongs_to_a_pin(rendered: Path) -> None:
    pins = set()
    for file in rendered.glob(".github/**/*.yml"):
        found = steps(yaml.safe_load(file.read_text(encoding="utf-8")))
        pins |= {step["uses"] for step in found if not step.get("uses", "$/").startswith("$/")}
    assert contracts()["actions"].keys() == pins


def test_a_missing_tool_fails_in_ci_and_skips_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception):
        missing("no tool")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception):
        missing("no tool")


@pytest.mark.parametrize("option", OPTIONS)
def test_the_ruleset_requires_exactly_the_checks_of_ci(option: str, repositories: dict[str, Path]) -> None:
    repository = repositories[option]
    names = []
    for job in yaml.safe_load((repository / CI).read_text(encoding="utf-8"))["jobs"].values():
        matrix = job.get("strategy", {}).get("matrix", {"": [""]})
        ((key, values),) = matrix.items()
        names += [job["name"].replace("${{ matrix." + key + " }}", value) for value in values]
    rules = json.loads((repository / ".github/rulesets/main.json").read_text(encoding="utf-8"))["rules"]
    (checks,) = [rule["parameters"] for rule in rules if rule["type"] == "required_status_checks"]
    assert [check["context"] for check in checks["required_status_checks"]] == names
    assert len(set(names)) == len(names)


@at_level(*LEVELS)
def test_uv_has_one_version_everywhere(rendered: Path) -> None:
    setup = yaml.safe_load((rendered / ".github/actions/setup/action.yml").read_text(encoding="utf-8"))
    version = setup["runs"]["steps"][0]["with"]["version"]
    assert re.search(rf"uv:{re.escape(version)}(@\S+)? AS uv", (rendered / "Dockerfile").read_text(encoding="utf-8"))
    minor = version.rpartition(".")[0]
    for path in ("pyproject.toml", "ops/pyproject.toml"):
        assert f'"uv_build>={minor},<' in (rendered / path).read_text(encoding="utf-8"), path


@at_level(*LEVELS)
def test_no_job_can_fail_unseen(rendered: Path) -> None:
    for file in [*rendered.glob(".github/**/*.yml"), *rendered.glob("ops/tasks/*.toml")]:
        text = file.read_text(encoding="utf-8")
        assert not any(word in text for word in ("continue-on-error", "|| true", "ignore_fail", "exit-zero")), file


@at_level(2)
def test_the_tracking_server_is_pinned_and_kept_current(rendered: Path) -> None:
    """The version that the tests run is the one that a team starts, and Dependabot looks after it."""
    services = yaml.safe_load((rendered / "tracking/compose.yaml").read_text(encoding="utf-8"))["services"]
    assert services["server"]["image"] == f"ghcr.io/mlflow/mlflow:v{MLFLOW.partition('==')[2]}-full"
    assert re.fullmatch(r"postgres:[\w.-]+@sha256:[0-9a-f]{64}", services["database"]["image"])
    updates = yaml.safe_load((rendered / ".github/dependabot.yml").read_text(encoding="utf-8"))["updates"]
    watched = {(update["package-ecosystem"], update.get("directory")) for update in updates}
    assert {("docker", "/"), ("docker-compose", "/tracking"), ("uv", "/")} <= watched


@at_level(2)
def test_the_tracking_server_has_no_default_password(rendered: Path) -> None:
    text = (rendered / "tracking/compose.yaml").read_text(encoding="utf-8")
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|KEY))([^}]*)\}", text)
    demanded = {name for name, rest in secrets if rest.startswith(f":?Set {name} ")}
    assert demanded == {name for name, _ in secrets} == {"DATABASE_PASSWORD", "ADMIN_PASSWORD", "SECRET_KEY"}
    assert all(rest == "" or rest.startswith(":?") for _, rest in secrets)


@at_level(2)
def test_two_roles_review_the_schema_and_the_jobs(rendered: Path) -> None:
    lines = (rendered / ".github/CODEOWNERS").read_text(encoding="utf-8").splitlines()
    owners = {words[0]: words[1:] for line in lines if (words := line.split()) and not line.startswith("#")}
    both = {"/src/churn_model/data.py", "/config/data.toml", "/src/churn_model/jobs/", "/tests/jobs/"}
    assert {path for path, names in owners.items() if len(names) == 2} == both
    workflows = {f"/.github/workflows/{name}.yml" for name in ("data", "train", "release", "release-model")}
    assert workflows | {"/Dockerfile"} <= owners.keys()


@at_level(3)
def test_all_roles_review_what_goes_in_and_out(rendered: Path) -> None:
    lines = (rendered / ".github/CODEOWNERS").read_text(encoding="utf-8").splitlines()
    owners = {words[0]: words[1:] for line in lines if (words := line.split()) and not line.startswith("#")}
    assert {path for path, names in owners.items() if len(names) == 3} == {"/api/"}
    assert len(owners["/config/environments.toml"]) == 2
    assert {"/.github/workflows/deploy.yml", "/.github/workflows/ab.yml"} <= owners.keys()


@at_level(4)
def test_all_roles_review_what_is_watched(rendered: Path) -> None:
    lines = (rendered / ".github/CODEOWNERS").read_text(encoding="utf-8").splitlines()
    owners = {words[0]: words[1:] for line in lines if (words := line.split()) and not line.startswith("#")}
    agreed = {"/api/", "/config/monitoring.toml", "/docs/monitoring/", "/slo.yaml"}
    assert {path for path, names in owners.items() if len(names) == 3} == agreed
    assert "/.github/workflows/monitor.yml" in owners
