"""Shared set-up: a git user, the command line as a process, the built-in templates."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from compiled import REGISTER, register_for

from mlops_scaffold.templates import built_in
from mlops_scaffold.tree import Tree

Run = Callable[..., subprocess.CompletedProcess[str]]


SLOWEST = (
    *("test_upgraded_alive.py", "test_ci.py", "test_level4.py", "test_level3.py", "test_level2.py", "test_level1.py"),
    *("test_shared_tracking.py", "test_pipeline_to_production.py", "test_monitor.py", "test_dashboard.py"),
    *("test_contract.py", "test_service.py"),
    *("test_shared_server.py", "test_release.py", "test_upgrade_interrupted.py", "test_upgrade_property.py"),
    *("test_train.py", "test_deploy.py", "test_kit_tutorial.py", "test_kit_moves.py"),
)
"""Files that take minutes. They come first, so that none of them is left for one worker alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files; `--no-loadscope-reorder` keeps the order."""
    places = {name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="session", autouse=True)
def git_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Git behaves the same on every machine: one known user, no system or personal settings."""
    config = tmp_path_factory.mktemp("git") / "config"
    config.write_text("[user]\n\tname = Ada Lovelace\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            patch.delenv(name)
        patch.setenv("GIT_CONFIG_GLOBAL", str(config))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_register(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Environments of all workers find each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(REGISTER, str(register_for(tmp_path_factory)))
        yield


@pytest.fixture(scope="session")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder in which mypy finds again what it knows of the packages that all repositories use."""
    return str(tmp_path_factory.mktemp("mypy"))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `mlops-scaffold` as a user does, in a directory of its own, without a terminal."""

    def run_command(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
        settings: dict[str, object] = {
            "cwd": tmp_path,
            "capture_output": True,
            "text": True,
            "stdin": subprocess.DEVNULL,
        }
        settings |= options
        command = [sys.executable, "-m", "mlops_scaffold", *map(str, words)]
        return subprocess.run(command, check=False, **settings)  # type: ignore[call-overload, no-any-return]

    return run_command


@pytest.fixture(scope="session")
def templates() -> Tree:
    """The templates that the product ships."""
    return built_in()
