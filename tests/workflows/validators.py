"""The static validators of a generated repository. Each returns its findings as text; empty means none.

Those of schemas take several repositories.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from workflows.standins import contracts
from workflows.tools import BIN, missing, run, tool

HERE = Path(__file__).parent
LANGUAGE_SERVICE = HERE / "language_service"
WORKFLOWS = ".github/workflows"
Validator = Callable[..., str]
# Whoever opens a pull request, an issue or a branch chooses these.
UNTRUSTED = re.compile(
    r"github\.(head_ref|event\.(pull_request|issue|comment|review|head_commit|commits|inputs|workflow_run))|inputs\."
    r"|GITHUB_HEAD_REF|github\.ref_name|GITHUB_REF_NAME"
)
ENVIRONMENT_FILE = re.compile(r"GITHUB_(ENV|PATH)\b|github\.(env|path)\b")


def relative(repository: Path, *patterns: str) -> list[str]:
    """Return the paths, relative to the repository, of the files that match."""
    files = {path for pattern in patterns for path in repository.glob(pattern)}
    assert files, f"Nothing in {repository} matches {', '.join(patterns)}."
    return [path.relative_to(repository).as_posix() for path in sorted(files)]


def findings(*words: str | Path, cwd: Path) -> str:
    """Run a validator: its output when it fails, nothing when it passes."""
    done = run(*words, cwd=cwd, env={"PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])})
    return "" if done.returncode == 0 else done.stdout or f"{words[0]} ended with {done.returncode} and said nothing"


def actionlint(repository: Path) -> str:
    """Workflows, with shellcheck over every `run:` block."""
    files = relative(repository, f"{WORKFLOWS}/*.yml")
    return findings(tool("actionlint"), "-no-color", "-shellcheck", tool("shellcheck"), *files, cwd=repository)


def jactionlint(repository: Path) -> str:
    """Workflows, composite actions and Dependabot's configuration."""
    return findings(tool("jactionlint"), cwd=repository)


def zizmor(repository: Path) -> str:
    """Security of workflows, actions and Dependabot's configuration, by the strictest persona."""
    options = ["--offline", "--persona", "auditor", "--no-progress", "--color", "never", "--strict-collection"]
    return findings(tool("zizmor"), *options, ".", cwd=repository)


def language_service(repository: Path) -> str:
    """GitHub's own parser and checks, with the inputs of the pinned actions."""
    node = tool("node")
    if not (LANGUAGE_SERVICE / "node_modules/@actions/languageservice").is_dir():
        missing(f"GitHub's language service is missing. Run: npm install --no-package-lock --prefix {LANGUAGE_SERVICE}")
    files = relative(repository, f"{WORKFLOWS}/*.yml", ".github/actions/*/action.yml")
    return findings(node, LANGUAGE_SERVICE / "check.mjs", HERE / "contracts.yaml", *files, cwd=repository)


def schema(name: str, *patterns: str) -> Validator:
    """Return a validator by one of check-jsonschema's bundled schemas, or by our own if the name is that of a file.

    It takes several repositories, because the program needs a second to start.
    """
    own = (HERE / name).is_file()
    option = ["--schemafile", HERE / name] if own else ["--builtin-schema", name]

    def validate(*repositories: Path) -> str:
        files = [repository / path for repository in repositories for path in relative(repository, *patterns)]
        return findings(tool("check-jsonschema"), *option, *files, cwd=repositories[0])

    return validate


def hadolint(repository: Path) -> str:
    """The Dockerfile, with no rule switched off."""
    return findings(tool("hadolint"), "--no-color", "--failure-threshold", "style", "Dockerfile", cwd=repository)


def shellcheck(repository: Path) -> str:
    """Shell scripts, where there are any."""
    scripts = [path for path in repository.rglob("*.sh") if ".venv" not in path.parts]
    return findings(tool("shellcheck"), *scripts, cwd=repository) if scripts else ""


def yamllint(repository: Path) -> str:
    """Every YAML file, by the repository's own configuration; warnings count."""
    return findings(tool("yamllint"), "--strict", "--format", "parsable", ".", cwd=repository)


def untrusted_environment(repository: Path) -> str:
    """No value that an outsider chooses may reach $GITHUB_ENV or $GITHUB_PATH: it would choose later commands."""
    found = []
    for path in relative(repository, f"{WORKFLOWS}/*.yml", ".github/actions/*/action.yml"):
        for step in steps(yaml.safe_load((repository / path).read_text(encoding="utf-8"))):
            script = str(step.get("run", ""))
            passed = {key for key, value in (step.get("env") or {}).items() if UNTRUSTED.search(str(value))}
            words = [re.escape(word) for word in passed]
            tainted = UNTRUSTED.search(script) or (words and re.search(rf"\b({'|'.join(words)})\b", script))
            if ENVIRONMENT_FILE.search(script) and tainted:
                found.append(f"{path}: {step.get('name', script)!r} writes an untrusted value to the job's environment")
    return "\n".join(found)


def steps(definition: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every step of a workflow or a composite action."""
    for job in (definition.get("jobs") or {}).values():
        yield from job.get("steps") or []
    yield from (definition.get("runs") or {}).get("steps") or []


def action_inputs(repository: Path) -> str:
    """Every action is pinned to a known commit and gets inputs that it knows."""
    found = []
    known = contracts()["actions"]
    for path in relative(repository, f"{WORKFLOWS}/*.yml", ".github/actions/*/action.yml"):
        for step in steps(yaml.safe_load((repository / path).read_text(encoding="utf-8"))):
            if (uses := step.get("uses", "$/")).startswith(("$/", "./")):
                continue
            if uses not in known:
                found.append(f"{path}: {uses} is not in contracts.yaml: run refresh_contracts.py")
                continue
            inputs, given = known[uses]["inputs"], step.get("with") or {}
            found += [f"{path}: {uses} has no input {name}" for name in given.keys() - inputs.keys()]
            required = {name for name, entry in inputs.items() if entry.get("required") and "default" not in entry}
            found += [f"{path}: {uses} needs the input {name}" for name in required - given.keys()]
    return "\n".join(sorted(found))


VALIDATORS: dict[str, Validator] = {
    "actionlint": actionlint,
    "jactionlint": jactionlint,
    "zizmor": zizmor,
    "language-service": language_service,
    "schema-workflows": schema("vendor.github-workflows", f"{WORKFLOWS}/*.yml"),
    "schema-timeouts": schema("custom.github-workflows-require-timeout", f"{WORKFLOWS}/*.yml"),
    "schema-actions": schema("vendor.github-actions", ".github/actions/*/action.yml"),
    "schema-dependabot": schema("vendor.dependabot", ".github/dependabot.yml"),
    "schema-issue-forms": schema("vendor.github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml"),
    "schema-compose": schema("vendor.compose-spec", "compose.yaml", "tracking/compose.yaml"),
    # By the documented form of GitHub's API.
    "schema-ruleset": schema("ruleset.schema.json", ".github/rulesets/*.json"),
    "hadolint": hadolint,
    "shellcheck": shellcheck,
    "yamllint": yamllint,
    "untrusted-environment": untrusted_environment,
    "action-inputs": action_inputs,
}
