r"""What a generated repository knows of its own making: the folder `.mlops-scaffold/`.

`project.yml` (level, template version, answers, and with a kit which one) is an ordinary rendered file. `manifest` has
one line per maintained file as it was rendered, `<mode> <blob id>\t<path>` in the order of paths, so that an upgrade
can tell the team's edits from ours and, when the old templates can't be had, rebuild the old files from the
repository's own objects.
"""

import json
from collections.abc import Iterable, Mapping
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


KIT_FIELDS = ("name", "version", "source", "ref", "commit")


@dataclass(frozen=True, kw_only=True)
class KitRecord:
    """Which kit a repository has.

    Attributes:
        name: What it is called.
        version: Its version, as its authors count.
        source: Where it is: a git URL, or a path from the project's directory.
        ref: The tag, branch or commit that was wanted, or None for what its default branch or its folder holds.
        commit: The commit of the files that were taken, or None when they were of none.
    """

    name: str
    version: str
    source: str
    ref: str | None
    commit: str | None


@dataclass(frozen=True, kw_only=True)
class Project:
    """What a repository was made from.

    Attributes:
        level: Its level of MLOps maturity.
        template_version: The version of mlops-scaffold whose templates it has.
        answers: The answers to the questions, by name, the level left out.
        kit: The kit that it has, or None.
    """

    level: int
    template_version: str
    answers: Mapping[str, Any]
    kit: KitRecord | None = None

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
            kit=_read_kit(content["kit"]) if "kit" in content else None,
        )
        texts = [project.template_version, *project.answers, *map(str, project.answers.values())]
        # A terminal would obey what can't be printed, and no question takes such an answer.
        if project.level > 0 and isinstance(project.answers["package_name"], str) and all(map(str.isprintable, texts)):
            return project
    raise RefusedError(
        f"{PROJECT} can't be understood; it needs `level`, `{TEMPLATE_VERSION}` and `answers`. "
        f"`git log -- {PROJECT}` shows who changed it; put back what `new` wrote, then run this again."
    )


def _read_kit(content: Mapping[str, Any]) -> KitRecord:
    def text(name: str) -> str:
        found = str(content[name])
        if not found.isprintable():
            raise ValueError(name)  # a terminal would obey it, and no kit has such a one
        return found

    def optional(name: str) -> str | None:
        return None if content.get(name) is None else text(name)

    return KitRecord(
        name=text("name"),
        version=text("version"),
        source=text("source"),
        ref=optional("ref"),
        commit=optional("commit"),
    )


def with_kit(tree: Tree, kit: KitRecord, names: Iterable[str], answers: Mapping[str, Any]) -> dict[str, File]:
    """A rendered tree whose `project.yml` also says which kit it has, and the answers to the kit's own questions.

    Args:
        tree: The rendered files. In their `project.yml` the answers come last.
        kit: The kit.
        names: Its own questions that were asked.
        answers: All answers.
    """
    lines = [f"  {name}: {json.dumps(answers[name], ensure_ascii=False)}\n" for name in names]
    facts = {name: getattr(kit, name) for name in KIT_FIELDS}
    lines += ["kit:\n", *(f"  {name}: {json.dumps(fact, ensure_ascii=False)}\n" for name, fact in facts.items())]
    return {**tree, PROJECT: File(content=tree[PROJECT].content + "".join(lines).encode())}


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
