"""Files in memory: what `render` makes, `new` writes and merges compare."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REGULAR = "100644"
EXECUTABLE = "100755"


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """One file: its git mode (`100644` or `100755`) and its bytes."""

    mode: str = REGULAR
    content: bytes

    @property
    def blob_id(self) -> str:
        """The id git gives the content: SHA-1 over the header `blob <size>` NUL and the bytes."""
        header = b"blob %d\0" % len(self.content)
        return hashlib.sha1(header + self.content, usedforsecurity=False).hexdigest()


Tree = Mapping[str, File]
"""Slash-separated relative path → file."""


def read_tree(root: Path) -> dict[str, File]:
    """Read every file below a directory.

    Args:
        root: An existing directory. Links are followed; byte-code caches are left out.

    Returns:
        The files by their path relative to `root`, sorted.
    """
    files = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            mode = EXECUTABLE if path.stat().st_mode & 0o100 else REGULAR
            files[path.relative_to(root).as_posix()] = File(mode=mode, content=path.read_bytes())
    return files


def write_tree(tree: Tree, root: Path) -> None:
    """Write every file below an existing directory, with its mode.

    Raises:
        OSError: The file system said no; what was written so far stays.
    """
    for name, file in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        if file.mode == EXECUTABLE:
            path.chmod(path.stat().st_mode | 0o111)
