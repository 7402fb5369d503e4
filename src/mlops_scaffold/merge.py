"""The three-way merge, in git's object database: nothing in the work tree moves.

`base` is what the templates gave, `theirs` what they give now, `ours` what the team has committed. Both trees of the
templates hold template paths only; so everything else is, to git, a file that the team added. `git merge-tree` does the
merge, with renames followed. Its result is taken as it is, but for two things: a file that the team deleted stays
deleted, and the marks of a conflict bear names that a person understands.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from mlops_scaffold import git
from mlops_scaffold.checkout import SETTINGS, Checkout
from mlops_scaffold.errors import GitError
from mlops_scaffold.fast_import import NOBODY, Stream, Workshop
from mlops_scaffold.merge_tree import Output, Stages, gathered, left_in_place, parse
from mlops_scaffold.tree import File, Tree

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

YOURS = "yours"


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
class Names:
    """What the two versions of the templates are called in the marks of a conflict."""

    base: str
    theirs: str


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
        followed: New files that went where the team has moved their directory: path → path in the templates.
    """

    tree: str
    theirs: str
    changes: tuple[Change, ...]
    conflicts: tuple[Conflict, ...]
    stages: tuple[str, ...]
    kept_deletions: tuple[str, ...]
    followed: Mapping[str, str]

    @property
    def touched(self) -> list[str]:
        """Every path that applying the merge writes, removes or marks."""
        return sorted({change.path for change in self.changes} | {conflict.path for conflict in self.conflicts})


