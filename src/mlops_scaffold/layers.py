"""Which template folders make a project: the one list that levels, options and kits add to.

A layer is a folder such as `level1/project`. Level N's project is the layers of the levels 1..N, each level
being its `project` folder and one folder per option; where two layers have the same path, the later one wins. A kit
has the same folders. They lie on top of all built-in ones, so that what a kit says from level 1 on still holds at
level 4.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_scaffold.tree import Tree

SUFFIX = ".jinja"

BASE = "project"
"""The folder of a level that is always rendered."""

OPTIONS = ("task", "ci", "platform")
"""Questions whose answer names a folder of each level (it may be absent: the option adds nothing there)."""

KIT = "kit-"
"""What the layers of a kit begin with: its `level1/project` is the layer `kit-level1/project`."""

Layer = str


def stack(templates: Tree, answers: Mapping[str, Any]) -> list[Layer]:
    """The layers of a project, lowest first.

    Args:
        templates: All template files, by `<level>/<folder>/<path>`.
        answers: Resolved answers; `level` and the questions in `OPTIONS` are read.
    """
    folders = [BASE, *(str(answers[option]) for option in OPTIONS)]
    levels = range(1, int(answers["level"]) + 1)
    wanted = [f"{origin}level{n}/{folder}" for origin in ("", KIT) for n in levels for folder in folders]
    present = {split_layer(name)[0] for name in templates}
    return [layer for layer in wanted if layer in present]


def split_layer(name: str) -> tuple[Layer, str]:
    """`level1/project/docs/x.md` → (`level1/project`, `docs/x.md`)."""
    level, folder, path = [*name.split("/", 2), "", ""][:3]
    return f"{level}/{folder}", path


def plain_path(name: str) -> str:
    """The path that a template is for, its variables not yet filled in: `level1/project/x.md.jinja` → `x.md`."""
    return split_layer(name)[1].removesuffix(SUFFIX)


def level_of(name: str) -> int:
    """The level of a template or a layer, of a kit's too: `kit-level2/project/x.md` → 2."""
    return int(name.removeprefix(KIT).removeprefix("level").partition("/")[0])


def paths(templates: Tree, layer: Layer) -> list[str]:
    """The paths inside a layer, sorted, as they are before rendering."""
    prefix = layer + "/"
    return sorted(name.removeprefix(prefix) for name in templates if name.startswith(prefix))


def refined(templates: Tree, layers: Sequence[Layer], layer: Layer, path: str) -> str | None:
    """The template that `layer`'s file at `path` refines: the nearest lower layer's file at the same path.

    A file that is rendered may refine one that is copied, so the suffix does not count.

    Returns:
        Its name (`<layer>/<path>`), or None when no lower layer has the path.
    """
    plain = path.removesuffix(SUFFIX)
    for lower in reversed(layers[: layers.index(layer)]):
        for name in (f"{lower}/{plain}{SUFFIX}", f"{lower}/{plain}"):
            if name in templates:
                return name
    return None
