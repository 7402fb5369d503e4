"""Kits are untrusted: more files, deeper folders and larger texts than anybody needs."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from repositories import command, put, small, small_root
from strange_kits import TOML, Objects, Stage, assert_nothing_made, assert_refused, stage

from mlops_scaffold.kits import source
from mlops_scaffold.processes import Bounds

__all__ = ["small", "small_root", "stage"]


def _many(objects: Objects, count: int) -> str:
    oid = objects.blob()
    return objects.tree(*[("100644", f"{number:06}", oid) for number in range(count)])


def _bomb(objects: Objects, width: int, depth: int) -> str:
    tree = _many(objects, width)
    for _ in range(depth):
        tree = objects.tree(*[("40000", f"d{number}", tree) for number in range(width)])
    return tree


def test_a_few_folders_that_stand_for_more_files_than_there_is_room_for(stage: Stage) -> None:
    objects = Objects(stage.root / "repository")
    url = objects.kit(("40000", "bomb", _bomb(objects, 10, 10)))
    assert_refused(stage.new(url), "more than 1000 files")
    put(objects.path / "kit.toml", TOML)
    assert "of no commit" in command("kit", "show", objects.path).out


def test_too_many_files_and_too_deep_folders_in_a_repository(stage: Stage) -> None:
    objects = Objects(stage.root / "repository")
    assert_refused(stage.new(objects.kit(("40000", "many", _many(objects, 1001)))), "more than 1000 files")
    assert_refused(stage.new(objects.kit(("40000", "deep", _bomb(objects, 1, 500)))), "folders in each other")
    assert_refused(stage.new(objects.kit(("40000", "long", _many(objects, 50_000)))), "more than 1,000,000 bytes")
    beside = [("40000", "unread", _bomb(objects, 10, 10))]
    assert command("kit", "show", objects.kit(("100644", "a.md", objects.blob()), root=beside)).code == 0


def test_large_files_in_a_repository(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = Objects(stage.root / "repository")
    assert_refused(stage.new(objects.kit(("100644", "big", objects.blob(bytes(20_000_000))))), "is too large")
    mega = [("100644", f"{n:02}", objects.blob(b"%d" % n + bytes(999_990))) for n in range(11)]
    assert_refused(stage.new(objects.kit(*mega)), "is too large")
    toml = ("100644", "kit.toml", objects.blob(b"#" * 5_000_000))
    assert_refused(stage.new(objects.commit(toml)), "kit.toml of the kit is too large")
    monkeypatch.setattr(source, "FETCH", Bounds(seconds=20, file=1_000_000))
    noise = [("100644", f"z{n}", objects.blob(os.urandom(400_000))) for n in range(3)]
    assert_refused(stage.new(objects.kit(root=noise)), "larger than 1,000,000 bytes")
    assert_nothing_made(stage)


def _deep(kit: Path, depth: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(kit / "level1" / "project")
        for _ in range(depth):
            Path("d").mkdir()
            os.chdir("d")
        Path("note.md").touch()


def _sparse(place: Path) -> None:
    with place.open("wb") as opened:
        opened.truncate(10**12)


def _thousand(kit: Path, make: Callable[[Path], None]) -> None:
    for number in range(1001):
        make(kit / "level1" / "project" / str(number))


FOLDERS: dict[str, tuple[Callable[[Path], object], str | None]] = {
    "deep": (lambda kit: _deep(kit, 100), "folders in each other"),
    "deeper than Python goes": (lambda kit: _deep(kit, 1500), "folders in each other"),
    "many files": (lambda kit: _thousand(kit, Path.touch), "more than 1000 files"),
    "many folders": (lambda kit: _thousand(kit, Path.mkdir), "more than 1000 files"),
    "a hole": (lambda kit: _sparse(kit / "level1/project/hole"), "is too large"),
    "a hole as kit.toml": (lambda kit: _sparse(kit / "kit.toml"), "is too large"),
    "a large file": (lambda kit: put(kit / "level1/project/large", bytes(1_000_001)), "is too large"),
    "large files": (lambda kit: [put(kit / f"level1/project/{n}", bytes(10**6)) for n in range(11)], "is too large"),
    "a broken repository": (lambda kit: put(kit / ".git", "gitdir: /dev/zero\n"), None),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_is_too_much(stage: Stage, name: str) -> None:
    make, words = FOLDERS[name]
    kit = stage.kit()
    make(kit)
    done = command("kit", "show", kit)
    subprocess.run(["rm", "-rf", kit], check=True)  # deeper than Python's own goes
    if words:
        assert_refused(done, words)
    else:
        assert done.code == 0, done.err
