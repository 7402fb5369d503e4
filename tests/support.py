"""What several test modules need: generating without the command line, and trees read back from disk."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from compiled import share_compiled

from mlops_scaffold import __version__
from mlops_scaffold.project import with_manifest
from mlops_scaffold.questions import read_questions, resolve
from mlops_scaffold.render import render
from mlops_scaffold.templates import built_in
from mlops_scaffold.tree import File, Tree, read_tree, write_tree

OUTSIDE = (".mlops-scaffold/manifest", "uv.lock")
"""What `new` writes and `copier copy` does not."""

TASKS = ("classification", "regression")

LEVELS = (1, 2, 3, 4)
"""The levels that are built."""


def answers_for(templates: Tree, **given: object) -> dict[str, object]:
    """All answers, defaults included."""
    return resolve(read_questions(templates), {**given, "template_version": __version__}, {})


def generate(destination: Path, **given: object) -> Path:
    """Write a repository's files, manifest included, to a new directory."""
    templates = built_in()
    answers = answers_for(templates, **given)
    destination.mkdir(parents=True)
    write_tree(with_manifest(render(templates, answers), answers), destination)
    return destination


def files_in(directory: Path) -> dict[str, File]:
    """The files on disk without git's own, the manifest and the lock."""
    return {
        path: file
        for path, file in read_tree(directory).items()
        if not path.startswith(".git/") and path not in OUTSIDE
    }


def text_tree(**texts: str) -> dict[str, File]:
    """A tree from texts; `__` in a name stands for `/`."""
    return {name.replace("__", "/"): File(content=text.encode()) for name, text in texts.items()}


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def uv() -> str:
    """The uv on the PATH."""
    found = shutil.which("uv")
    if found is None:
        pytest.fail("uv is not on the PATH. `python3 dev.py test` brings it.")
    return found


def try_in(project: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `uv …` in a repository; its output and its errors are one text."""
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    return subprocess.run(
        [uv(), *words],
        cwd=project,
        env={**kept, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )


def run_in(project: Path, *words: str, **environment: str) -> str:
    """Run `uv …` in a repository and return its output; fail with it."""
    done = try_in(project, *words, **environment)
    assert done.returncode == 0, f"uv {' '.join(words)} in {project}:\n{done.stdout[-8000:]}"
    return done.stdout


def make(path: Path, task: str, level: int = 1) -> Path:
    """Make a repository with the command line, its dependencies locked and the environment that its lock says."""
    words = [sys.executable, "-m", "mlops_scaffold", "new", str(path), "--defaults"]
    words += ["--level", str(level), "-d", f"task={task}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Note:" not in done.stdout, done.stdout
    install(path)
    return path


def install(project: Path) -> None:
    """Make the environment of a repository what its lock says."""
    run_in(project, "sync", "--quiet", "--locked")
    share_compiled(project / ".venv")


def assert_tests_pass(project: Path, *paths: str) -> None:
    """Tests of a repository, by default all: each passes, none is left out, and nothing warns."""
    output = run_in(project, "run", "pytest", "-q", *paths)
    assert re.search(r"\d+ passed", output)
    assert not re.search(r"\d+ (failed|error|skipped|xfailed)", output), output[-4000:]
    assert "warning" not in output.lower(), output[-4000:]


def assert_own_checks_are_green(project: Path) -> None:
    """Lint, types and tests of a repository, its wheels, and the hooks that run before a commit: without an edit.

    The tests run without the coverage that CI demands, which takes half as long again: `workflows/test_ci.py` measures
    it, at level 1.
    """
    run_in(project, "run", "poe", "lint")
    assert_tests_pass(project)
    run_in(project, "run", "poe", "build")
    names = sorted(path.name.split("-")[0] for path in (project / "dist").glob("*.whl"))
    assert names == ["flight_delays", "flight_delays_ops"]
    run_in(project, "run", "pre-commit", "run", "--all-files")
    assert git_status(project) == ""


def git_status(project: Path) -> str:
    """What git would commit: nothing when it is empty."""
    words = ["git", "status", "--porcelain"]
    return subprocess.run(words, cwd=project, capture_output=True, text=True, check=True).stdout


INSTALLED = """
from importlib.metadata import distributions
names = {file.parts[0].removesuffix(".py") for found in distributions() for file in found.files or []}
print(" ".join(name for name in names if name.isidentifier()))
"""


def assert_installed_names_are_reserved(project: Path) -> None:
    """Nobody can call the package of a repository like one that it depends on."""
    names = set(run_in(project, "run", "--no-sync", "python", "-c", INSTALLED).splitlines()[-1].split())
    locked = tomllib.loads((project / "uv.lock").read_text())["package"]
    names |= {package["name"].replace("-", "_").replace(".", "_") for package in locked}
    names = {name for name in names if name.islower() and "__" not in name and name.strip("_") == name and name[1:]}
    reserved = answers_for(built_in())["reserved_names"]
    assert isinstance(reserved, list)
    assert names - set(reserved) == {"flight_delays", "flight_delays_ops"}
