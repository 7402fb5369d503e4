"""Keep what somebody has written into files of an upgrade that was killed, before they are put back.

While an upgrade is applied and not committed, `aftermath.py` tells work from it. A killed one has written some of its
files, one of them perhaps in part, and people may have gone on working. So here a file is somebody's work when it is
neither as it was before, nor what the upgrade writes, nor the beginning of that.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from mlops_scaffold import git
from mlops_scaffold.aftermath import staged
from mlops_scaffold.checkout import SETTINGS, Checkout
from mlops_scaffold.errors import GitError
from mlops_scaffold.journal import Journal, entries, saved_copy
from mlops_scaffold.restore import is_equal

FOLDER = "mlops-scaffold-kept"

STAGED = "staged"
"""Below such a folder: what the index held and the disk does not."""


def salvage(checkout: Checkout, journal: Journal) -> tuple[Path, list[str]] | None:
    """Copy such files to a new folder in git's directory.

    Returns:
        The folder, and the files in it; None when there are none.

    Raises:
        OSError: They can't be copied.
    """
    found, indexed = written_since(checkout, journal), staged_since(checkout, journal)
    if not (found or indexed):
        return None
    place = _new_folder(checkout.git_dir / FOLDER)
    for path in found:
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(checkout.top / path, place / path, follow_symlinks=False)
    for path, content in indexed.items():
        target = place / STAGED / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return place, [*found, *(f"{STAGED}/{path}" for path in indexed)]


def written_since(checkout: Checkout, journal: Journal) -> list[str]:
    """The files that restoring would overwrite or remove, and that are somebody's work."""
    suspects = []
    for path in journal.touched:
        copy = saved_copy(checkout, journal, path)
        is_back = path in journal.saved and copy is None
        if path in journal.remade or is_back or not checkout.has_file(path):
            continue
        if copy is None or not is_equal(copy, checkout.top / path):
            suspects.append(path)
    held, contents = {}, {}
    with suppress(GitError):  # Somebody may have removed the objects. Then all that differs is kept.
        held = checkout.entries(journal.tree, suspects)
        contents = checkout.blobs([entry.id for entry in held.values()])
    expected = {path: contents[entry.id] for path, entry in held.items() if entry.id in contents}
    unlike = [path for path in suspects if not _is_from(checkout.top / path, expected.get(path))]
    cleaned = _cleaned(checkout, [path for path in unlike if not (checkout.top / path).is_symlink()])
    return [path for path in unlike if path not in held or cleaned.get(path) != held[path].id]


def staged_since(checkout: Checkout, journal: Journal) -> dict[str, bytes]:
    """What somebody has staged and what is nowhere else, by path: the index is put back as a whole."""
    found: dict[str, bytes] = {}
    with suppress(GitError):  # The index may be half written, or the objects may be gone.
        paths = staged(checkout)
        held = {path: entry.split() for path, entry in entries(checkout, paths).items()}
        expected = checkout.entries(journal.tree, paths)
        ids = {
            path: entry[1]
            for path, entry in held.items()
            if entry[2:] == ["0"] and (path not in expected or expected[path].id != entry[1])
        }
        on_disk = _cleaned(checkout, [path for path in ids if (checkout.top / path).is_file()])
        contents = checkout.blobs(list(ids.values()))
        found = {path: contents[oid] for path, oid in ids.items() if on_disk.get(path) != oid and oid in contents}
    return found


def _is_from(file: Path, expected: bytes | None) -> bool:
    """Whether a file is the expected one, or the part of it that git had written when it was killed."""
    if expected is None:
        return False
    if file.is_symlink():
        return os.fsencode(file.readlink()) == expected
    content = file.read_bytes()
    return expected.startswith(content) or expected.replace(b"\n", b"\r\n").startswith(content)


def _cleaned(checkout: Checkout, paths: Iterable[str]) -> Mapping[str, str]:
    """The ids that git would give to files: it may write them in another encoding or through a filter."""
    found = {}
    for path in paths:
        done = git.start([*SETTINGS, "hash-object", "--path", path, str(checkout.top / path)], checkout.top)
        if done.returncode == 0:
            found[path] = done.stdout.decode().strip()
    return found


def _new_folder(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    number = 1
    while (folder / str(number)).exists():
        number += 1
    (folder / str(number)).mkdir()
    return folder / str(number)
