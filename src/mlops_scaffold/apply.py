"""Write an upgrade into the work tree, all of it or nothing, and take it back."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_scaffold import aftermath, journal, restore
from mlops_scaffold.checkout import Checkout, going_on, how_to_end, picked
from mlops_scaffold.errors import RefusedError, TemplateError, UsageError
from mlops_scaffold.lock import lock
from mlops_scaffold.merge import Merge
from mlops_scaffold.obstacles import listed
from mlops_scaffold.processes import exclusive, undisturbed
from mlops_scaffold.project import PROJECT
from mlops_scaffold.salvage import salvage
from mlops_scaffold.upgrade import Upgrade

SECONDS = 10
"""How long to wait for another upgrade, or for the git that a killed one has left behind."""


@dataclass(frozen=True, kw_only=True)
class Applied:
    """An upgrade that is in the work tree and in the index, and not committed.

    Attributes:
        upgrade: What was done.
        notes: Sentences about what is left to do.
    """

    upgrade: Upgrade
    notes: tuple[str, ...]


@contextmanager
def alone(checkout: Checkout) -> Iterator[None]:
    """Be the only upgrade that works on this checkout.

    Raises:
        RefusedError: Another one does not end.
    """
    with exclusive(checkout.git_dir, seconds=SECONDS) as had:
        if not had:
            raise RefusedError(
                f"Another upgrade is at work in {checkout.top}, or a git that it has started. Wait for its end, then "
                "run this again."
            )
        yield


def apply(upgrade: Upgrade) -> Applied:
    """Write an upgrade.

    A clean one is staged; one with conflicts leaves git in the state of a cherry-pick that stopped. The last commit
    stays where it is.

    Args:
        upgrade: What `prepare` has found, in the same `alone` block.

    Raises:
        RefusedError: Something stands in its way; nothing was changed.
        GitError: Git refused; everything is as it was.
    """
    merge, checkout = upgrade.merge, upgrade.checkout
    if upgrade.refusals:
        raise RefusedError("\n".join([*upgrade.refusals, "Nothing was changed."]))
    if merge is None:
        return Applied(upgrade=upgrade, notes=())
    try:
        remade = [upgrade.lock_path] if upgrade.lock_is_outdated else []
        entry = journal.begin(
            checkout,
            title=upgrade.message,
            tree=merge.tree,
            theirs=merge.theirs,
            touched=merge.touched,
            remade=remade,
        )
        # One process writes, so that nobody writes any more when that one has ended.
        words = ("-c", "checkout.workers=1", "read-tree", "-m", "-u", "--no-recurse-submodules")
        checkout.git(*words, checkout.head, merge.tree)
        if merge.conflicts:
            _mark_conflicts(upgrade, merge)
        else:
            _assert_equal(checkout, merge.tree)
        # `git commit` starts with it.
        (checkout.git_dir / "MERGE_MSG").write_text(f"{upgrade.message}\n", encoding="utf-8")
        note = _lock(upgrade, entry)
        journal.finish(checkout, entry, conflicts=[conflict.path for conflict in merge.conflicts])
    except BaseException:
        with undisturbed():
            restore.undo(checkout)
        raise
    notes = tuple(filter(None, [note, upgrade.not_read, _left_out(checkout, merge)]))
    return Applied(upgrade=replace(upgrade, locks=upgrade.locks and note is None), notes=notes)


def _left_out(checkout: Checkout, merge: Merge) -> str | None:
    """A sentence about new files that a sparse checkout keeps off the disk."""
    added = [change.path for change in merge.changes if change.kind == "added"]
    if not (hidden := sorted(aftermath.left_out(checkout, added))):
        return None
    return (
        f"A sparse checkout keeps {len(hidden)} of the added files off the disk ({listed(hidden)}). They are staged; "
        "`git sparse-checkout add` shows them."
    )


@dataclass(frozen=True, kw_only=True)
class TakenBack:
    """An upgrade that was taken back.

    Attributes:
        name: What it was.
        kept: Files that somebody has worked on after it was killed, by path; they are as they were before all the same.
        place: Where copies of these files are; None when there are none.
    """

    name: str
    kept: tuple[str, ...] = ()
    place: Path | None = None


def abort(checkout: Checkout) -> TakenBack:
    """Put everything back as it was before an upgrade that was interrupted, or that is not committed yet.

    Raises:
        RefusedError: There is nothing to take back, or doing so would lose work that was done since.
    """
    with alone(checkout):
        entry = journal.read(checkout)
        if entry is None or (entry.phase == journal.APPLIED and aftermath.is_over(checkout, entry)):
            raise RefusedError(
                "There is no upgrade to take back: none is under way, and what is committed `git revert` takes back."
            )
        _refuse_other_project(checkout, entry)
        _refuse_while_git_is_busy(checkout, entry)
        if entry.head != checkout.head:
            raise RefusedError(
                f"Another commit is checked out than when the upgrade began. To take it back, go back to "
                f"{entry.head[:12]} first, by `git switch` when that is another branch, by `git reset --soft` when you "
                f"have committed. To keep things as they are, remove {checkout.git_dir / journal.FOLDER}."
            )
        if entry.phase == journal.APPLIED and (changed := aftermath.changed_since(checkout, entry)):
            raise RefusedError(_changed(entry, changed))
        restore.check(checkout, entry)
        with undisturbed():
            found = salvage(checkout, entry) if entry.phase == journal.APPLYING else None
            restore.restore(checkout, entry)
        place, kept = found or (None, [])
        return TakenBack(name=entry.name, kept=tuple(kept), place=place)


def _refuse_other_project(checkout: Checkout, entry: journal.Journal) -> None:
    if checkout.prefix == entry.prefix:
        return
    if not checkout.project.exists():
        raise UsageError(f"There is no {checkout.prefix}. Name the project whose upgrade is to be taken back.")
    if checkout.entries("HEAD", [f"{checkout.prefix}{PROJECT}"]):
        place = entry.prefix or "the project at the root of the repository"
        raise RefusedError(
            f"What can be taken back is the upgrade of another project, {place}. To do that, run this there."
        )


def _refuse_while_git_is_busy(checkout: Checkout, entry: journal.Journal) -> None:
    """What somebody has begun since a kill must not lose its index, which is put back with everything else."""
    name = going_on(checkout)
    if name is None or (name == "cherry-pick" and picked(checkout) == entry.theirs):
        return
    raise RefusedError(
        f"A `git {name}` is under way that was begun after the upgrade. End it by `{how_to_end(name)}`, then run this "
        "again."
    )


def _changed(entry: journal.Journal, paths: Sequence[str]) -> str:
    """Why an upgrade is not taken back, and how to get its files as it wrote them."""
    others = [path for path in paths if path not in entry.touched]
    own = [path for path in paths if path in entry.touched]
    ways = [f"`git restore --staged -- {shlex.join(others)}`"] if others else []
    ways += [f"`git checkout {entry.tree[:12]} -- {shlex.join(own)}`"] if own else []
    return (
        f"Changed since the upgrade: {', '.join(paths)}. Taking the upgrade back would lose that. Save it elsewhere, "
        f"run {' and '.join(ways)} at the root of the repository, then run this again."
    )


def _assert_equal(checkout: Checkout, tree: str) -> None:
    """Hold the index against the tree that the preview shows."""
    if checkout.names("diff-index", "--cached", "--ita-invisible-in-index", "--name-only", "-z", tree):
        raise TemplateError("What git has checked out is not what was merged. Everything is put back as it was.")


def _mark_conflicts(upgrade: Upgrade, merge: Merge) -> None:
    """Leave git where a cherry-pick stops, so that its own commands help to go on."""
    checkout = upgrade.checkout
    lines = "".join(f"{line}\0" for line in merge.stages)
    checkout.git("update-index", "-z", "--index-info", stdin=lines.encode(errors="surrogateescape"))
    if upgrade.author is not None:
        # Git takes the commit's author from there, so without a known author it stays unset.
        checkout.git("update-ref", "CHERRY_PICK_HEAD", merge.theirs)
    checkout.git("rerere")


def _lock(upgrade: Upgrade, entry: journal.Journal) -> str | None:
    """Lock the dependencies again and stage the lock where the team keeps it in git; or a sentence why not."""
    if not upgrade.locks:
        return None
    checkout = upgrade.checkout
    if note := lock(checkout.project):
        restore.put_back(checkout, entry, upgrade.lock_path)  # it may be half written
        return note
    if upgrade.lock_is_committed:
        checkout.git("--literal-pathspecs", "add", "--force", "--", upgrade.lock_path)
    return None
