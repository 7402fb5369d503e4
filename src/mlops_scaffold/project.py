r"""What a generated repository knows of its own making: the folder `.mlops-scaffold/`.

`project.yml` (level, template version, answers) is an ordinary rendered file. `manifest` has one line per maintained
file as it was rendered, `<mode> <blob id>\t<path>` in the order of paths, so that an upgrade can tell the team's edits
from ours and, when the old templates can't be had, rebuild the old files from the repository's own objects.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import yaml

from mlops_scaffold.errors import RefusedError
from mlops_scaffold.questions import TEMPLATE_VERSION, load_yaml
from mlops_scaffold.tree import EXECUTABLE, REGULAR, File, Tree

STATE = ".mlops-scaffold"
MANIFEST = f"{STATE}/manifest"
PROJECT = f"{STATE}/project.yml"

LOCK = "uv.lock"
"""Made by uv, never from a template: no merge contains it."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """What a repository was made from.

    Attributes:
        level: Its level of MLOps maturity.
        template_version: The version of mlops-scaffold whose templates it has.
        answers: The answers to the questions, by name, the level left out.
    """

    level: int
    template_version: str
    answers: Mapping[str, Any]

    @property
    def given(self) -> dict[str, Any]:
        """The answers as `questions.resolve` takes them."""
        return {**self.answers, "level": self.level, TEMPLATE_VERSION: self.template_version}


def read_project(text: bytes) -> Project:
    """Read `project.yml`.

    Raises:
        RefusedError: It can't be understood.
    """
    with suppress(yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError):
        content = load_yaml(text)
        project = Project(
            level=int(content["level"]),
            template_version=str(content[TEMPLATE_VERSION]),
            answers={str(name): answer for name, answer in content["answers"].items()},
        )
        if project.level > 0 and isinstance(project.answers["package_name"], str):
            return project
    raise RefusedError(
        f"{PROJECT} can't be understood; it needs `level`, `{TEMPLATE_VERSION}` and `answers`. "
        f"`git log -- {PROJECT}` shows who changed it; put back what `new` wrote, then run this again."
    )


def read_manifest(content: bytes) -> dict[str, tuple[str, str]]:
    """Read a manifest: path → git mode and blob id.

    Lines that are none (a conflict that someone has committed, say), and those that no template can give, are left
    out: what is not listed is not known.
    """
    found = {}
    for line in content.decode(errors="replace").splitlines():
        meta, tab, path = line.partition("\t")
        mode, space, oid = meta.partition(" ")
        is_id = len(oid) == len(_ANY_ID) and set(oid) <= set("0123456789abcdef")
        if tab and space and is_id and mode in (REGULAR, EXECUTABLE) and _is_inside(path):
            found[path] = (mode, oid)
    return found


def _is_inside(path: str) -> bool:
    """Whether a path can be a file's in a work tree: relative, not upwards, not git's own."""
    return "\0" not in path and not {"", ".", "..", ".git"} & set(path.lower().split("/"))


_ANY_ID = File(content=b"").blob_id


def is_given_once(path: str, package_name: str) -> bool:
    """Whether a file is the team's own from the first commit on: no merge, manifest or status contains it."""
    return path.startswith(f"{package_folder(package_name)}/")


def package_folder(package_name: str) -> str:
    """Where the team's own package is."""
    return f"src/{package_name}"


def maintained(tree: Tree, package_name: str) -> dict[str, File]:
    """The files of a rendered tree that upgrades merge: not the team's own, not the manifest, not the lock."""
    return {
        path: file
        for path, file in tree.items()
        if path not in (MANIFEST, LOCK) and not is_given_once(path, package_name)
    }


def manifest(tree: Tree, package_name: str) -> File:
    """The manifest of a rendered tree: every pristine maintained file, but not itself."""
    lines = [f"{file.mode} {file.blob_id}\t{path}\n" for path, file in sorted(maintained(tree, package_name).items())]
    return File(content="".join(lines).encode())


def with_manifest(tree: Tree, answers: Mapping[str, Any]) -> dict[str, File]:
    """A rendered tree and its manifest: what a new repository starts with."""
    return {**tree, MANIFEST: manifest(tree, answers["package_name"])}
