"""What several test modules need: generating without the command line, and trees read back from disk."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_scaffold import __version__
from mlops_scaffold.project import with_manifest
from mlops_scaffold.questions import read_questions, resolve
from mlops_scaffold.render import render
from mlops_scaffold.templates import built_in
from mlops_scaffold.tree import File, Tree, read_tree, write_tree

OUTSIDE = (".mlops-scaffold/manifest", "uv.lock")
"""What `new` writes and `copier copy` does not."""

TASKS = ("classification", "regression")


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


def make(path: Path, task: str) -> Path:
    """Make a repository with the command line, its dependencies locked and the environment that its lock says."""
    words = [sys.executable, "-m", "mlops_scaffold", "new", str(path), "--defaults", "-d", f"task={task}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Note:" not in done.stdout, done.stdout
    run_in(path, "sync", "--quiet", "--locked")
    return path
