"""Environments of one test run share what Python has compiled: all that a test imports takes seconds to compile."""

import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

REGISTER = "COMPILED_REGISTER"
"""Name of the variable that holds the folder with a link to each environment of this run."""

LAST = 3
"""As many environments are looked into, one for each worker: they hold what was compiled in those before them."""


def register_for(factory: pytest.TempPathFactory) -> Path:
    """The folder of a run, which is the same for all of its workers."""
    base = factory.getbasetemp()
    register = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "compiled"
    register.mkdir(exist_ok=True)
    return register


def share_compiled(environment: Path) -> None:
    """Link what was compiled in the environments before this one, and let those after it do the same.

    uv links files from its cache, so a file that has the same inode in two environments is the same source. Python
    never writes into a compiled file: it puts a new one in its place.
    """
    register = Path(os.environ[REGISTER])
    made = dict.fromkeys(link.resolve() for link in sorted(register.iterdir()) if link.exists())
    others = [other for other in made if other != environment.resolve()]
    for other in others[-LAST:]:
        for folder, _, names in os.walk(other / "lib"):
            if folder.endswith("__pycache__"):
                _link(Path(folder), names, environment / Path(folder).relative_to(other))
    (register / f"{time.time_ns()}-{os.getpid()}").symlink_to(environment.absolute())


def _link(folder: Path, names: list[str], target: Path) -> None:
    """Link what is missing in a `__pycache__`."""
    there = {path.name for path in target.iterdir()} if target.exists() else set()
    for name in names:
        if name in there or not name.endswith(".pyc"):
            continue
        source = f"{name.partition('.')[0]}.py"
        # Other workers use, move and remove their environments meanwhile. What is not there is compiled.
        with suppress(OSError):
            if (folder.parent / source).samefile(target.parent / source):
                target.mkdir(exist_ok=True)
                (target / name).hardlink_to(folder / name)
