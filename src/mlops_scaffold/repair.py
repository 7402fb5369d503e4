"""What git's result of a merge needs before people see it.

A file that the team deleted stays deleted, a file of the team that git has moved along with a directory of the
templates stays where it is, and marks and names bear words instead of the ids of our commits.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from mlops_scaffold.checkout import Checkout
from mlops_scaffold.fast_import import Stream, Workshop
from mlops_scaffold.merge_tree import Output, Stages, gathered, left_in_place
from mlops_scaffold.tree import File, Tree

YOURS = "yours"


@dataclass(frozen=True, kw_only=True)
class Names:
    """What the two versions of the templates are called in the marks of a conflict."""

    base: str
    theirs: str


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The three commits of a merge, and what the versions of the templates are called."""

    base: str
    ours: str
    theirs: str
    names: Names

    @property
    def labels(self) -> dict[str, str]:
        """Commit → what stands for it in marks."""
        return {self.ours: YOURS, self.theirs: self.names.theirs}

    def in_words(self, text: str) -> str:
        """A text of git's with words in the place of our commits' ids."""
        for oid, label in self.labels.items():
            text = text.replace(f"~{oid}", f"~{YOURS if oid == self.ours else 'theirs'}").replace(oid, label)
        return text


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """A merged tree as people get it.

    Attributes:
        tree: The tree.
        conflicts: What met at each path in conflict, by the path in git's result.
        places: Those paths → where the file is in the tree.
        marked: The texts with marks, by the path in git's result.
        kept_deletions: Files that the team deleted and the new templates change.
        followed: New files that went where the team has moved their directory: path → path in the templates.
    """

    tree: str
    conflicts: Mapping[str, Stages]
    places: Mapping[str, str]
    marked: Mapping[str, File]
    kept_deletions: tuple[str, ...]
    followed: Mapping[str, str]


def repaired(checkout: Checkout, workshop: Workshop, result: Output, sides: Sides) -> Repaired:
    """Repair a result of `git merge-tree`."""
    together, aside = gathered(result.stages, f"~{sides.theirs}")
    deleted = tuple(path for path, stages in together.items() if stages.keys() == {1, 3})
    freed = _freed(checkout, workshop, result, f"~{sides.ours}", deleted)
    is_taken = partial(checkout.entries, result.tree, env=workshop.env)
    team = checkout.entries("HEAD", set(result.followed.values()))
    left = left_in_place(result, team, deleted, lambda name: any(e.kind != "tree" for e in is_taken([name]).values()))
    conflicts = {path: stages for path, stages in together.items() if path not in (*deleted, *freed)}
    marked = _marked(checkout, workshop, result.tree, conflicts, sides)
    places = {path: _clean(path, sides, lambda place: bool(is_taken([place]))) for path in conflicts}
    moves = {path: place for path, place in {**freed, **left, **places}.items() if path != place}
    tree = result.tree
    if deleted or aside or marked or moves:
        tree = _rewritten(workshop, tree, (*deleted, *aside), {places[path]: f for path, f in marked.items()}, moves)
    return Repaired(
        tree=tree,
        conflicts=dict(sorted(conflicts.items())),
        places=places,
        marked=marked,
        kept_deletions=tuple(sorted({path.partition(f"~{sides.theirs}")[0] for path in deleted})),
        followed={path: place for path, place in sorted(result.followed.items()) if path not in left},
    )


def _marked(
    checkout: Checkout, workshop: Workshop, tree: str, conflicts: Mapping[str, Stages], sides: Sides
) -> dict[str, File]:
    """The texts that are a mixture of both sides, by path, with names in the place of our commits' ids."""
    if not conflicts:
        return {}
    entries = checkout.entries(tree, conflicts, env=workshop.env)
    mixed = {
        path: entry for path, entry in entries.items() if entry.id not in {oid for _, oid in conflicts[path].values()}
    }
    contents = checkout.blobs([entry.id for entry in mixed.values()], env=workshop.env)
    shortened = b"|".join(sides.base[:n].encode() for n in range(len(sides.base), 3, -1))
    old_mark = re.compile(rb"^(\|{7,}) (?:%s)" % shortened, re.MULTILINE)
    found = {}
    for path, entry in mixed.items():
        text = contents.get(entry.id, b"")
        for oid, label in sides.labels.items():
            text = text.replace(oid.encode(), label.encode())
        text = old_mark.sub(lambda match: match[1] + b" " + sides.names.base.encode(), text)
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


def _clean(path: str, sides: Sides, is_taken: Callable[[str], bool]) -> str:
    """The path with `~yours` or `~theirs` at its end where git has put a commit's id."""
    clean = sides.in_words(path)
    while clean != path and is_taken(clean):
        clean += "_"
    return clean


def _rewritten(workshop: Workshop, tree: str, deleted: Sequence[str], files: Tree, moves: Mapping[str, str]) -> str:
    stream = Stream()
    stream.commit(files, message="result", tree=tree, without=deleted, moves=moves)
    (written,) = workshop.write(stream)
    return written.tree
