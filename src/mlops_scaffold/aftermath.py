"""What has become of an applied upgrade: is it still there, and has somebody worked on its files since?"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from mlops_scaffold import journal
from mlops_scaffold.checkout import Checkout
from mlops_scaffold.journal import Journal


def staged(checkout: Checkout) -> list[str]:
    """Paths whose entry in the index is not that of the last commit; an intent to add one is no entry yet."""
    return checkout.names("diff-index", "--cached", "--ita-invisible-in-index", "--name-only", "-z", "HEAD")


def is_over(checkout: Checkout, entry: Journal) -> bool:
    """Whether the team has committed an applied upgrade, or has thrown it away.

    Thrown away is what neither the index nor the disk holds any of. A part that was committed is not all of it, and on
    another branch an upgrade that went along in the index is still there.
    """
    if set(staged(checkout)) & set(entry.touched) - _restaged(checkout, entry):
        return False
    return entry.head != checkout.head or not _written(checkout, entry) - _edited(checkout, entry)


def changed_since(checkout: Checkout, entry: Journal) -> list[str]:
    """Paths that somebody has worked on since the upgrade was applied.

    Those in conflict are expected to be worked on, the lock is made again by a tool, and taking something out of the
    index is no work.
    """
    index = set(staged(checkout))
    restaged = _restaged(checkout, entry) & index
    others = index - set(entry.touched)
    return sorted(_edited(checkout, entry) | restaged & set(entry.settled) | others)


def _restaged(checkout: Checkout, entry: Journal) -> set[str]:
    """Touched paths at which the index no longer holds what the upgrade has put there."""
    entries = journal.entries(checkout, entry.touched)
    return {path for path in entry.touched if entries.get(path) != entry.entries.get(path)}


def _written(checkout: Checkout, entry: Journal) -> set[str]:
    """Settled paths that the upgrade has changed on the disk."""
    paths = set(entry.settled)
    committed = {path: f"{found.mode} {found.id} 0" for path, found in checkout.entries("HEAD", paths).items()}
    return {path for path in paths if entry.entries.get(path) != committed.get(path)}


def _edited(checkout: Checkout, entry: Journal) -> set[str]:
    """Settled paths where the disk is not as the upgrade has left it.

    Git compares, by an index of its own that holds what the upgrade wrote: filters and line ends are its business.
    """
    paths = entry.settled
    kept = {path: entry.entries[path] for path in paths if path in entry.entries}
    lines = "".join(f"{line}\t{path}\0" for path, line in kept.items())
    with tempfile.TemporaryDirectory(prefix="mlops-scaffold-") as folder:
        env = {"GIT_INDEX_FILE": str(Path(folder, "index")), "GIT_OPTIONAL_LOCKS": "0"}
        checkout.git("update-index", "-z", "--index-info", stdin=os.fsencode(lines), env=env)
        words = ("--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules", "--name-only", "-z")
        found = set(checkout.names("diff", *words, env=env))
    found -= left_out(checkout, found)
    removed = checkout.entries("HEAD", [path for path in paths if path not in kept])
    return found | {path for path in removed if (checkout.top / path).is_symlink() or (checkout.top / path).is_file()}


def left_out(checkout: Checkout, paths: Iterable[str]) -> set[str]:
    """Paths that a sparse checkout keeps off the disk."""
    absent = [path for path in paths if not os.path.lexists(checkout.top / path)]
    lines = checkout.names("--literal-pathspecs", "ls-files", "-t", "-z", "--", *absent) if absent else []
    return {line[2:] for line in lines if line.startswith("S ")}
