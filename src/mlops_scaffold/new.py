"""Write a new repository: all of it or nothing."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mlops_scaffold import git
from mlops_scaffold.errors import DestinationError, GitError, UsageError
from mlops_scaffold.lock import lock
from mlops_scaffold.processes import undisturbed
from mlops_scaffold.tree import Tree, write_tree

SHOWN = 3
"""Names in one sentence; more are counted."""


@dataclass(frozen=True, kw_only=True)
class Created:
    """What `create` did, for the command to tell."""

    destination: Path
    files: int
    notes: tuple[str, ...]
    """Sentences about what was left out, and what to do about it."""


def parse_destination(text: str) -> Path:
    """The path of a destination as somebody has typed it.

    Raises:
        UsageError: It is empty or can't be printed.
    """
    if not text.strip() or not text.isprintable():
        raise UsageError("The destination is empty or can't be printed. Name a directory, or `.` for this one.")
    return Path(text)


def check_destination(destination: Path) -> None:
    """Make sure that a repository may be written to a path.

    Raises:
        DestinationError: It holds something (a lone `.git` is fine), is no directory, or its place does not exist.
    """
    try:
        problem = _problem(destination)
    except OSError as error:
        raise _refused(destination, error) from error
    if problem:
        raise DestinationError(f"{problem} Choose a new or an empty directory; nothing was written.")


def _problem(destination: Path) -> str | None:
    if destination.is_symlink() and not destination.exists():
        return f"{destination} is a link that leads nowhere."
    nearest = next(place for place in (destination, *destination.absolute().parents) if place.exists())
    if not nearest.is_dir():
        return f"{nearest} is a file."
    found = [path.name for path in destination.iterdir()] if destination.exists() else []
    return None if found in ([], [".git"]) else f"{destination} is not empty (it holds {min(found)})."


def create(
    destination: Path,
    tree: Tree,
    *,
    message: str,
    with_git: bool = True,
    with_lock: bool = True,
    with_hooks: bool = True,
    note: str | None = None,
) -> Created:
    """Write a tree as a new repository, lock its dependencies and make the first commit.

    Everything is made in a directory beside the destination and moved there at the end, so that a failure, a full disk
    or Ctrl-C leaves nothing behind.

    Args:
        destination: A path that does not exist, or a directory that is empty or holds only `.git`.
        tree: The files.
        message: The message of the first commit.
        with_git: Whether to make a repository and the first commit. Inside a repository that does not ignore the
            destination neither is done.
        with_lock: Whether to lock the dependencies.
        with_hooks: Whether the user's hooks see the first commit. Some run what a project tells them.
        note: What is to be said besides.

    Raises:
        DestinationError: The destination is taken or can't be written; nothing was.
        GitError: Git is missing, too old or refused; nothing was written.
    """
    check_destination(destination)
    if with_git:
        git.require()
    outer = _outer_repository(destination)
    notes: list[str | None] = [note]
    with _all_or_nothing(destination) as place:
        write_tree(tree, place.staging)
        if with_lock:
            notes.append(lock(place.staging))
        if not with_git:
            place.publish()
        elif outer is not None:
            place.publish()
            notes.append(_left_to_commit(destination, tree, outer))
        elif (destination / ".git").exists():
            place.publish()
            if not git.is_unborn(destination):
                notes.append("The repository has commits already, so nothing was committed. Commit when you are ready.")
            else:
                with place.staged_files():
                    notes.append(_first_commit(destination, message, with_hooks=with_hooks))
        else:
            git.init(place.staging)
            notes.append(_first_commit(place.staging, message, with_hooks=with_hooks))
            place.publish()
    return Created(destination=destination, files=len(tree), notes=tuple(filter(None, notes)))


def _outer_repository(destination: Path) -> Path | None:
    """The repository that the new files would be part of: not the destination's own, nor one that ignores it."""
    if (destination / ".git").exists():
        return None
    nearest = next(place for place in (destination, *destination.absolute().parents) if place.is_dir())
    outer = git.top_level(nearest)
    return None if outer is None or git.is_ignored(destination, nearest) else outer


