"""Kits that mean harm: a stage to try them on, and git repositories that no git would make."""

import hashlib
import os
import subprocess
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from repositories import Done, Team, assert_same, command, git, put, snapshot

from mlops_scaffold import bounded
from mlops_scaffold.processes import Bounds

TOML = 'name = "strange"\nversion = "1.0.0"\n'

QUESTION = '[questions.cost_center]\nhelp = "Which one?"\ndefault = "c1"\n'

NOTE = "level1/project/note.md.jinja"
"""A file of a kit that Jinja renders."""

CALM = Bounds(seconds=10, memory=600_000_000, file=0)
TIGHT = Bounds(seconds=1, memory=300_000_000, file=0)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where a kit is tried.

    Attributes:
        root: A directory of the test's own.
    """

    root: Path

    @property
    def marker(self) -> Path:
        """What an attack would make."""
        return self.root / "outside" / "marker"

    @property
    def attack(self) -> str:
        """A command that makes it."""
        return f"touch {self.marker}"

    @property
    def destination(self) -> Path:
        return self.root / "place" / "demo"

    def kit(self, files: Mapping[str, str | bytes] | None = None, toml: str | bytes = TOML) -> Path:
        """A kit in a folder: its `kit.toml`, and files by their path."""
        folder = self.root / "kit"
        put(folder / "kit.toml", toml)
        for name, content in (files or {"level1/project/note.md": "A note.\n"}).items():
            put(folder / name, content)
        return folder

    def new(self, kit: object, *words: object) -> Done:
        """Make a repository with a kit, without asking and without a lock."""
        return command("new", self.destination, f"--kit={kit}", "--defaults", "--no-lock", *words)

    def made(self, kit: object, *words: object) -> Team:
        """The same, when it succeeds."""
        done = self.new(kit, *words)
        assert done.code == 0, done.err
        return Team(path=self.destination)


@pytest.fixture
def stage(tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:  # noqa: ARG001
    """A place for one test. In the end nothing is left of an attack, and no process and no temporary directory."""
    found = Stage(root=tmp_path)
    for name in ("outside", "place", "temporary"):
        (tmp_path / name).mkdir()
    put(tmp_path / "outside" / "precious", "precious\n")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(bounded, "BOUNDS", CALM)
    before, running = snapshot(tmp_path / "outside"), children()
    yield found
    assert_same(before, snapshot(tmp_path / "outside"))
    assert list((tmp_path / "temporary").iterdir()) == []
    assert children() <= running
    assert [path.name for path in (tmp_path / "place").iterdir()] in ([], ["demo"])


def children() -> set[str]:
    """The processes that this one has started and that are still there."""
    found = Path(f"/proc/self/task/{os.getpid()}/children")
    return set(found.read_text().split()) if found.exists() else set()


def assert_refused(done: Done, *words: str, code: int = 3) -> None:
    """It ended with a sentence that a person and a terminal can bear, and with these words in it."""
    assert done.code == code, (done.code, done.out, done.err)
    assert done.err.startswith("mlops-scaffold: "), done.err
    assert done.err.endswith(".\n")
    assert done.err[:-1].isprintable(), done.err
    assert len(done.err) < 2500, len(done.err)
    assert "Traceback" not in done.err
    assert done.out == ""
    assert [word for word in words if word not in done.err] == [], done.err


def assert_nothing_made(stage: Stage) -> None:
    assert list((stage.root / "place").iterdir()) == []


class Objects:
    """A git repository whose objects are written by hand: git itself refuses many of them."""

    def __init__(self, path: Path) -> None:
        """Make an empty one."""
        self.path = path
        path.mkdir()
        git(path, "init", "--quiet")

    def write(self, kind: str, data: bytes) -> str:
        """Write an object; its id."""
        raw = b"%s %d\0%s" % (kind.encode(), len(data), data)
        oid = hashlib.sha1(raw, usedforsecurity=False).hexdigest()
        put(self.path / ".git" / "objects" / oid[:2] / oid[2:], zlib.compress(raw, 1))
        return oid

    def blob(self, text: str | bytes = "A note.\n") -> str:
        return self.write("blob", text if isinstance(text, bytes) else text.encode())

    def tree(self, *entries: tuple[str, str | bytes, str]) -> str:
        """Write a folder from mode, name and object."""
        lines = []
        for mode, name, oid in entries:
            lines.append(b"%s %s\0" % (mode.encode(), name if isinstance(name, bytes) else name.encode()))
            lines.append(bytes.fromhex(oid))
        return self.write("tree", b"".join(lines))

    def kit(self, *project: tuple[str, str | bytes, str], root: Sequence[tuple[str, str, str]] = ()) -> str:
        """Commit a kit with these entries in its `level1/project`, and others at its root; its URL."""
        level = self.tree(("40000", "project", self.tree(*project)))
        entries = [("100644", "kit.toml", self.blob(TOML)), ("40000", "level1", level), *root]
        return self.commit(*sorted(entries, key=lambda entry: entry[1]))

    def commit(self, *entries: tuple[str, str, str]) -> str:
        """Commit a root folder; its URL."""
        commit = git(self.path, "commit-tree", self.tree(*entries), "-m", "A kit").strip()
        git(self.path, "update-ref", "refs/heads/main", commit)
        return self.path.as_uri()


def repository(path: Path) -> Path:
    """Make a repository of a folder."""
    git(path, "init", "--quiet")
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--message", "A kit")
    return path


def running(pid: int) -> bool:
    """Whether a process is there and is not only waiting to be buried."""
    words = ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    return bool(state) and not state.startswith("Z")
