r"""What a generated repository knows of its own making: the folder `.mlops-scaffold/`.

`project.yml` (level, template version, answers) is an ordinary rendered file. `manifest` has one line per maintained
file as it was rendered, `<mode> <blob id>\t<path>` in the order of paths, so that an upgrade can tell the team's edits
from ours and, when the old templates can't be had, rebuild the old files from the repository's own objects.
"""

from collections.abc import Mapping
from typing import Any

from mlops_scaffold.tree import File, Tree

STATE = ".mlops-scaffold"
MANIFEST = f"{STATE}/manifest"
PROJECT = f"{STATE}/project.yml"


def is_given_once(path: str, package_name: str) -> bool:
    """Whether a file is the team's own from the first commit on: no merge, manifest or status contains it."""
    return path.startswith(f"src/{package_name}/")


def manifest(tree: Tree, package_name: str) -> File:
    """The manifest of a rendered tree: every pristine maintained file, but not itself."""
    lines = [
        f"{file.mode} {file.blob_id}\t{path}\n"
        for path, file in sorted(tree.items())
        if path != MANIFEST and not is_given_once(path, package_name)
    ]
    return File(content="".join(lines).encode())


def with_manifest(tree: Tree, answers: Mapping[str, Any]) -> dict[str, File]:
    """A rendered tree and its manifest: what a new repository starts with."""
    return {**tree, MANIFEST: manifest(tree, answers["package_name"])}
