"""Write an upgrade into the work tree, all of it or nothing, and take it back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mlops_scaffold import aftermath, journal
from mlops_scaffold.checkout import Checkout
from mlops_scaffold.errors import RefusedError, TemplateError
from mlops_scaffold.lock import lock
from mlops_scaffold.merge import Merge
from mlops_scaffold.processes import exclusive, undisturbed
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
        entry = journal.begin(checkout, title=upgrade.message, touched=upgrade.touched)
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
            journal.undo(checkout)
        raise
    return Applied(upgrade=upgrade, notes=(note,) if note else ())


def abort(checkout: Checkout) -> str:
    """Put everything back as it was before an upgrade that was interrupted, or that is not committed yet.

    Returns:
        What was taken back.

    Raises:
        RefusedError: There is nothing to take back, or doing so would lose work that was done since.
    """
    with alone(checkout):
        entry = journal.read(checkout)
        if entry is None or (entry.phase == journal.APPLIED and aftermath.is_over(checkout, entry)):
            raise RefusedError(
                "There is no upgrade to take back: none is under way, and what is committed `git revert` takes back."
            )
        if entry.head != checkout.head:
            raise RefusedError(
                f"Commits were made since the upgrade was interrupted. To take it back, run `git reset --soft "
                f"{entry.head[:12]}` first. To keep things as they are, remove {checkout.git_dir / journal.FOLDER}."
            )
        if entry.phase == journal.APPLIED and (changed := aftermath.changed_since(checkout, entry)):
            raise RefusedError(
                f"Changed since the upgrade: {', '.join(changed)}. Taking the upgrade back would lose that. Save it "
                "elsewhere, `git restore` those files, then run this again."
            )
        with undisturbed():
            journal.restore(checkout, entry)
        return entry.title


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
        journal.put_back(checkout, entry, upgrade.lock_path)  # it may be half written
        return note
    if upgrade.lock_is_committed:
        checkout.git("--literal-pathspecs", "add", "--force", "--", upgrade.lock_path)
    return None
