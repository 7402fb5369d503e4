"""Level 2 as its team uses it, with nothing but this machine: no network after the dependencies are there."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import (
    assert_installed_names_are_reserved,
    make,
    uv,
)
from workflows.tools import git, missing

# `test_upgraded_alive.py` trains a regression at level 2; what is tested here does not depend on the task.
TASK = "classification"


@pytest.fixture(scope="module")
def isolated() -> list[str]:
    """The words before a command that take all networks but loopback away from it."""
    words = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    words += ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if not shutil.which("unshare") or subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        missing("Network namespaces can't be made here. On Linux, `unshare --net --map-root-user` must be allowed.")
    return words


@pytest.fixture(scope="module")
def poe(isolated: list[str], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Run a task of a level 2 repository without a network; the exit code it must have is `code`."""
    project = make(tmp_path_factory.mktemp("level2") / "flight-delays", TASK, level=2)
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    # uv would ask the index whether what its cache holds is still the newest, which it can't without a network.
    kept |= {"PYTHONDONTWRITEBYTECODE": "", "HOME": str(tmp_path_factory.mktemp("home"))}
    kept |= {"UV_CACHE_DIR": cache(), "UV_OFFLINE": "1"}

    def run(*words: str, code: int = 0) -> str:
        done = subprocess.run(
            [*isolated, uv(), "run", "poe", *words],
            cwd=project, env=kept, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"poe {' '.join(words)}:\n{done.stdout[-8000:]}"
        assert "Traceback" not in done.stdout
        assert "Warning" not in done.stdout
        return done.stdout

    run.project = project  # type: ignore[attr-defined]
    return run


def cache() -> str:
    return subprocess.run([uv(), "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()


def test_a_year_of_work_in_one_sitting(poe: Callable[..., str]) -> None:
    """Collect, train three times, compare, release, go back, reproduce the first run: metrics equal."""
    project: Path = poe.project  # type: ignore[attr-defined]
    poe("collect")
    first = poe("train")
    assert "not persisted" in first
    assert "version 1" in first.lower()
    for change in ("params.C=0.01", "params.C=3.0"):
        assert "roc_auc" in poe("train", "--set", change)
    table = poe("compare", "1", "2")
    assert "params.C" in table
    assert "Version 1 is released" in poe("release-model", "1")
    assert "Back to version 1: `poe release-model previous`" in poe("release-model", "3")
    assert "Version 1 is released" in poe("release-model", "previous")
    assert json.loads((project / "state/model/model.json").read_text())["version"] == "1"
    assert "identical metrics" in poe("reproduce", "1")
    assert git(project, "status", "--porcelain") == ""
    assert git(project, "worktree", "list").count("\n") == 1


def test_each_trouble_is_one_sentence_and_registers_nothing(poe: Callable[..., str]) -> None:
    project: Path = poe.project  # type: ignore[attr-defined]
    versions = poe("release-model", "99", code=1)
    assert "There is no version 99" in versions
    assert "There is no version and no run abcdef" in poe("reproduce", "abcdef", code=1)

    part = next((project / "state/data").glob("date=*/*.parquet"))
    content = part.read_bytes()
    part.write_bytes(content[:-1] + b"x")
    for words in (["train"], ["reproduce", "1"]):
        assert f"{part.name} is not the file that was collected" in poe(*words, code=1)
    part.unlink()
    for words in (["train"], ["reproduce", "1"]):
        assert f"{part.name} is missing" in poe(*words, code=1)
    part.write_bytes(content)

    (project / "notes.txt").write_text("not committed")
    dirty = poe("train")
    assert "with uncommitted changes" in dirty
    number = re.search(r"### Version (\d+)", dirty)
    assert number, dirty
    assert number[1] == "4", "a training that failed has registered something"
    assert "changes that are in no commit" in poe("release-model", "4", code=1)
    assert "changes that are in no commit" in poe("reproduce", "4", code=1)
    (project / "notes.txt").unlink()


def test_another_lock_file_now_does_not_keep_a_run_from_being_reproduced(poe: Callable[..., str]) -> None:
    """The run's own packages are put into an environment of its own, from uv's cache."""
    project: Path = poe.project  # type: ignore[attr-defined]
    with (project / "uv.lock").open("a") as lock:
        lock.write("# changed\n")
    git(project, "commit", "--quiet", "--all", "--message", "Another lock")
    assert "identical metrics" in poe("reproduce", "1")


def test_no_package_that_it_uses_can_be_its_name(poe: Callable[..., str]) -> None:
    assert_installed_names_are_reserved(poe.project)  # type: ignore[attr-defined]
