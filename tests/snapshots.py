"""Everything of a repository that an upgrade must put back."""

import os
import stat
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A repository as it is on the disk and to git, objects left out.

    Attributes:
        files: Path → permission bits, and the bytes or the target of a link, or None for a directory.
        index: What `git ls-files` lists, flags included.
        status: What `git status` says, ignored files included.
        state: Files of git's own directory, by path: references, HEAD, what goes on.
    """

    files: dict[str, tuple[str, bytes | None]]
    index: str
    status: str
    state: dict[str, bytes]

    def differences(self, other: "Snapshot") -> list[str]:
        """What differs, one line each; nothing when both are equal."""
        found = []
        for field in fields(self):
            one, two = getattr(self, field.name), getattr(other, field.name)
            if isinstance(one, str):
                one, two = (dict.fromkeys(text.split("\x00"), "") for text in (one, two))
            differing = [key for key in sorted({*one, *two}) if one.get(key) != two.get(key)]
            found += [f"{field.name}: {key}: {one.get(key)!r:.80} is {two.get(key)!r:.80}" for key in differing]
        return found


def snapshot(repository: Path) -> Snapshot:
    """Look at a repository, and change nothing: git may not even refresh its index."""
    git_dir = Path(look(repository, "rev-parse", "--absolute-git-dir").rstrip("\n"))
    return Snapshot(
        files=_entries(repository, skip=".git"),
        index=look(repository, "ls-files", "--stage", "-v", "-z"),
        status=look(repository, "status", "--porcelain=v2", "--branch", "--ignored", "--untracked-files=all", "-z"),
        state={
            name: content
            for name, (_, content) in _entries(git_dir, skip="objects").items()
            if content is not None and name not in ("index", "COMMIT_EDITMSG") and not name.startswith("worktrees/")
        },
    )


def look(repository: Path, *words: str) -> str:
    """What a git command prints that only reads."""
    done = subprocess.run(
        ["git", *words], cwd=repository, env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"}, capture_output=True, check=True
    )
    return os.fsdecode(done.stdout)


def _entries(root: Path, *, skip: str) -> dict[str, tuple[str, bytes | None]]:
    found: dict[str, tuple[str, bytes | None]] = {}
    for place, folders, names in os.walk(root):
        if place == str(root):
            names[:] = [name for name in names if name != skip]
            folders[:] = [name for name in folders if name != skip]
        for name in (*folders, *names):
            path = os.path.join(place, name)  # noqa: PTH118 - thousands of paths
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                content: bytes | None = os.fsencode(os.readlink(path))  # noqa: PTH115
            else:
                content = None if stat.S_ISDIR(mode) else Path(path).read_bytes()
            found[os.path.relpath(path, root)] = (stat.filemode(mode), content)
    return found
