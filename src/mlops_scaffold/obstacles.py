"""What keeps a merge from being applied: work that it would overwrite or mix with."""

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from mlops_scaffold import aftermath, journal
from mlops_scaffold.checkout import Checkout, going_on, how_to_end

SHOWN = 5
"""Names in one sentence; more are counted."""

TRIES = 20
PAUSE = 0.05
"""How often, and after how many seconds each time, to look whether another git has let go of the index."""


def under_way(checkout: Checkout) -> str | None:
    """A sentence about an earlier upgrade, another command of git or staged changes, or None."""
    earlier = journal.read(checkout)
    if earlier is not None and earlier.phase == journal.APPLYING:
        return (
            f"An earlier upgrade ({earlier.name}) was interrupted. Run `mlops-scaffold upgrade --abort` to put "
            "everything back as it was, then start again."
        )
    if earlier is not None and not aftermath.is_over(checkout, earlier):
        return (
            f"An upgrade ({earlier.name}) is applied and not committed. Commit it, or take it back by "
            "`mlops-scaffold upgrade --abort`."
        )
    if is_locked(checkout):
        return (
            f"Another git is at work here: there is {checkout.index}.lock. Wait for its end; if none is running, a "
            "crash has left that file, and you can remove it."
        )
    if name := going_on(checkout):
        return f"A `git {name}` is under way. Finish it, or end it by `{how_to_end(name)}`."
    if aftermath.staged(checkout):
        return "There are staged changes. Commit them, or `git restore --staged .` first."
    return None


def is_locked(checkout: Checkout) -> bool:
    """Whether a git holds the index for longer than a moment."""
    lock = checkout.index.with_name(f"{checkout.index.name}.lock")
    for _ in range(TRIES):
        if not lock.exists():
            return False
        time.sleep(PAUSE)
    return True


def in_the_way(checkout: Checkout, paths: Sequence[str], deleted: Sequence[str], *, look_only: bool) -> list[str]:
    """Sentences about the files that keep a merge from being written.

    Args:
        checkout: The repository.
        paths: Every path that the merge writes, removes or marks.
        deleted: Paths that are not in the last commit, and would be changed if they were.
        look_only: Whether git may not even bring its own notes on file times up to date.
    """
    found = []
    if lying := _untracked(checkout, paths):
        found.append(
            f"Where a file is to be written lies one that git does not track: {listed(lying)}. Move it away or commit "
            "it first."
        )
    if unknown := [path for path in deleted if checkout.has_file(path) and not _is_in_submodule(checkout, path)]:
        found.append(
            f"Git does not track {listed(unknown)}, so what changes there can't be merged. Commit it (`git add "
            "--force` if it is ignored), or move it away for as long as the upgrade takes."
        )
    if not paths:
        return found
    # `git diff` brings the index up to date whatever one asks; `git status` can be told not to.
    env = {"GIT_OPTIONAL_LOCKS": "0"} if look_only else None
    words = ["status", "--porcelain", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules=all"]
    states = checkout.names("--literal-pathspecs", *words, "--", *paths, env=env)
    if dirty := [state[3:] for state in states if state[1] != " "]:
        found.append(f"Not committed: {listed(dirty)}. The merge touches it. Commit or stash it first.")
    marked = [line[2:] for line in checkout.names("--literal-pathspecs", "ls-files", "-v", "-z", "--", *paths)
              if not line.startswith("H ")]  # fmt: skip
    if marked:
        found.append(
            f"Git is told to look away from {listed(marked)} (sparse checkout, assume-unchanged or skip-worktree), "
            "and the merge touches it. Take that back first (`git sparse-checkout disable`, `git update-index "
            "--no-assume-unchanged --no-skip-worktree`)."
        )
    return found


def _is_in_submodule(checkout: Checkout, path: str) -> bool:
    above = [str(parent) for parent in PurePosixPath(path).parents[:-1]]
    return any(entry.kind == "commit" for name in above for entry in checkout.entries("HEAD", [name]).values())


def _untracked(checkout: Checkout, paths: Iterable[str]) -> list[str]:
    """Files and links on the disk, ignored ones too, that the last commit does not have and a merge would overwrite."""
    suspects: set[str] = set()
    folders = []
    for path in paths:
        for place in (*reversed(PurePosixPath(path).parents[:-1]), PurePosixPath(path)):
            full = checkout.top / place
            if not os.path.lexists(full):
                break
            if full.is_symlink() or not full.is_dir():
                suspects.add(str(place))
                break
            if str(place) == path:
                folders.append(path)
    tracked = checkout.entries("HEAD", suspects)
    return [*(place for place in suspects if place not in tracked), *_untracked_below(checkout, folders)]


def _untracked_below(checkout: Checkout, folders: Sequence[str]) -> list[str]:
    """What lies in directories that make room for a file, and is not in the last commit. Empty ones do not matter."""
    if not folders:
        return []
    words = ["--literal-pathspecs", "ls-tree", "-r", "-z", "--full-tree", "--name-only", "HEAD", "--"]
    tracked = set(checkout.names(*words, *folders))
    found = []
    for folder in folders:
        for place, inner, names in os.walk(checkout.top / folder):
            within = Path(place).relative_to(checkout.top)
            if within.as_posix() in tracked:  # a submodule
                inner.clear()
                continue
            links = [name for name in inner if (Path(place) / name).is_symlink()]
            found += [path for name in (*names, *links) if (path := (within / name).as_posix()) not in tracked]
    return found


def listed(names: Sequence[str]) -> str:
    """The first of some names, for a sentence, and how many there are more."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(sorted(names)[:SHOWN]) + more