def three_way(
    checkout: Checkout,
    workshop: Workshop,
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
    stream.commit({}, message="ours", parent=first, tree=checkout.tree)
    stream.commit(theirs, message=message, parent=first, author=author or NOBODY)
    old, ours, new = workshop.write(stream)
    words = ["merge-tree", "--write-tree", "-z", "--messages", ours.commit, new.commit]
    done = git.start([*SETTINGS, *MERGE_SETTINGS, *words], checkout.top, env=workshop.env)
    if done.returncode not in (0, 1):
        report = done.stderr.decode(errors="replace").strip() or "it gave no reason"
        raise GitError(f"`git merge-tree` failed: {report}. Nothing was changed.")
    result = parse(done.stdout)
    labels = {ours.commit: YOURS, new.commit: names.theirs}
    together, aside = gathered(result.stages, f"~{new.commit}")
    deleted = tuple(path for path, stages in together.items() if stages.keys() == {1, 3})
    freed = _freed(checkout, workshop, result, f"~{ours.commit}", deleted)
    is_taken = partial(checkout.entries, result.tree, env=workshop.env)
    team = checkout.entries("HEAD", set(result.followed.values()))
    left = left_in_place(result, team, deleted, lambda name: any(e.kind != "tree" for e in is_taken([name]).values()))
    conflicting = {path: stages for path, stages in together.items() if path not in (*deleted, *freed)}
    marked = _relabelled(checkout, workshop, result.tree, conflicting, labels, (old.commit, names.base))
    renamed = {path: _clean(path, labels, lambda place: bool(is_taken([place]))) for path in conflicting}
    tree = result.tree
    if deleted or aside or freed or left or marked or any(path != new_path for path, new_path in renamed.items()):
        tree = _rewritten(workshop, result.tree, (*deleted, *aside), marked, {**freed, **left, **renamed})
    ids = {path: blob_id(file, checkout.object_format) for path, file in base.items()}
    return Merge(
        tree=tree,
        theirs=new.commit,
        changes=tuple(c for c in _changes(checkout, workshop, tree, ids) if c.path not in renamed.values()),
        conflicts=tuple(
            Conflict(
                path=renamed[path],
                what=_what(path, stages, result, labels, has_marks=path in marked),
                hunks=_hunks(marked[path]) if path in marked else (),
            )
            for path, stages in sorted(conflicting.items())
        ),
        stages=tuple(
            line
            for path, stages in sorted(conflicting.items())
            for line in (
                f"0 {'0' * len(old.commit)}\t{renamed[path]}",
                *(f"{mode} {oid} {stage}\t{renamed[path]}" for stage, (mode, oid) in sorted(stages.items())),
            )
        ),
        kept_deletions=tuple(sorted({path.partition(f"~{new.commit}")[0] for path in deleted})),
        followed={path: place for path, place in sorted(result.followed.items()) if path not in left},
    )


def blob_id(file: File, object_format: str) -> str:
    """The id that git gives a content in a repository of an object format (`sha1` or `sha256`)."""
    if object_format == "sha1":
        return file.blob_id
    return hashlib.new(object_format, b"blob %d\0" % len(file.content) + file.content).hexdigest()


def _relabelled(
    checkout: Checkout,
    workshop: Workshop,
    tree: str,
    conflicting: Mapping[str, Stages],
    labels: Mapping[str, str],
    base: tuple[str, str],
) -> dict[str, File]:
    """The texts with marks, with names in the place of our commits' ids, by path."""
    if not conflicting:
        return {}
    entries = checkout.entries(tree, conflicting, env=workshop.env)
    contents = checkout.blobs([entry.id for entry in entries.values()], env=workshop.env)
    commit, name = base
    shortened = b"|".join(commit[:n].encode() for n in range(len(commit), 3, -1))
    old_mark = re.compile(rb"^(\|{7,}) (?:%s)" % shortened, re.MULTILINE)
    found = {}
    for path, entry in entries.items():
        before = contents.get(entry.id, b"")
        text = before
        for oid, label in labels.items():
            text = text.replace(oid.encode(), label.encode())
        if text != before:
            text = old_mark.sub(lambda match: match[1] + b" " + name.encode(), text)
            found[path] = File(mode=entry.mode, content=text)
    return found


def _freed(checkout: Checkout, workshop: Workshop, result: Output, end: str, deleted: Sequence[str]) -> dict[str, str]:
    """Files that git moved aside for a directory that holds nothing but files that stay deleted, and their place."""
    found = {}
    words = ["--literal-pathspecs", "ls-tree", "-r", "-z", "--name-only", "--full-tree", result.tree]
    for path, stages in result.stages.items():
        place = path.removesuffix(end)
        if place != path and stages.keys() == {2}:
            below = checkout.names(*words, "--", f"{place}/", env=workshop.env)
            if set(below) <= set(deleted):
                found[path] = place
    return found


def _clean(path: str, labels: Mapping[str, str], is_taken: Callable[[str], bool]) -> str:
    """The path with `~yours` or `~theirs` at its end where git has put a commit's id."""
    for oid, label in labels.items():
        end = f"~{YOURS if label == YOURS else 'theirs'}"
        if (clean := path.replace(f"~{oid}", end)) != path:
            while is_taken(clean):
                clean += "_"
            return clean
    return path


def _rewritten(workshop: Workshop, tree: str, deleted: Sequence[str], marked: Tree, places: Mapping[str, str]) -> str:
    """The tree without the deleted files, with the marks and names that people understand."""
    stream = Stream()
    moved = {path: place for path, place in places.items() if path != place}
    stream.commit(
        {places[path]: file for path, file in marked.items()},
        message="result",
        tree=tree,
        without=deleted,
        moves=moved,
    )
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


def _hunks(file: File) -> tuple[str, ...]:
    return tuple(hunk.decode(errors="replace") for hunk in HUNK.findall(file.content))


def _what(path: str, stages: Stages, result: Output, labels: Mapping[str, str], *, has_marks: bool) -> str:
    """One sentence about a conflict."""
    if has_marks:
        return "Both have changed the same lines." if 1 in stages else "Both have added this file, with other content."
    if stages.keys() == {1, 2}:
        return "You have changed this file, and the new templates do not have it any more. Keep it or `git rm` it."
    if stages.keys() in ({1, 2, 3}, {2, 3}) and all(mode.startswith("100") for mode, _ in stages.values()):
        return "Both have changed this file, binary or not to be merged. Yours is in place; see `git show :3:<path>`."
    if stages.keys() == {1, 2, 3}:
        return "It is another kind of file on each side. Yours is in place; see `git show :3:<path>`."
    text = " ".join(result.messages.get(path, ["Git can't merge what you and the new templates have here."]))
    for oid, label in labels.items():
        text = text.replace(f"~{oid}", f"~{YOURS if label == YOURS else 'theirs'}").replace(oid, label)
    return re.sub(r"^CONFLICT \([^)]*\): ", "", text)
