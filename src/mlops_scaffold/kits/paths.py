"""Where a kit may write: inside the project, under names that every machine takes, and not where git or we look."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from mlops_scaffold.errors import KitError
from mlops_scaffold.layers import BASE, OPTIONS, SUFFIX, split_layer
from mlops_scaffold.project import LOCK, STATE, package_folder
from mlops_scaffold.questions import choices
from mlops_scaffold.tree import Tree

RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[\d¹²³])(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for its devices."""

SHORT = re.compile(r".*~\d+(\..*)?")
"""What Windows calls a long name too: `git~1` is `.git`."""

GIVEN_ONCE = re.compile(r"src/{=\s*package_name\s*=}/")
"""Where a team's own files are, in the paths of templates."""

FORBIDDEN = frozenset('\\:*?"<>|')

ENVIRONMENT = ".venv"

NAME_BYTES = 200
PATH_BYTES = 240
"""What every file system takes."""

DEPTH = 20
"""Folders in each other. More are longer than the paths that every machine takes."""


def check_layers(files: Tree, config: Mapping[str, Any]) -> None:
    """Make sure that a kit's files are in folders that there are.

    Args:
        files: Its layers, `level1/project/…` → file.
        config: The built-in questions: their choices name the folders.

    Raises:
        KitError: A file is in no folder of a level, or would be given at a level where none may be.
    """
    levels = [f"level{level}" for level in choices(config["level"])]
    folders = [BASE, *(str(choice) for option in OPTIONS for choice in choices(config[option]))]
    for name in files:
        level, folder = split_layer(name)[0].split("/")
        path = split_layer(name)[1]
        if level not in levels:
            raise KitError(f"{name} of the kit is at no level that there is. The folders are {', '.join(levels)}.")
        if folder not in folders or not path:
            listed = ", ".join(folders)
            raise KitError(f"{name} of the kit is in no folder that is read. In {level}/ these are: {listed}.")
        check_path(name.removesuffix(SUFFIX), name, templates=True)


def refuse_unprintable(names: Iterable[str]) -> None:
    """Refuse names that no sentence can hold: a terminal would obey what is in them.

    Raises:
        KitError: There is one.
    """
    for name in names:
        if not name.isprintable():
            raise KitError(f"The kit has a file {name!r:.300}, whose name can't be printed. Give it another name.")


def refuse_deep(folder: str) -> None:
    """Refuse a folder that is too deep.

    Raises:
        KitError: It is.
    """
    if folder.count("/") >= DEPTH:
        name = "/".join(folder.split("/")[:3])
        raise KitError(f"The kit has more than {DEPTH} folders in each other, in {name!r:.300}. Move them up.")


def check_path(path: str, name: str, *, templates: bool = False) -> None:
    """Make sure that a path is one inside the project, on every machine.

    Args:
        path: The path, with slashes.
        name: The file of the kit that gives it.
        templates: Whether parts of it are still to be rendered.

    Raises:
        KitError: It is not.
    """
    if len(path.encode(errors="replace")) > PATH_BYTES:
        raise KitError(f"{name:.300} of the kit has a path that is too long. Give it a shorter one.", file=name)
    for part in path.split("/"):
        if problem := _problem(part, templates=templates):
            what = f"{name} of the kit can't be written to {path!r}: {problem}. Give it another name."
            raise KitError(what, file=name)


def _problem(part: str, *, templates: bool) -> str | None:
    if part in ("", ".", ".."):
        return "it would be outside the project"
    if not part.isprintable() or len(part.encode(errors="replace")) > NAME_BYTES:
        return "a name is too long or can't be printed"
    if templates and "{" in part:
        return None
    if FORBIDDEN & set(part) or part[-1] in ". " or part[0] == " " or RESERVED.fullmatch(part) or SHORT.fullmatch(part):
        return f"{part!r} is no name of a file on Windows"
    if _as_one_file(part) in (".git", ".gitmodules"):
        return "git would take it for its own"
    return None


def check_paths(paths: Iterable[str], origins: Mapping[str, str], package_name: str) -> None:
    """Make sure that a kit's files do no harm in a project.

    Args:
        paths: Every path of the project.
        origins: Path → the file of the kit that gives it; paths that the built-in templates give are left out.
        package_name: The name of the team's package.

    Raises:
        KitError: A path is outside, our own, git's, or in the way of another one.
    """
    for path, name in origins.items():
        check_path(path, name)
        first = _as_one_file(path.split("/")[0])
        if first == STATE or _as_one_file(path) == LOCK:
            what = f"{name} of the kit would be written to {path}, which mlops-scaffold keeps. Leave it out."
            raise KitError(what, file=name)
        if first == ENVIRONMENT:
            what = f"{name} of the kit would be written to {path}, and uv runs what is there. Leave it out."
            raise KitError(what, file=name)
        if path.startswith(f"{package_folder(package_name)}/") and not name.startswith("level1/"):
            raise KitError(
                f"{name} of the kit is one of a team's own files, {path}. Those are given once, by `new`: put it into "
                "level1/.",
                file=name,
            )
    _refuse_collisions(paths, origins)


def _refuse_collisions(paths: Iterable[str], origins: Mapping[str, str]) -> None:
    """Two names that many machines take for one can't both be written; a file can't be a folder too."""
    known: dict[str, str] = {}
    for path in sorted(paths, key=lambda path: path in origins):
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            place = "/".join(parts[:depth])
            before = known.setdefault(_as_one_file(place), place + "/" * (depth < len(parts)))
            now = place + "/" * (depth < len(parts))
            if before != now:
                name = origins.get(path, path)
                what = f"{name} of the kit would be written to {path}, where {before} is. Give it another name."
                raise KitError(what, file=name)


def _as_one_file(path: str) -> str:
    """What is equal for names that some machine takes for one: upper and lower case, and two ways to write `é`."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
