"""What `git merge-tree -z` prints, by https://git-scm.com/docs/git-merge-tree (OUTPUT)."""

import os
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

MOVED = "Path updated due to directory rename"

Stages = Mapping[int, tuple[str, str]]
"""Stage (1 base, 2 ours, 3 theirs) → mode and object id."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """The result of a merge.

    Attributes:
        tree: The merged tree, marks of conflicts included.
        stages: What met at each path in conflict.
        messages: Git's sentences about the conflicts at a path.
        followed: Path of a new file → where it would be, had not ours moved the directory.
    """

    tree: str
    stages: Mapping[str, Stages]
    messages: Mapping[str, list[str]]
    followed: Mapping[str, str]


def parse(output: bytes) -> Output:
    """Take the output of `git merge-tree --write-tree -z --messages` apart.

    First the tree; then a field for each stage; an empty field; then, per message, the number of paths, the paths, the
    kind and the text.
    """
    fields = [os.fsdecode(field) for field in output.split(b"\0")]
    stages: dict[str, dict[int, tuple[str, str]]] = {}
    messages: dict[str, list[str]] = {}
    followed: dict[str, str] = {}
    at = 1
    while at < len(fields) and fields[at]:
        meta, path = fields[at].split("\t", 1)
        mode, oid, stage = meta.split()
        stages.setdefault(path, {})[int(stage)] = (mode, oid)
        at += 1
    at += 1
    while at < len(fields) and fields[at]:
        kind = at + 1 + int(fields[at])
        paths = fields[at + 1 : kind]
        if fields[kind].startswith("CONFLICT"):
            for path in paths:
                messages.setdefault(path, []).append(fields[kind + 1].strip())
        elif fields[kind] == MOVED:
            followed[paths[0]] = paths[1]
        at = kind + 2
    return Output(tree=fields[0], stages=stages, messages=messages, followed=followed)


def gathered(stages: Mapping[str, Stages], end: str) -> tuple[dict[str, Stages], list[str]]:
    """Put the stages of a path together whose sides are files of different kinds, a link and a text for instance.

    Git writes such sides to two paths.

    Args:
        stages: Path → stages.
        end: What git appends to the path of the templates' side.

    Returns:
        Path → stages, and the paths that are left out because their stages are at another one now.
    """
    aside = {
        path: path.removesuffix(end)
        for path, found in stages.items()
        if found.keys() == {1, 3} and path.endswith(end) and stages.get(path.removesuffix(end), {}).keys() == {2}
    }
    together = {path: found for path, found in stages.items() if path not in aside}
    for path, place in aside.items():
        together[place] = {**stages[path], **stages[place]}
    return together, list(aside)


def left_in_place(
    output: Output, team: Container[str], deleted: Container[str], is_file: Callable[[str], bool]
) -> dict[str, str]:
    """Files of the team that git moved along with a directory of the templates, and the place where they stay.

    Args:
        output: The merge.
        team: Paths of the team's last commit.
        deleted: Paths that are taken out of the merged tree.
        is_file: Whether the merged tree holds a file at a path.
    """
    left = {}
    for path, place in output.followed.items():
        above = {str(parent) for parent in PurePosixPath(place).parents[:-1]}
        in_the_way = [name for name in above if name not in deleted and is_file(name)]
        if place in team and path not in output.stages and not in_the_way:
            left[path] = place
    return left
