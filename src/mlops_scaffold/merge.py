"""The three-way merge, in git's object database: nothing in the work tree moves.

`base` is what the templates gave, `theirs` what they give now, `ours` what the team has committed. Both trees of the
templates hold template paths only; so everything else is, to git, a file that the team added. `git merge-tree` does the
merge, with renames followed, in the project's part of the commit.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mlops_scaffold import git
from mlops_scaffold.checkout import SETTINGS, Checkout
from mlops_scaffold.errors import GitError
from mlops_scaffold.fast_import import NOBODY, Stream, Workshop, Written
from mlops_scaffold.merge_tree import Output, parse
from mlops_scaffold.repair import Names, Repaired, Sides, repaired
from mlops_scaffold.scope import Scope
from mlops_scaffold.tree import File, Tree
from mlops_scaffold.validity import spoilt

MERGE_SETTINGS = (
    *("-c", "merge.conflictStyle=zdiff3"),
    *("-c", "merge.default=text"),
    *("-c", "merge.directoryRenames=true"),
    *("-c", "merge.renames=true"),
    *("-c", "merge.renameLimit=30000"),
    *("-c", "merge.renormalize=true"),
)
"""How git merges here, whatever the user has configured: two machines must come to the same result."""

HUNK = re.compile(rb"^<{7,}.*?^>{7,}[^\n]*\n?", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Change:
    """A path whose content the merge changes.

    Attributes:
        path: Where it is.
        kind: `added`, `changed` or `removed`.
        plus: Lines that are added; None for a binary file.
        minus: Lines that are taken away; None for a binary file.
        merged: Whether the team has changed the file too, so that this is a merge of both.
    """

    path: str
    kind: str
    plus: int | None
    minus: int | None
    merged: bool


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """A path where a person must decide.

    Attributes:
        path: Where it is.
        what: A sentence that says what met.
        hunks: The places in a text, with their marks.
    """

    path: str
    what: str
    hunks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Merge:
    """The result of a merge.

    Attributes:
        tree: The tree to check out: merged files, and those in conflict with their marks.
        theirs: The commit of the new templates' files.
        changes: What differs between the last commit and `tree`, conflicts left out.
        conflicts: Where a person must decide.
        stages: Lines for `git update-index --index-info`: both versions, and their base, of each path in conflict.
        kept_deletions: Files that the team deleted and the new templates change. They stay deleted.
        spoilt: Files that git has merged by lines and that can't be read any more, and why: path → sentence.
        followed: New files that went where the team has moved their directory: path → path in the templates.
    """

    tree: str
    theirs: str
    changes: tuple[Change, ...]
    conflicts: tuple[Conflict, ...]
    stages: tuple[str, ...]
    kept_deletions: tuple[str, ...]
    spoilt: Mapping[str, str]
    followed: Mapping[str, str]

    @property
    def touched(self) -> list[str]:
        """Every path that applying the merge writes, removes or marks."""
        return sorted({change.path for change in self.changes} | {conflict.path for conflict in self.conflicts})


def three_way(
    checkout: Checkout,
    workshop: Workshop,
    scope: Scope,
    *,
    base: Tree,
    theirs: Tree,
    names: Names,
    message: str,
    author: bytes | None,
) -> Merge:
    """Merge what changed in the templates into the last commit.

    Args:
        checkout: The team's repository.
        workshop: Where the objects are made.
        scope: What of the commit the merge sees.
        base: The old files of the templates, by their path below the root of the work tree.
        theirs: The new ones.
        names: What both are called.
        message: The message of the commit that a team would make of the result.
        author: Who makes it, as git writes that; None when nobody is configured.

    Raises:
        GitError: Git refused.
    """
    stream = Stream()
    first = stream.commit(base, message="base")
    scope.add_ours(stream, first)
    stream.commit(theirs, message=message, parent=first, author=author or NOBODY)
    old, ours, new = workshop.write(stream)
    sides = Sides(base=old.commit, ours=ours.commit, theirs=new.commit, names=names)
    result = _merged(checkout, workshop, ours, new)
    found = repaired(checkout, workshop, result, sides)
    tree = _whole(checkout, workshop, scope, found.tree)
    ids = {path: blob_id(file, checkout.object_format) for path, file in base.items()}
    changes = tuple(c for c in _changes(checkout, workshop, tree, ids) if c.path not in found.places.values())
    return Merge(
        tree=tree,
        theirs=new.commit,
        changes=changes,
        conflicts=tuple(_conflict(path, found, result, sides) for path in found.conflicts),
        stages=tuple(line for path in found.conflicts for line in _index_lines(path, found)),
        kept_deletions=found.kept_deletions,
        spoilt=spoilt(checkout, workshop, tree, [change.path for change in changes if change.merged]),
        followed=found.followed,
    )


def blob_id(file: File, object_format: str) -> str:
    """The id that git gives a content in a repository of an object format (`sha1` or `sha256`)."""
    if object_format == "sha1":
        return file.blob_id
    return hashlib.new(object_format, b"blob %d\0" % len(file.content) + file.content).hexdigest()


def _merged(checkout: Checkout, workshop: Workshop, ours: Written, theirs: Written) -> Output:
    words = ["merge-tree", "--write-tree", "-z", "--messages", ours.commit, theirs.commit]
    done = git.start([*SETTINGS, *MERGE_SETTINGS, *words], checkout.top, env=workshop.env)
    if done.returncode not in (0, 1):
        report = done.stderr.decode(errors="replace").strip() or "it gave no reason"
        raise GitError(f"`git merge-tree` failed: {report}. Nothing was changed.")
    return parse(done.stdout)


def _whole(checkout: Checkout, workshop: Workshop, scope: Scope, merged: str) -> str:
    """The tree of the whole commit, with the merged part in its place."""
    if scope.is_all:
        return merged
    if scope.folder:
        merged = checkout.entries(merged, [scope.folder], env=workshop.env)[scope.folder].id
    stream = Stream()
    scope.add_whole(stream, merged)
    (written,) = workshop.write(stream)
    return written.tree


def _changes(checkout: Checkout, workshop: Workshop, tree: str, base: Mapping[str, str]) -> list[Change]:
    """How a tree differs from the last commit."""
    words = ["diff-tree", "-r", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--raw", "--numstat"]
    fields = checkout.names(*words, checkout.head, tree, env=workshop.env)
    before: dict[str, tuple[str, str]] = {}
    at = 0
    while at < len(fields) and fields[at].startswith(":"):
        _, _, old, _, kind = fields[at].split()
        before[fields[at + 1]] = (kind, old)
        at += 2
    found = []
    for line in fields[at:]:
        plus, minus, path = line.split("\t", 2)
        kind, old = before[path]
        found.append(
            Change(
                path=path,
                kind={"A": "added", "D": "removed"}.get(kind, "changed"),
                plus=None if plus == "-" else int(plus),
                minus=None if minus == "-" else int(minus),
                merged=kind not in "AD" and base.get(path) != old,
            )
        )
    return found


def _conflict(path: str, found: Repaired, result: Output, sides: Sides) -> Conflict:
    stages, marked = found.conflicts[path], found.marked.get(path)
    if marked is not None:
        what = "Both have changed the same lines." if 1 in stages else "Both have added this file, with other content."
        hunks = tuple(hunk.decode(errors="replace") for hunk in HUNK.findall(marked.content))
        return Conflict(path=found.places[path], what=what, hunks=hunks)
    return Conflict(path=found.places[path], what=_without_marks(path, found, result, sides))


def _without_marks(path: str, found: Repaired, result: Output, sides: Sides) -> str:
    """One sentence about a conflict that is not in the text of a file."""
    stages, place = found.conflicts[path], found.places[path]
    both = stages.keys() >= {2, 3}
    if stages.keys() == {1, 2}:
        return "You have changed this file, and the new templates do not have it any more. Keep it or `git rm` it."
    if both and all(mode.startswith("100") for mode, _ in stages.values()):
        return f"Both have changed this file, binary or not to be merged. Yours is in place; see `git show :3:{place}`."
    if stages.keys() == {1, 2, 3}:
        return f"It is another kind of file on each side. Yours is in place; see `git show :3:{place}`."
    text = " ".join(result.messages.get(path, ["Git can't merge what you and the new templates have here."]))
    return re.sub(r"^CONFLICT \([^)]*\): ", "", sides.in_words(text))


def _index_lines(path: str, found: Repaired) -> list[str]:
    """The versions of a path in conflict, as `git update-index --index-info` reads them."""
    stages, place = sorted(found.conflicts[path].items()), found.places[path]
    nothing = "0" * len(stages[0][1][1])
    return [f"0 {nothing}\t{place}", *(f"{mode} {oid} {stage}\t{place}" for stage, (mode, oid) in stages)]
