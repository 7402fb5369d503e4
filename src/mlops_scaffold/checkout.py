"""A team's repository as an upgrade needs it: where things are, what the last commit holds.

Paths are slash-separated, relative to the root of the work tree, and may hold bytes that are no UTF-8 (as surrogates,
which is how `os.fsdecode` gives them).
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from mlops_scaffold import git
from mlops_scaffold.errors import RefusedError, UsageError
from mlops_scaffold.project import PROJECT

SETTINGS = (
    *("-c", "core.hooksPath=/dev/null"),  # a merge that is not committed is nobody's business yet
    *("-c", "core.fsmonitor=false"),  # it would start a daemon that outlives us
    *("-c", "core.quotePath=false"),
    *("-c", "diff.orderFile=/dev/null"),
    *("-c", "gc.auto=0"),
    *("-c", "splitIndex.sharedIndexExpire=never"),  # the journal's copy of the index needs the shared part
    *("-c", "submodule.recurse=false"),
)

UNFINISHED = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply/applying": "am",
    "rebase-apply": "rebase",
    "BISECT_LOG": "bisect",
}
"""What git leaves in its directory while something is going on, and the command that began it."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What a commit holds at a path: the git mode, the kind of object (`blob`, `tree` or `commit`) and its id."""

    mode: str
    kind: str
    id: str


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """One work tree of a repository, with a project in it.

    Attributes:
        top: The root of the work tree.
        prefix: The project's directory below it with a slash at its end, or nothing when it is the root.
        git_dir: What git keeps for this work tree.
        index: The index file.
        objects: The object database.
        object_format: `sha1` or `sha256`.
        head: The commit that is checked out.
        tree: Its tree.
    """

    top: Path
    prefix: str
    git_dir: Path
    index: Path
    objects: Path
    object_format: str
    head: str
    tree: str

    @property
    def project(self) -> Path:
        """The project's directory."""
        return self.top / self.prefix

    def git(self, *words: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> bytes:
        """What a git command prints that runs at the root of the work tree, without hooks.

        Raises:
            GitError: It failed.
        """
        return git.output([*SETTINGS, *words], self.top, stdin=stdin, env=env)

    def names(self, *words: str, env: Mapping[str, str] | None = None) -> list[str]:
        """The paths that a git command prints, each with a NUL at its end."""
        return split(self.git(*words, env=env))

    def succeeds(self, *words: str) -> bool:
        """Whether a git command ends with 0."""
        return git.start([*SETTINGS, *words], self.top).returncode == 0

    def entries(self, tree: str, paths: Iterable[str], env: Mapping[str, str] | None = None) -> dict[str, Entry]:
        """What a commit or tree holds at some paths: files, and directories as such.

        Args:
            tree: The commit or tree.
            paths: Where to look.
            env: Where else git finds objects.
        """
        wanted = list(paths)
        if not wanted:
            return {}
        return _entries(self.names("--literal-pathspecs", "ls-tree", "-z", "--full-tree", tree, "--", *wanted, env=env))

    def files(self, tree: str, folder: str) -> dict[str, Entry]:
        """All files of a commit or tree below a directory."""
        return _entries(self.names("--literal-pathspecs", "ls-tree", "-r", "-z", "--full-tree", tree, "--", folder))

    def has_file(self, path: str) -> bool:
        """Whether a file or link is at a path on the disk, not reached through a link."""
        place = self.top / path
        through_link = any((self.top / parent).is_symlink() for parent in PurePosixPath(path).parents[:-1])
        return os.path.lexists(place) and not through_link and (place.is_symlink() or not place.is_dir())

    def blobs(self, ids: Sequence[str], env: Mapping[str, str] | None = None) -> dict[str, bytes]:
        """The contents of blobs, by id or name; those that the repository does not have are left out."""
        return git.blobs(ids, self.top, env)


def _entries(lines: Iterable[str]) -> dict[str, Entry]:
    found = {}
    for line in lines:
        meta, path = line.split("\t", 1)
        mode, kind, oid = meta.split()
        found[path] = Entry(mode=mode, kind=kind, id=oid)
    return found


def split(output: bytes) -> list[str]:
    """Texts that each end with a NUL."""
    return [os.fsdecode(part) for part in output.split(b"\0") if part]


def find_project(path: Path) -> Path:
    """The project that a path is in: the nearest directory, upwards, that has a `.mlops-scaffold/`.

    Raises:
        RefusedError: There is none.
        UsageError: There is no such path.
    """
    start = path.resolve()
    if not start.exists():
        number = f" The wanted level is given by `--to {path}`." if str(path).isdigit() else ""
        raise UsageError(f"There is no {path} here. Name a repository, or a directory in one.{number}")
    for place in (start, *start.parents):
        if (place / PROJECT).is_file():
            return place
    # A sparse checkout, or somebody, may have taken it off the disk.
    top = git.top_level(start) if start.is_dir() else None
    above = [place for place in (start, *start.parents) if top and place.is_relative_to(top.resolve())]
    names = {f"HEAD:{(place.relative_to(above[-1]) / PROJECT).as_posix()}": place for place in above}
    if top and (found := git.blobs(list(names), top)):
        return names[next(iter(found))]
    raise RefusedError(
        f"There is no {PROJECT} in {path} or above it, so this is no repository that mlops-scaffold made. "
        "Name one; to make one, run `mlops-scaffold new`."
    )


def open_checkout(project: Path) -> Checkout:
    """Find the repository around a project.

    Args:
        project: The project's directory, absolute, links resolved.

    Raises:
        RefusedError: It is not in git, or nothing is committed.
        GitError: Git is missing or too old.
    """
    git.require()
    if "\n" in str(project):
        raise RefusedError(f"The path {str(project)!r} holds a line break, which git's answers can't tell. Rename it.")
    asked = ("--show-toplevel", "--absolute-git-dir", "--show-object-format", "--git-path", "index")
    done = git.start(["rev-parse", *asked, "--git-path", "objects", "HEAD^{commit}", "HEAD^{tree}"], project)
    answers = [os.fsdecode(line) for line in done.stdout.splitlines()]
    if len(answers) < len(asked):
        if b"not a git repository" not in done.stderr and b"work tree" not in done.stderr:
            raise RefusedError(f"Git refuses to work in {project}: {git.reason(done)}. Mend that, then run this again.")
        raise RefusedError(
            f"{project} is not in a git work tree, and a merge needs one. Run `git init`, `git add --all` and "
            "`git commit` there, then run this again."
        )
    if done.returncode != 0:
        raise RefusedError(f"Nothing is committed in {project} yet, and a merge needs that. Commit, then run it again.")
    top = Path(answers[0]).resolve()
    inside = project.relative_to(top).as_posix()
    return Checkout(
        top=top,
        prefix="" if inside == "." else f"{inside}/",
        git_dir=Path(answers[1]),
        object_format=answers[2],
        index=(project / answers[3]).absolute(),
        objects=(project / answers[4]).resolve(),
        head=answers[5],
        tree=answers[6],
    )


def find_repository(path: Path) -> Checkout:
    """The repository around a path, for taking an upgrade back: the project's own state may be half written.

    Raises:
        RefusedError: The path is in no repository.
        GitError: Git is missing or too old.
    """
    with suppress(RefusedError, UsageError):
        return open_checkout(find_project(path))
    nearest = next(place for place in (path.resolve(), *path.resolve().parents) if place.is_dir())
    checkout = open_checkout(nearest)
    if nearest == path.resolve():
        return checkout
    # The project's directory may be gone from the disk; whether it is meant, the journal knows.
    return replace(checkout, prefix=f"{path.resolve().relative_to(checkout.top).as_posix()}/")


def how_to_end(name: str) -> str:
    """The command that ends what `going_on` names."""
    return "git bisect reset" if name == "bisect" else f"git {name} --abort"


def picked(checkout: Checkout) -> str | None:
    """The commit of a cherry-pick that is under way."""
    file = checkout.git_dir / "CHERRY_PICK_HEAD"
    return file.read_text(encoding="ascii").strip() if file.exists() else None


def going_on(checkout: Checkout) -> str | None:
    """What git is in the middle of, or None."""
    return next((name for file, name in UNFINISHED.items() if (checkout.git_dir / file).exists()), None)
