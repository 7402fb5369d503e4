"""Where the built-in templates are."""

from pathlib import Path

from mlops_scaffold.tree import File, read_tree


def built_in() -> dict[str, File]:
    """All template files: from the wheel, else from the source checkout that the package is installed from."""
    package = Path(__file__).parent
    packed = package / "templates"
    return read_tree(packed if packed.is_dir() else package.parents[1] / "templates")
