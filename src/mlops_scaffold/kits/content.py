"""What each file of a kit does to a project: it adds, extends or replaces."""

import re
from dataclasses import dataclass

from mlops_scaffold.kits.kit import Kit
from mlops_scaffold.layers import SUFFIX, level_of, plain_path
from mlops_scaffold.tree import Tree

TAG = re.compile(r"""{%-?\s*(?:extends|include)\s+["']([^"']+)["']""")

ADDS, EXTENDS, REPLACES = "adds", "extends", "replaces"


@dataclass(frozen=True, kw_only=True)
class Content:
    """One file of a kit.

    Attributes:
        file: Its path in the kit.
        path: Where it is written, its variables not yet filled in.
        level: The level from which on a project has it.
        does: `adds`, `extends` or `replaces`, the last two of a built-in file.
    """

    file: str
    path: str
    level: int
    does: str


def content_of(kit: Kit, templates: Tree) -> list[Content]:
    """What each file of a kit does, by level and path.

    Args:
        kit: The kit.
        templates: The built-in templates.
    """
    built_in = {plain_path(name) for name in templates}
    found = []
    for name, file in kit.files.items():
        path = plain_path(name)
        tags = TAG.findall(file.content.decode(errors="replace")) if name.endswith(SUFFIX) else []
        refers = any(plain_path(tag) == path for tag in tags)
        does = ADDS if path not in built_in else EXTENDS if refers else REPLACES
        found.append(Content(file=name, path=path, level=level_of(name), does=does))
    return sorted(found, key=lambda one: (one.level, one.path))
