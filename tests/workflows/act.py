"""Execute a workflow offline with act: on this machine, from committed files only, with stand-in actions."""

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from workflows.tools import BIN, COMPILED, git, tool

ORIGIN = "https://github.com/Acme/Churn.git"
OWN_RUNNER = "gpu"
COLOUR = re.compile(r"(\x1b|\\u001b)\[[0-9;]*m")


@dataclass(kw_only=True)
class Run:
    """What one execution did.

    Attributes:
        jobs: Name of every job that ran, as in GitHub's list of checks → `success` or `failure`.
        output: The log.
        calls: What the stand-ins wrote down, in order.
        summary: The summary page of all jobs.
        artifacts: Directory with one directory per uploaded artifact.
    """

    jobs: dict[str, str]
    output: str
    calls: list[dict[str, Any]]
    summary: str
    artifacts: Path

    def of(self, name: str) -> list[dict[str, Any]]:
        """Return the calls of one action (`actions/attest`) or program (`gh release create`)."""
        return [call for call in self.calls if name in (call.get("action"), call.get("program"))]


@dataclass(kw_only=True)
class Act:
    """Everything that an execution needs beside the repository."""

    folder: Path
    actions: dict[str, Path]
    programs: Path
    interpreters: dict[str, str]
    environments: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(
        self,
        repository: Path,
        workflow: str,
        event: str,
        payload: dict[str, Any] | None = None,
        *,
        variables: dict[str, str] | None = None,
        secrets: dict[str, str] | None = None,
        inputs: dict[str, str] | None = None,
        environment: dict[str, str] | None = None,
        pythons: list[str] | None = None,
        job: str | None = None,
    ) -> Run:
        """Run `workflow` of the repository's last commit for `event`.

        Args:
            repository: Repository; its working tree is not touched.
            workflow: File name below `.github/workflows`.
            event: Name of the event.
            payload: The event's payload.
            variables: Repository variables.
            secrets: Secrets.
            inputs: Inputs of a manual run.
            environment: Environment variables of the runner.
            pythons: Entries of the matrix to run (default: all).
            job: Run this job and those that it needs (default: all).
        """
        place = self.folder / f"run-{len(list(self.folder.iterdir()))}"
        source = _executable_copy(repository, place / "source")
        payload = {"repository": {"private": False, "default_branch": "main"}} | (payload or {})
        payload |= {"inputs": inputs} if inputs else {}
        (place / "event.json").write_text(json.dumps(payload), encoding="utf-8")
        hook = place / "hook.sh"
        hook.write_text(f'export GITHUB_STEP_SUMMARY="{place}/summary.md"\n', encoding="utf-8")
        for name in ("home", "artifacts", "cache"):
            (place / name).mkdir()
        settings = {
            "BASH_ENV": hook,
            "HOME": place / "home",
            **COMPILED,
            "STANDIN_ARTIFACTS": place / "artifacts",
            "STANDIN_ENVIRONMENTS": self.environments,
            "STANDIN_INTERPRETERS": json.dumps(self.interpreters),
            "STANDIN_LOG": place / "calls.jsonl",
            "STANDIN_REPOSITORY": repository,
            "STANDIN_UV": tool("uv"),
            "PATH": os.pathsep.join([str(self.programs), str(BIN), os.environ["PATH"]]),
            **self.environment,
            **(environment or {}),
        }
        words = [tool("act"), event, "--json", "--workflows", f".github/workflows/{workflow}"]
        words += ["--eventpath", str(place / "event.json")]
        for label in ("ubuntu-24.04", OWN_RUNNER):
            words += ["--platform", f"{label}=-self-hosted"]
        words += ["--no-skip-checkout", "--action-offline-mode", "--action-cache-path", str(place / "cache")]
        words += ["--no-cache-server", "--pull=false", "--concurrent-jobs", "2", "--secret", "GITHUB_TOKEN=token"]
        for pin, directory in self.actions.items():
            words += ["--local-repository", f"https://github.com/{pin}={directory}"]
        for option, values in (("env", settings), ("var", variables), ("secret", secrets)):
            for name, value in (values or {}).items():
                words += [f"--{option}", f"{name}={value}"]
        words += ["--job", job] if job else []
        for python in pythons or []:
            words += ["--matrix", f"python:{python}"]
        started = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "VIRTUAL_ENV"))}
        started |= {"HOME": str(place / "home"), "PATH": str(settings["PATH"]), **COMPILED}
        done = subprocess.run(
            words, cwd=source, env=started, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        return _result(done.stdout, place)


def _executable_copy(repository: Path, copy: Path) -> Path:
    """Clone the repository, and write in act's words what it does not know yet of GitHub's.

    These are `$/` for local actions and workflows, environments without a deployment, and long queues. The workflows
    come from this copy; what they check out comes from the repository itself.
    """
    git(repository, "clone", "--quiet", str(repository), str(copy))
    git(copy, "remote", "set-url", "origin", ORIGIN)
    for path in (copy / ".github/workflows").glob("*.yml"):
        text = path.read_text(encoding="utf-8").replace("uses: $/", "uses: ./")
        path.write_text(re.sub(r"\n +(deployment|queue): .*", "", text), encoding="utf-8")
    return copy


def _result(log: str, place: Path) -> Run:
    """Read act's JSON log."""
    workflows = (place / "source/.github/workflows").glob("*.yml")
    names = "|".join(re.escape(str(yaml.safe_load(path.read_text(encoding="utf-8")).get("name"))) for path in workflows)
    jobs, lines = {}, []
    for line in COLOUR.sub("", log).splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            lines.append(line)
            continue
        lines.append(f"[{entry.get('job', '')}] {entry.get('msg', '')}".rstrip())
        if "jobResult" in entry:
            # After the name of the workflow, which may hold a slash; one without a name has that of its file.
            name = re.sub(rf"^(({names})/|[^/]*/)", "", entry["job"]).strip()
            jobs[re.sub(r"-\d+$", "", name) if entry.get("matrix") else name] = entry["jobResult"]
    calls = place / "calls.jsonl"
    summary = place / "summary.md"
    return Run(
        jobs=jobs,
        output="\n".join(lines),
        calls=[json.loads(line) for line in calls.read_text(encoding="utf-8").splitlines()] if calls.exists() else [],
        summary=summary.read_text(encoding="utf-8") if summary.exists() else "",
        artifacts=place / "artifacts",
    )
