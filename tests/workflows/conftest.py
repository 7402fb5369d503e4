"""Fixtures: one locked repository per session, shared by all workers, and what executing its workflows needs."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from compiled import share_compiled
from support import LEVELS

from workflows.act import Act
from workflows.servers import Service, Webhook, started
from workflows.standins import make_actions, make_programs
from workflows.tools import git, missing, new_repository, run, tool

SUPPORTED = ["3.11", "3.12", "3.13", "3.14"]
Shared = Callable[[str, Callable[[Path], None]], Path]


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Let one worker in at a time."""
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """A function that makes a directory once per session, whichever worker comes first."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base

    def once(name: str, make: Callable[[Path], None]) -> Path:
        path = base / name
        with only_one(base / f"{name}.lock"):
            if not (base / f"{name}.done").exists():
                shutil.rmtree(path, ignore_errors=True)
                make(path)
                (base / f"{name}.done").touch()
        return path

    return once


@pytest.fixture(scope="session")
def interpreters() -> dict[str, str]:
    """Python version → interpreter, for those that are installed here."""
    uv = tool("uv")
    found = {}
    for version in SUPPORTED:
        done = run(uv, "python", "find", "--no-project", "--no-python-downloads", version)
        if done.returncode == 0:
            found[version] = done.stdout.splitlines()[-1]
    return found


@pytest.fixture(scope="session")
def main_python(interpreters: dict[str, str]) -> str:
    """The Python of most executions: the oldest that the generated repository supports."""
    if "3.11" not in interpreters:
        missing("Python 3.11 is not installed. `uv python install 3.11` brings it.")
    return "3.11"


@pytest.fixture(scope="session")
def level(request: pytest.FixtureRequest) -> int:
    """The level of maturity of the repository: 1, or what a test says by `at_level`."""
    return int(getattr(request, "param", 1))


@pytest.fixture(scope="session")
def rendered(shared: Shared, level: int) -> Path:
    """A generated repository with nothing installed. Do not change it: clone it."""

    def make(path: Path) -> None:
        new_repository(path, level=level)

    return shared(f"rendered-{level}", make)


@pytest.fixture(scope="session")
def locked_at(shared: Shared) -> Callable[[int], Path]:
    """A function that returns a generated repository with its committed lock file. Do not change it: clone it."""

    def at(level: int) -> Path:
        def make(path: Path) -> None:
            new_repository(path, level=level)
            done = run(tool("uv"), "lock", cwd=path)
            assert done.returncode == 0, done.stdout
            git(path, "add", "uv.lock")
            git(path, "commit", "--quiet", "--message", "Lock the dependencies")

        return shared(f"locked-{level}", make)

    return at


@pytest.fixture(scope="session")
def locked(locked_at: Callable[[int], Path], level: int) -> Path:
    """The one of the level of the test."""
    return locked_at(level)


@pytest.fixture
def checkout(locked: Path, tmp_path: Path) -> Path:
    """A clone of the locked repository, to change as a test likes."""
    git(locked, "clone", "--quiet", str(locked), str(tmp_path / "clone"))
    return tmp_path / "clone"


@pytest.fixture(scope="session")
def environments(
    request: pytest.FixtureRequest, shared: Shared, level: int, interpreters: dict[str, str], main_python: str
) -> Path:
    """Directory with a relocatable environment of the main Python, in which everything has been imported once.

    A first import compiles half of what is installed, which takes longer than any workflow. Whatever a workflow
    fetches, on any of the interpreters, is then in the cache of uv, so that workflows run without a network.
    """
    # All checks of a repository are run at level 1, on every Python: above it the tasks are.
    if level > 1:
        path: Path = request.getfixturevalue("installed")
        return path

    def make(path: Path) -> None:
        for python, interpreter in interpreters.items():
            folder = _environment(path, request.getfixturevalue("locked"), interpreter, python)
            if python != main_python:
                shutil.rmtree(folder)
        for words in (
            ["build", "--quiet", "--all-packages", "--out-dir", str(path / "dist")],
            ["run", "--quiet", "python", "-m", "pytest", "-q", "--collect-only"],
        ):
            _uv(*words, source=path / "source", folder=path / main_python, python=interpreters[main_python])

    return shared(f"environments-{level}", make)


@pytest.fixture(scope="session")
def installed(
    shared: Shared, level: int, locked_at: Callable[[int], Path], interpreters: dict[str, str], main_python: str
) -> Path:
    """Directory with an environment of the main Python alone, in which the application has been imported once.

    It is enough for the tasks of the project, and made in a fraction of the time that `environments` take. That of the
    highest level is made first. It holds nearly all that the others need, compiled.
    """
    imports = "import pytest, mlflow, churn_model_ops.app, churn_model_ops.pipeline"
    python = interpreters[main_python]

    def at(number: int) -> Path:
        def make(path: Path) -> None:
            if number != LEVELS[-1]:
                _environment(path, locked_at(number), python, main_python, like=at(LEVELS[-1]) / main_python)
                return
            folder = _environment(path, locked_at(number), python, main_python)
            _uv("run", "--quiet", "python", "-c", imports, source=path / "source", folder=folder, python=python)

        return shared(f"installed-{number}", make)

    return at(level)


def _environment(path: Path, locked: Path, python: str, name: str, like: Path | None = None) -> Path:
    """Make an environment in `path`, for a clone of the repository in `source` there; perhaps from another one."""
    source, folder = path / "source", path / name
    if not source.exists():
        git(locked, "clone", "--quiet", str(locked), str(source))
    if like:
        subprocess.run(["cp", "-al", str(like), str(folder)], check=True)
    else:
        _uv("venv", "--quiet", "--relocatable", str(folder), source=source, folder=folder, python=python)
    _uv("sync", "--quiet", "--locked", source=source, folder=folder, python=python)
    share_compiled(folder)
    return folder


def _uv(*words: str, source: Path, folder: Path, python: str) -> None:
    settings = {"UV_PROJECT_ENVIRONMENT": str(folder), "UV_PYTHON": python, "VIRTUAL_ENV": "", "CI": "true"}
    done = run(tool("uv"), *words, cwd=source, env=settings)
    assert done.returncode == 0, f"uv {' '.join(words)} failed:\n{done.stdout}"


@pytest.fixture(scope="session")
def standins(shared: Shared) -> Path:
    """Directory with the stand-in actions, an index of them, and the stand-in programs."""

    def make(path: Path) -> None:
        actions = make_actions(path / "actions")
        make_programs(path / "programs")
        (path / "actions.json").write_text(json.dumps({pin: str(folder) for pin, folder in actions.items()}))

    return shared("standins", make)


@pytest.fixture(scope="session")
def act_with(standins: Path, interpreters: dict[str, str]) -> Callable[..., Act]:
    """A function that makes an `Act` which works in a new folder, with environments and variables of the runner."""
    actions = json.loads((standins / "actions.json").read_text(encoding="utf-8"))

    def make(folder: Path, environments: Path, **environment: str) -> Act:
        folder.mkdir()
        return Act(
            folder=folder,
            actions={pin: Path(path) for pin, path in actions.items()},
            programs=standins / "programs",
            interpreters=interpreters,
            environments=environments,
            environment=environment,
        )

    return make


@pytest.fixture(scope="session")
def offline(shared: Shared, level: int) -> dict[str, str]:
    """Variables of a runner that has no network, but the cache of uv."""
    return {
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": run(tool("uv"), "cache", "dir").stdout.strip(),
        "UV_PYTHON_DOWNLOADS": "never",
        "ZIZMOR_OFFLINE": "true",
        "MYPY_CACHE_DIR": str(shared(f"mypy-cache-{level}", Path.mkdir)),
    }


@pytest.fixture(scope="session")
def acts(act_with: Callable[..., Act], environments: Path, offline: dict[str, str]) -> Callable[[Path], Act]:
    """A function that makes an `Act` which works in a new folder."""
    return lambda folder: act_with(folder, environments, **offline)


@pytest.fixture
def act(acts: Callable[[Path], Act], tmp_path: Path) -> Act:
    """A function that executes a workflow (see `Act.__call__`)."""
    return acts(tmp_path / "act")


@pytest.fixture
def scripted_act(act_with: Callable[..., Act], tmp_path: Path) -> Act:
    """The same for workflows whose tasks are scripted by `STANDIN_POE`: nothing needs to be installed."""
    return act_with(tmp_path / "scripted", tmp_path)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """A webhook that keeps what it gets."""
    with started(Webhook) as server:
        yield server


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """The service on the host; the parameter changes what it says of itself."""
    with started(Service) as server:
        for name, value in getattr(request, "param", {}).items():
            setattr(server, name, value)
        yield server
