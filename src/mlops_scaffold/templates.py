"""Where the built-in templates are."""

from pathlib import Path

from mlops_scaffold.tree import File, read_tree

PACKED = Path(__file__).parent / "templates"
"""Only a wheel has this directory."""

FOLDER = "templates"
"""The templates in a source checkout, from its root."""


def built_in() -> dict[str, File]:
    """All template files: from the wheel, else from the source checkout that the package is installed from."""
    root = checkout()
    return read_tree(root / FOLDER if root else PACKED)


def checkout() -> Path | None:
    """The root of the source checkout that the package is installed from; None for an installed wheel."""
    return None if PACKED.is_dir() else PACKED.parents[2]
