"""A kit to start from: the folder `starter/` beside this module, with another name."""

import re
from collections.abc import Mapping
from pathlib import Path

from mlops_scaffold import __version__
from mlops_scaffold.kits.schema import schema
from mlops_scaffold.tree import File, Tree, read_tree

FOLDER = Path(__file__).with_name("starter")

NAME = "starter-kit"
"""What the kit in the folder is called."""

SUFFIX = ".in"
"""What the dot files end in that git itself would read in our own repository."""

SCHEMA = "kit.schema.json"


def starter(folder: str, templates: Tree) -> dict[str, File]:
    """The files of a new kit.

    Args:
        folder: The name of the folder that it is for; the kit is called like it.
        templates: The built-in templates, whose questions the schema for editors lists.
    """
    name = "-".join(re.findall(r"[a-z0-9]+", folder.lower()))[:60].strip("-") or NAME
    words = {NAME: name, "@version@": __version__}
    files = {path.removesuffix(SUFFIX): _replaced(file, words) for path, file in read_tree(FOLDER).items()}
    return {**files, SCHEMA: File(content=schema(templates).encode())}


def _replaced(file: File, words: Mapping[str, str]) -> File:
    content = file.content
    for old, new in words.items():
        content = content.replace(old.encode(), new.encode())
    return File(mode=file.mode, content=content)
