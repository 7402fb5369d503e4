"""One call of a pinned action; started by the composite actions that `standins.make_actions` writes."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from workflows.dockerfile import build
from workflows.recorder import digest_of, output, record, refuse

Inputs = dict[str, str]


def checkout(inputs: Inputs) -> None:
    """Put the committed files into the empty workspace."""
    source, ref = os.environ["STANDIN_REPOSITORY"], inputs.get("ref") or "HEAD"
    whole = ["+refs/heads/*:refs/remotes/origin/*"] if inputs.get("fetch-depth") == "0" else []
    for words in (
        ["init", "-q"],
        ["fetch", "-q", *([] if whole else ["--depth=1"]), f"file://{source}", ref, *whole],
        ["checkout", "-q", "FETCH_HEAD"],
    ):
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            refuse(f"git {words[0]} {ref}: {done.stderr.strip()}")
    output(ref=ref)


def setup_uv(inputs: Inputs) -> None:
    """Choose the interpreter, and lend the warm environment of the session, if it is of that Python."""
    wanted = inputs.get("python-version", "")
    interpreters: dict[str, str] = json.loads(os.environ["STANDIN_INTERPRETERS"])
    if wanted not in interpreters:
        refuse(f"Python {wanted} is not installed here")
    with Path(os.environ["GITHUB_ENV"]).open("a", encoding="utf-8") as file:
        file.write(f"UV_PYTHON={interpreters[wanted]}\n")
    warm = Path(os.environ["STANDIN_ENVIRONMENTS"], wanted)
    if "STANDIN_POE" not in os.environ and warm.is_dir() and not Path(".venv").exists():
        subprocess.run(["cp", "-al", str(warm), ".venv"], check=True)
    output(uv_version=inputs["version"], python_version=wanted)


def upload_artifact(inputs: Inputs) -> None:
    """Copy the files, below their least common folder, without hidden ones."""
    target = Path(os.environ["STANDIN_ARTIFACTS"], inputs["name"])
    if target.exists() and inputs.get("overwrite") != "true":
        refuse(f"an artifact {inputs['name']} exists already")
    here = Path()
    patterns = inputs["path"].split()
    roots, files = [_search_root(pattern) for pattern in patterns], []
    for pattern in patterns:
        for path in sorted(here.glob(pattern)):
            files += [path] if path.is_file() else [child for child in path.rglob("*") if child.is_file()]
    if inputs.get("include-hidden-files") != "true":
        files = [file for file in files if not any(part.startswith(".") for part in file.parts)]
    if not files:
        problem = f"no files were found for {inputs['path']!r}"
        if inputs.get("if-no-files-found") == "error":
            refuse(problem)
        sys.stdout.write(f"::warning::{problem}\n")
        return
    root = Path(os.path.commonpath(roots))
    for file in files:
        copy = target / file.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    output(artifact_id="1", artifact_url="https://example.com/artifact", artifact_digest="0" * 64)


def _search_root(pattern: str) -> Path:
    """Where the action looks for a pattern, whether or not something is there: it keeps paths below that folder."""
    parts = Path(pattern).parts
    fixed = Path(*itertools.takewhile(lambda part: not set(part) & set("*?["), parts))
    return fixed.parent if len(fixed.parts) == len(parts) and not fixed.is_dir() and fixed.suffix else fixed


def download_artifact(inputs: Inputs) -> None:
    """Copy an artifact of this run into the workspace."""
    source = Path(os.environ["STANDIN_ARTIFACTS"], inputs.get("name", ""))
    if not source.is_dir():
        refuse(f"there is no artifact {inputs.get('name')}")
    shutil.copytree(source, inputs.get("path") or ".", dirs_exist_ok=True)
    output(download_path=str(Path(inputs.get("path") or ".").resolve()))


def setup_buildx(_inputs: Inputs) -> None:
    """Mark that a builder is there: the cache, SBOM and provenance need it."""
    Path(os.environ["RUNNER_TEMP"], "builder").touch()
    output(name="builder", driver="docker-container")


def login(inputs: Inputs) -> None:
    """Mark the registry as signed in."""
    if not inputs.get("username") or not inputs.get("password"):
        refuse("username and password are required")
    Path(os.environ["RUNNER_TEMP"], f"login-{inputs.get('registry', 'docker.io')}").touch()


def build_push(inputs: Inputs) -> None:
    """Run the uv commands of the Dockerfile in a scratch folder and invent a digest."""
    advanced = [name for name in ("cache-from", "cache-to", "sbom", "provenance") if inputs.get(name)]
    if advanced and not Path(os.environ["RUNNER_TEMP"], "builder").exists():
        refuse(f"{', '.join(advanced)} need a builder: use docker/setup-buildx-action first")
    tags = inputs.get("tags", "").split()
    if inputs.get("push") == "true":
        for tag in tags:
            if not Path(os.environ["RUNNER_TEMP"], f"login-{tag.partition('/')[0]}").exists():
                refuse(f"denied: not signed in to push {tag}")
    for tag in tags:
        if not re.fullmatch(r"[a-z0-9]+([._/-]+[a-z0-9]+)*:[\w][\w.-]{0,127}", tag):
            refuse(f"invalid reference format: {tag}")
    scratch = Path(os.environ["RUNNER_TEMP"], "image")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        build(Path(inputs.get("context") or "."), scratch)
    except subprocess.CalledProcessError as error:
        refuse(f"failed to solve: {error}")
    output(digest=digest_of(tags), imageid="sha256:" + "0" * 64)


def attest(inputs: Inputs) -> None:
    """Check that there is exactly one kind of subject, and that it exists."""
    subjects = [name for name in ("subject-path", "subject-digest", "subject-checksums") if inputs.get(name)]
    if len(subjects) != 1:
        refuse(f"exactly one subject is needed, not {subjects}")
    if "subject-path" in subjects and not list(Path().glob(inputs["subject-path"])):
        refuse(f"Could not find subject at path {inputs['subject-path']}")
    if "subject-digest" in subjects and not re.fullmatch(r"sha256:[0-9a-f]{64}", inputs["subject-digest"]):
        refuse(f"subject-digest must be sha256:hex, not {inputs['subject-digest']!r}")
    if "subject-digest" in subjects and not inputs.get("subject-name"):
        refuse("subject-name is required with subject-digest")
    if (sbom := inputs.get("sbom-path")) and not json.loads(Path(sbom).read_text(encoding="utf-8")).get("components"):
        refuse(f"{sbom} lists no components")
    if inputs.get("push-to-registry") == "true":
        registry = inputs["subject-name"].partition("/")[0]
        if not Path(os.environ["RUNNER_TEMP"], f"login-{registry}").exists():
            refuse(f"denied: not signed in to {registry}")
    output(attestation_id="1", attestation_url="https://example.com/attestation", bundle_path="bundle.json")


WORK: dict[str, Callable[[Inputs], None]] = {
    "actions/attest": attest,
    "actions/checkout": checkout,
    "actions/download-artifact": download_artifact,
    "actions/upload-artifact": upload_artifact,
    "astral-sh/setup-uv": setup_uv,
    "docker/build-push-action": build_push,
    "docker/login-action": login,
    "docker/setup-buildx-action": setup_buildx,
}
SECRET = {"password", "token", "github-token"}


def main() -> None:
    """Record the call and do the work."""
    pin = sys.argv[1]
    inputs = {name: value for name, value in json.loads(os.environ["INPUTS"]).items() if value not in (None, "")}
    inputs = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in inputs.items()}
    action = pin.partition("@")[0]
    record(action=action, inputs={name: "***" if name in SECRET else value for name, value in inputs.items()})
    WORK[action](inputs)
