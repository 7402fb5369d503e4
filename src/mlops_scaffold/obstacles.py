"""What keeps a merge from being applied: work that it would overwrite or mix with."""

import os
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from mlops_scaffold import journal
from mlops_scaffold.checkout import Checkout, going_on

SHOWN = 5
"""Names in one sentence; more are counted."""


def under_way(checkout: Checkout) -> str | None:
    """A sentence about an earlier upgrade, another command of git or staged changes, or None."""
    earlier = journal.read(checkout)
    is_clean = checkout.succeeds("diff-index", "--cached", "--quiet", "HEAD")
    if earlier is not None and earlier.phase == journal.APPLYING:
        return (
            f"An earlier upgrade ({earlier.title}) was interrupted. Run `mlops-scaffold upgrade --abort` to put "
            "everything back as it was, then start again."
        )
    if earlier is not None and earlier.head == checkout.head and not is_clean:
        return (
            f"An upgrade ({earlier.title}) is applied and not committed. Commit it, or take it back by "
            "`mlops-scaffold upgrade --abort`."
        )
    if name := going_on(checkout):
        return f"A {name} is under way. Finish it or `git {name} --abort` it first."
    if not is_clean:
        return "There are staged changes. Commit them, or `git restore --staged .` first."
    return None


def in_the_way(checkout: Checkout, paths: Sequence[str], *, look_only: bool) -> list[str]:
    """Sentences about the files that keep a merge from being written.

    Args:
        checkout: The repository.
        paths: Every path that the merge writes, removes or marks.
        look_only: Whether git may not even bring its own notes on file times up to date.
    """
    found = []
    if lying := _untracked(checkout, paths):
        found.append(
            f"Where a file is to be written lies one that git does not track: {_listed(lying)}. Move it away or commit "
            "it first."
        )
    if not paths:
        return found
    env = {"GIT_OPTIONAL_LOCKS": "0"} if look_only else None
    words = ["diff", "--name-only", "-z", "--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules"]
    if dirty := checkout.names("--literal-pathspecs", *words, "--", *paths, env=env):
        found.append(f"Not committed: {_listed(dirty)}. The merge touches it. Commit or stash it first.")
    marked = [line[2:] for line in checkout.names("--literal-pathspecs", "ls-files", "-v", "-z", "--", *paths)
              if not line.startswith("H ")]  # fmt: skip
    if marked:
        found.append(
            f"Git is told to look away from {_listed(marked)} (sparse checkout, assume-unchanged or skip-worktree), "
            "and the merge touches it. Take that back first (`git sparse-checkout disable`, `git update-index "
            "--no-assume-unchanged --no-skip-worktree`)."
        )
    return found


def _untracked(checkout: Checkout, paths: Iterable[str]) -> list[str]:
    """Files and links on the disk, ignored ones too, that the last commit does not have and a merge would overwrite."""
    suspects: dict[str, str] = {}
    for path in paths:
        for place in (*reversed(PurePosixPath(path).parents[:-1]), PurePosixPath(path)):
            full = checkout.top / place
            is_end = str(place) == path
            if not os.path.lexists(full):
                break
            if full.is_symlink() or not full.is_dir():
                suspects[str(place)] = str(place)
                break
            if is_end:
                suspects[str(place)] = f"{place}/"
    if not suspects:
        return []
    tracked = checkout.entries("HEAD", suspects)
    return [shown for place, shown in suspects.items() if place not in tracked]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(sorted(names)[:SHOWN]) + more
