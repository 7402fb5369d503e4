"""Which template folders make a project: the one list that levels, options and kits add to.

A layer is a folder such as `level1/project`. Level N's project is the layers of the levels 1..N, each level
being its `project` folder and one folder per option; where two layers have the same path, the later one wins.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_scaffold.tree import Tree

SUFFIX = ".jinja"

BASE = "project"
"""The folder of a level that is always rendered."""

OPTIONS = ("task", "ci", "platform")
"""Questions whose answer names a folder of each level (it may be absent: the option adds nothing there)."""

Layer = str


def stack(templates: Tree, answers: Mapping[str, Any]) -> list[Layer]:
    """The layers of a project, lowest first.

    Args:
        templates: All template files, by `<level>/<folder>/<path>`.
        answers: Resolved answers; `level` and the questions in `OPTIONS` are read.
    """
    folders = [BASE, *(str(answers[option]) for option in OPTIONS)]
    wanted = [f"level{n}/{folder}" for n in range(1, int(answers["level"]) + 1) for folder in folders]
    present = {split_layer(name)[0] for name in templates}
    return [layer for layer in wanted if layer in present]


def split_layer(name: str) -> tuple[Layer, str]:
    """`level1/project/docs/x.md` → (`level1/project`, `docs/x.md`)."""
    level, folder, path = [*name.split("/", 2), "", ""][:3]
    return f"{level}/{folder}", path


def paths(templates: Tree, layer: Layer) -> list[str]:
    """The paths inside a layer, sorted, as they are before rendering."""
    prefix = layer + "/"
    return sorted(name.removeprefix(prefix) for name in templates if name.startswith(prefix))


def refined(templates: Tree, layers: Sequence[Layer], layer: Layer, path: str) -> str | None:
    """The template that `layer`'s file at `path` refines: the nearest lower layer's file at the same path.

    Returns:
        Its name (`<layer>/<path>`), or None when no lower layer has the path.
    """
    for lower in reversed(layers[: layers.index(layer)]):
        if f"{lower}/{path}" in templates:
            return f"{lower}/{path}"
    return None
