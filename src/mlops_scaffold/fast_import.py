"""Commits that are written in one go, by `git fast-import`.

The references that it needs live in a bare repository that is thrown away. The objects go to the team's object
database, or, for a preview, to one that borrows the team's and is thrown away too. Source of the stream's format:
https://git-scm.com/docs/git-fast-import
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from mlops_scaffold import git
from mlops_scaffold.checkout import SETTINGS, Checkout, Entry
from mlops_scaffold.tree import Tree

NOBODY = b"mlops-scaffold <mlops-scaffold@localhost> 0 +0000"
"""Who makes the commits that nobody will see, and when."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """A commit in the object database, and its tree."""

    commit: str
    tree: str


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Where objects are made.

    Attributes:
        git_dir: The bare repository that is thrown away.
        env: Variables with which git commands in the team's repository find the objects.
        settings: Options of git that say how the objects are written.
    """

    git_dir: Path
    env: Mapping[str, str]
    settings: tuple[str, ...] = ()

    def write(self, stream: "Stream") -> list[Written]:
        """Write the commits of a stream, in their order.

        Raises:
            GitError: Git refused, for instance because the disk is full.
        """
        env = {**self.env, "GIT_DIR": str(self.git_dir)}
        words = [*SETTINGS, *self.settings, "fast-import", "--quiet", "--force", "--done", "--date-format=raw"]
        lines = git.output(words, self.git_dir, stdin=stream.content(), env=env).decode().splitlines()
        # Per commit the answer to `get-mark`, then that to `ls`: `<mode> tree <id>\t`.
        return [
            Written(commit=commit, tree=listed.split()[2])
            for commit, listed in zip(lines[::2], lines[1::2], strict=True)
        ]


@dataclass(kw_only=True)
class Stream:
    """Commits to be written."""

    _lines: list[bytes] = field(default_factory=list)
    _commits: int = 0

    def commit(
        self,
        files: Tree,
        *,
        message: str,
        parent: int | None = None,
        tree: str | None = None,
        entries: Mapping[str, Entry] | None = None,
        without: Iterable[str] = (),
        moves: Mapping[str, str] | None = None,
        author: bytes = NOBODY,
    ) -> int:
        """Add a commit.

        Args:
            files: Path → what the commit holds there.
            message: Its message.
            parent: The number of its parent among the commits of this stream.
            tree: A tree that the files are put into; None for an empty one.
            entries: What replaces what that tree has at some paths; the path of the root is empty.
            without: Paths that are taken out then.
            moves: Paths that are there now → where they are put instead.
            author: Author and committer, as git writes them: name, address, seconds, time zone.

        Returns:
            The number of the commit in this stream.
        """
        self._commits += 1
        number = self._commits
        text = message.encode()
        self._lines += [b"commit refs/heads/%d" % number, b"mark :%d" % number]
        self._lines += [b"author " + author, b"committer " + author, b"data %d" % len(text), text]
        if parent is not None:
            self._lines.append(b"from :%d" % parent)
        self._lines.append(b"deleteall" if tree is None else b'M 040000 %s ""' % tree.encode())
        self._lines += [
            b"M %s %s %s" % (entry.mode.encode(), entry.id.encode(), _quoted(path))
            for path, entry in (entries or {}).items()
        ]
        self._lines += [b"D " + _quoted(path) for path in without]
        self._lines += [b"R %s %s" % (_quoted(path), _quoted(new)) for path, new in (moves or {}).items()]
        for path, file in files.items():
            self._lines += [b"M %s inline %s" % (file.mode.encode(), _quoted(path))]
            self._lines += [b"data %d" % len(file.content), file.content]
        self._lines += [b"", b"get-mark :%d" % number, b'ls :%d ""' % number]
        return number

    def content(self) -> bytes:
        """The stream as `git fast-import` reads it."""
        return b"\n".join([*self._lines, b"done\n"])


def _quoted(path: str) -> bytes:
    """A path in quotes, as C writes a string."""
    escaped = os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"%s"' % escaped


@contextmanager
def workshop(checkout: Checkout, *, keep: bool) -> Iterator[Workshop]:
    """A place to make objects in.

    Args:
        checkout: The team's repository.
        keep: Whether the objects go to its database. If not, they are gone at the end.
    """
    with TemporaryDirectory(prefix="mlops-scaffold-") as name:
        git_dir = Path(name).resolve() / "repository"
        words = [*SETTINGS, "init", "--quiet", "--bare", "--template=", f"--object-format={checkout.object_format}"]
        git.output([*words, str(git_dir)], checkout.top)
        settings: tuple[str, ...] = ()
        if keep:
            settings = _shared(checkout)
            env = {"GIT_OBJECT_DIRECTORY": str(checkout.objects)}
        else:
            own = git_dir / "objects"
            env = {
                "GIT_OBJECT_DIRECTORY": str(own),
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": _alternate(checkout.objects),
            }
        yield Workshop(git_dir=git_dir, env=env, settings=settings)


def _shared(checkout: Checkout) -> tuple[str, ...]:
    """Who else may write to the team's objects: the repository that is thrown away would not know."""
    name = "core.sharedRepository"
    done = git.start(["config", "--get", name], checkout.top)
    value = os.fsdecode(done.stdout.rstrip(b"\n"))
    return ("-c", f"{name}={value}") if done.returncode == 0 else ()


def _alternate(path: Path) -> str:
    """A path for the variable that separates paths by colons: in quotes where git would misread it."""
    text = str(path)
    if os.pathsep not in text and not text.startswith('"'):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