def _left_to_commit(destination: Path, tree: Tree, outer: Path) -> str:
    """What to do with files in a repository that is there already."""
    note = f"It is part of the repository at {outer}, so nothing was committed. Commit it there."
    if not (ignored := git.ignored(sorted(tree), destination)):
        return note
    some = ", ".join(ignored[:SHOWN]) + (", …" if len(ignored) > SHOWN else "")
    return (
        f"{note} That repository ignores {len(ignored)} of the files ({some}): add all by `git add --force .`, since "
        "an upgrade can't reach what is not in git."
    )


def _first_commit(repository: Path, message: str, *, with_hooks: bool) -> str | None:
    """Commit everything as the first commit; None, or a sentence that says why there is no commit."""
    git.add_all(repository)
    if (reason := git.commit(message, repository, with_hooks=with_hooks)) is None:
        if not with_hooks and git.has_commit_hooks(repository):
            return "Your git hooks did not see the first commit, since they may run what the kit has given."
        return None
    if not git.has_identity(repository):
        return (
            "Git does not know who you are, so the files are staged and not committed. Set `git config --global "
            f'user.name "You"` and `user.email`, then run `git commit -m "{message}"`.'
        )
    # A hook or a signing program of the user's said no; the files are good.
    return (
        f"The files are staged and not committed, because `git commit` failed: {reason}. Mend that, then run "
        f'`git commit -m "{message}"`.'
    )


class _Place:
    """Where a repository is being made: a directory beside the destination, then the destination."""

    def __init__(self, destination: Path) -> None:
        self._destination = destination
        self._existed = destination.exists()
        self._made = [path for path in destination.absolute().parents if not path.exists()]
        self._moved: list[str] = []
        destination.parent.mkdir(parents=True, exist_ok=True)
        # Inside an existing destination, because its parent may not be ours to write to. Absolute, because programs
        # are started in it.
        beside = destination if self._existed else destination.parent
        self.staging = Path(tempfile.mkdtemp(prefix=".new-", dir=beside)).absolute()

    def publish(self) -> None:
        """Move what was made to the destination, unless somebody else has put something there meanwhile.

        Raises:
            DestinationError: The destination was taken meanwhile; what is there is left alone.
        """
        meanwhile = f"{self._destination} was filled by somebody else meanwhile"
        if not self._existed:
            self.staging.chmod(0o777 & ~_umask())
            try:
                # Fails when the destination exists by now and is not empty.
                self.staging.rename(self._destination)
            except OSError as error:
                if not self._destination.exists():
                    raise
                raise DestinationError(f"{meanwhile}. It is as it was; choose another place.") from error
            return
        for path in sorted(self.staging.iterdir()):
            if os.path.lexists(self._destination / path.name):
                raise DestinationError(f"{meanwhile} (it holds {path.name}). It is as it was; choose another place.")
            self._moved.append(path.name)
            path.rename(self._destination / path.name)
        self.staging.rmdir()

    @contextmanager
    def staged_files(self) -> Iterator[None]:
        """On failure, empty the user's index again; a commit that was made all the same makes everything stay."""
        try:
            yield
        except BaseException:
            with undisturbed(), suppress(GitError):
                if git.is_unborn(self._destination):
                    git.empty_index(self._destination)
                else:
                    self._moved.clear()
            raise

    def remove(self) -> None:
        """Take everything back that was made here, and nothing else."""
        # What is still in the staging directory was not moved: the path of that name is somebody else's.
        moved = [self._destination / name for name in self._moved if not (self.staging / name).exists()]
        for path in (*moved, self.staging):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        for path in self._made:
            if path.exists() and not any(path.iterdir()):
                path.rmdir()


@contextmanager
def _all_or_nothing(destination: Path) -> Iterator[_Place]:
    place: _Place | None = None
    try:
        place = _Place(destination)
        yield place
    except BaseException as error:
        with undisturbed():
            if place is not None:
                place.remove()
        if isinstance(error, OSError):
            raise _refused(destination, error) from error
        raise


def _umask() -> int:
    # The mask can only be read by setting it.
    current = os.umask(0o022)
    os.umask(current)
    return current


def _refused(path: Path, error: OSError) -> DestinationError:
    reason = error.strerror or str(error)
    return DestinationError(
        f"{path} can't be written ({reason.lower()}), so nothing was made. Mend that or choose another place."
    )
