"""What a kit tells uv. To lock is to obey it: uv starts the interpreter and builds the packages that it is told of.

So what nobody has seen yet is not locked without being asked for.
"""

import tomllib
from pathlib import PurePosixPath
from typing import Any

from mlops_scaffold.kits.kit import Kit
from mlops_scaffold.questions import Answers
from mlops_scaffold.render import Rendering
from mlops_scaffold.tree import File, Tree

PYPROJECT = "pyproject.toml"

NAMES = frozenset((PYPROJECT, "uv.toml", ".python-version", ".python-versions"))
"""Files that uv reads in a project's folders; case does not count, as it does not on many machines."""

TABLES = ("build-system", "dependency-groups", "project")


def unseen(kit: Kit | None, given: Tree, base: Tree, templates: Tree, answers: Answers) -> str | None:
    """Why a project is not locked without being asked for, or None.

    What the built-in templates say is ours to answer for, and what the project has had before has been read by now.

    Args:
        kit: The kit.
        given: The project, rendered with it.
        base: What the templates and the kit have given it before; nothing for a new one.
        templates: The built-in templates.
        answers: All answers.
    """
    if kit is None:
        return None
    without = Rendering(templates, answers)
    for path, file in given.items():
        if PurePosixPath(path).name.casefold() in NAMES:
            known = [_told(path, without.file(path))] if path in without.origins else []
            known += [_told(path, base[path])] if path in base else []
            if any(all(part != one[place] for one in known) for place, part in enumerate(_told(path, file))):
                return (
                    f"The dependencies are not locked: by {path} the kit {kit.title} tells uv what to use, and uv may "
                    "run it. Read that, then run `uv lock`. With --lock it is done without asking."
                )
    return None


def _told(path: str, file: File) -> list[Any]:
    """What uv is told by a file, part by part; of a `pyproject.toml` only the tables that are for it."""
    parts = len(TABLES) + 1
    if PurePosixPath(path).name.casefold() != PYPROJECT:
        return [file] * parts
    try:
        content = tomllib.loads(file.content.decode())
    except ValueError:
        return [file] * parts
    tool = content.get("tool")
    return [*(content.get(table) for table in TABLES), tool.get("uv") if isinstance(tool, dict) else tool]
