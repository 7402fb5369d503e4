"""Programs that the tests start: found beside the running Python, then on the PATH."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support import generate

AUTHOR = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "Ada"), ("EMAIL", "ada@example.com"))
}
# Without compiled modules on disk, every process of a workflow compiles what it imports again: half a minute.
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
BIN = Path(sys.executable).parent


def missing(reason: str) -> None:
    """Skip on a laptop, fail in CI: there, every proof must run."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def tool(name: str) -> str:
    """Return the path of a program, or skip (fail in CI) with what to install."""
    found = shutil.which(name, path=os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)]))
    if found is None:
        missing(f"{name} is not installed. Install the dependency group `validators` (and Node.js for `node`).")
    assert found is not None
    return found


def run(
    *words: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program and return its output, both streams together."""
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**os.environ, **COMPILED, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def git(repository: Path, *arguments: str) -> str:
    """Run git in `repository`, with a fixed author, and return its output."""
    done = run("git", "-C", repository, *arguments, env=AUTHOR)
    assert done.returncode == 0, f"git {' '.join(arguments)} failed:\n{done.stdout}"
    return done.stdout


def at_level(*levels: int) -> pytest.MarkDecorator:
    """Run a test with a repository of each of these levels."""
    names = [f"level{number}" for number in levels]
    return pytest.mark.parametrize("level", levels, ids=names, indirect=True, scope="session")


def new_repository(destination: Path, **answers: object) -> Path:
    """Generate a project and make its first commit."""
    generate(destination, **({"project_name": "Churn model"} | answers))
    git(destination, "init", "--quiet", "--initial-branch=main")
    git(destination, "add", "--all")
    git(destination, "commit", "--quiet", "--message", "Start")
    return destination
