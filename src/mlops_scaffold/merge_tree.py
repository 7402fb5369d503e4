"""What `git merge-tree -z` prints, by https://git-scm.com/docs/git-merge-tree (OUTPUT)."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

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
