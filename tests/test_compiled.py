"""What one environment has compiled is there in the next one, if both hold the same source."""

import os
from pathlib import Path

import pytest
from compiled import REGISTER, share_compiled

PACKAGE = Path("lib/python3.11/site-packages/package")


@pytest.fixture(autouse=True)
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "register"
    folder.mkdir()
    monkeypatch.setenv(REGISTER, str(folder))


def environment(path: Path, *linked: Path) -> Path:
    """An environment of two modules; those that are given are linked, as uv does."""
    package = path / PACKAGE
    package.mkdir(parents=True)
    for source in linked:
        os.link(source, package / source.name)
    for name in ("same.py", "other.py"):
        (package / name).touch()
    return path


def compile_all(environment: Path) -> None:
    folder = environment / PACKAGE / "__pycache__"
    folder.mkdir()
    for name in ("same.cpython-311.pyc", "same.cpython-311-pytest-9.2.0.pyc", "other.cpython-311.pyc"):
        (folder / name).write_text(environment.name)


def compiled(environment: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (environment / PACKAGE).glob("__pycache__/*")}


def test_only_what_was_compiled_from_the_same_file_is_taken(tmp_path: Path) -> None:
    first = environment(tmp_path / "first")
    share_compiled(first)
    compile_all(first)
    second = environment(tmp_path / "second", first / PACKAGE / "same.py")
    share_compiled(second)
    assert compiled(second) == {"same.cpython-311.pyc": "first", "same.cpython-311-pytest-9.2.0.pyc": "first"}


def test_what_is_there_stays_and_an_environment_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    share_compiled(tmp_path / "gone")
    first = environment(tmp_path / "first")
    share_compiled(first)
    compile_all(first)
    second = environment(tmp_path / "second", first / PACKAGE / "same.py", first / PACKAGE / "other.py")
    compile_all(second)
    share_compiled(second)
    assert set(compiled(second).values()) == {"second"}
