"""Somebody else's repository: the files of a commit, listed folder by folder, and what git says when it fails.

Ten folders that hold each other ten times stand for more paths than a disk has room for. So git is never asked for all
of them at once, and the listing ends as soon as it is longer than it may be.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_scaffold import git
from mlops_scaffold.errors import GitError
from mlops_scaffold.kits.paths import refuse_deep
from mlops_scaffold.tree import EXECUTABLE, REGULAR

NO_ANSWER = "Could not read from remote repository."

TREE_BYTES = 1_000_000
"""Of one folder's listing; that is enough for more than ten thousand files."""

ID_BYTES = 20

FOLDER, FILE = 0o040000, 0o100000


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A file of a commit, or what stands in the place of one.

    Attributes:
        path: Its path, with bytes that are no UTF-8 as surrogates.
        mode: `100644` or `100755` for a file; for a link or a submodule git's own.
        oid: Its object.
    """

    path: str
    mode: str
    oid: str


def listing(
    commit: str,
    place: Path,
    env: Mapping[str, str],
    *,
    is_read: Callable[[str], bool],
    refuse_many: Callable[[int], None],
) -> list[Entry]:
    """List what a commit holds.

    Args:
        commit: Its id.
        place: Where git runs.
        env: Variables for git.
        is_read: Whether a path counts, and a folder is looked into.
        refuse_many: Raises when so many files and folders are too many.

    Raises:
        GitError: An object is missing, damaged or too large.
        KitError: There are too many, or they are too deep.
    """
    found: list[Entry] = []
    (root,) = git.output(["rev-parse", "--verify", f"{commit}^{{tree}}"], place, env=env).decode().split()
    waiting = [("", root)]
    folders = 0
    while waiting:
        contents = _trees([oid for _, oid in waiting], place, env)
        below = []
        for prefix, oid in waiting:
            for mode, name, child in _entries(contents[oid]):
                path = prefix + name
                if not is_read(path):
                    continue
                if mode & 0o170000 == FOLDER:
                    refuse_deep(path)
                    below.append((f"{path}/", child))
                else:
                    found.append(Entry(path=path, mode=_canonical(mode), oid=child))
                refuse_many(max(len(found), folders + len(below)))
        folders += len(below)
        waiting = below
    return found


def sizes(ids: Sequence[str], place: Path, env: Mapping[str, str], *, kind: str) -> dict[str, int]:
    """The bytes of objects, by id.

    Raises:
        GitError: One is missing, or of another kind.
    """
    asked = "".join(f"{oid}\n" for oid in dict.fromkeys(ids)).encode()
    found = {}
    for line in git.output(["cat-file", "--batch-check"], place, stdin=asked, env=env).decode().splitlines():
        oid, present, *size = line.split(" ")
        if present != kind:
            raise GitError(f"The object {oid} is {present} and no {kind}. The repository is damaged: get it again.")
        found[oid] = int(size[0])
    return found


def _trees(ids: Sequence[str], place: Path, env: Mapping[str, str]) -> dict[str, bytes]:
    known = sizes(ids, place, env, kind="tree")
    for oid, size in known.items():
        if size > TREE_BYTES:
            raise GitError(f"The folder {oid} has a listing of more than {TREE_BYTES:,} bytes. Make it smaller.")
    asked = "".join(f"{oid}\n" for oid in known).encode()
    answer = git.output(["cat-file", "--batch"], place, stdin=asked, env=env)
    found, at = {}, 0
    for oid, size in known.items():
        at = answer.index(b"\n", at) + 1
        found[oid] = answer[at : at + size]
        at += size + 1
    return found


def _entries(tree: bytes) -> list[tuple[int, str, str]]:
    """Mode, name and object of each entry in a folder, as git stores them.

    Source: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    """
    found, at = [], 0
    while at < len(tree):
        end = tree.index(b"\0", at)
        mode, _, name = tree[at:end].partition(b" ")
        at = end + 1 + ID_BYTES
        found.append((int(mode, 8), name.decode("utf-8", "surrogateescape"), tree[end + 1 : at].hex()))
    return found


def _canonical(mode: int) -> str:
    if mode & 0o170000 == FILE:
        return EXECUTABLE if mode & 0o100 else REGULAR
    return f"{mode:06o}"


def first_failure(report: bytes) -> str:
    """The first line of git's report that says what failed: those after it say what came of that."""
    lines = report.decode(errors="replace").splitlines()
    words = [line.partition(": ") for line in lines]
    failures = [text for kind, _, text in words if kind in ("fatal", "error") and text.isprintable()]
    if failures[:1] == [NO_ANSWER]:
        failures = [line for line in lines if line.strip() and line.isprintable()]  # ssh has said why
    return failures[0].rstrip(".") if failures else "git gave no reason"
