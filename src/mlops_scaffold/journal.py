"""What was there before an upgrade touched the work tree, so that it can be put back byte for byte.

Before the first change, the index and every file that will be touched are copied into git's own directory for this work
tree, and a journal is written. A process that is killed at any moment leaves either no journal, and an untouched work
tree, or a journal that `restore` needs nothing else for: no filter runs again, no object is looked up.
"""

import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath

from mlops_scaffold.checkout import Checkout

FOLDER = "mlops-scaffold"

APPLYING = "applying"
APPLIED = "applied"


@dataclass(frozen=True, kw_only=True)
class Journal:
    """An upgrade that is under way, or applied and not committed.

    Attributes:
        title: What it is, for people.
        head: The commit that was checked out.
        phase: `applying` until all is in place, then `applied`.
        touched: Paths that it writes, removes or marks, the lock included.
        saved: Those of them that were there: path → name of the copy.
        directories: Their directories: path → permission bits.
        conflicts: Paths where a person must decide.
    """

    title: str
    head: str
    phase: str
    touched: tuple[str, ...]
    saved: dict[str, str]
    directories: dict[str, int]
    conflicts: tuple[str, ...]


def begin(checkout: Checkout, *, title: str, touched: Iterable[str]) -> Journal:
    """Save what will be touched, then write the journal, each on the disk before the next.

    Args:
        checkout: The repository; nothing has been changed in it yet.
        title: What is going to be done.
        touched: Paths below the root of the work tree.

    Raises:
        OSError: The copies can't be written; nothing was changed.
    """
    folder = _folder(checkout)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    paths = tuple(sorted(set(touched)))
    _copy(checkout.index, folder / "index")
    saved = {}
    for number, path in enumerate(path for path in paths if _is_there(checkout.top, path)):
        saved[path] = str(number)
        _copy(checkout.top / path, folder / saved[path])
    parents = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    journal = Journal(
        title=title,
        head=checkout.head,
        phase=APPLYING,
        touched=paths,
        saved=saved,
        directories={
            parent: stat.S_IMODE((checkout.top / parent).stat().st_mode)
            for parent in sorted(parents)
            if (checkout.top / parent).is_dir() and not (checkout.top / parent).is_symlink()
        },
        conflicts=(),
    )
    _write(checkout, journal)
    return journal


def finish(checkout: Checkout, journal: Journal, *, conflicts: Iterable[str]) -> None:
    """Note that all is in place."""
    _write(checkout, replace(journal, phase=APPLIED, conflicts=tuple(conflicts)))


def read(checkout: Checkout) -> Journal | None:
    """The journal of this work tree, or None."""
    try:
        content = json.loads((_folder(checkout) / "journal.json").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    lists = {name: tuple(content[name]) for name in ("touched", "conflicts")}
    return Journal(**{**content, **lists})


def close(checkout: Checkout) -> None:
    """Forget the journal: first the journal itself, then the copies."""
    (_folder(checkout) / "journal.json").unlink(missing_ok=True)
    shutil.rmtree(_folder(checkout), ignore_errors=True)


def restore(checkout: Checkout, journal: Journal) -> None:
    """Put everything back: files with their bytes and permissions, directories, the index. May be repeated.

    Raises:
        OSError: A file can't be written; run it again when that is mended.
    """
    folder = _folder(checkout)
    for path in journal.touched:
        if path not in journal.saved and _is_there(checkout.top, path):
            (checkout.top / path).unlink()
    _remove_empty(checkout.top, journal)
    for path, mode in sorted(journal.directories.items()):
        (checkout.top / path).mkdir(parents=True, exist_ok=True)
        if stat.S_IMODE((checkout.top / path).stat().st_mode) != mode:
            (checkout.top / path).chmod(mode)
    for path, name in journal.saved.items():
        _put(folder / name, checkout.top / path)
    _put_index(folder / "index", checkout.index)
    for name in ("CHERRY_PICK_HEAD", "AUTO_MERGE"):
        if (checkout.git_dir / name).exists():
            checkout.git("update-ref", "-d", name)
    (checkout.git_dir / "MERGE_MSG").unlink(missing_ok=True)
    # Otherwise git would take the files put back for the resolution of the conflict, and repeat that next time.
    checkout.succeeds("rerere", "clear")
    close(checkout)
    checkout.succeeds("update-index", "-q", "--refresh")


def _folder(checkout: Checkout) -> Path:
    return checkout.git_dir / FOLDER


def _is_there(top: Path, path: str) -> bool:
    """Whether a file or link is at a path, not reached through a link."""
    parents = [top / parent for parent in PurePosixPath(path).parents if str(parent) != "."]
    if any(parent.is_symlink() for parent in parents):
        return False
    place = top / path
    return os.path.lexists(place) and (place.is_symlink() or not place.is_dir())


def _remove_empty(top: Path, journal: Journal) -> None:
    """Remove the directories that the upgrade has made, unless somebody has put something there."""
    made = {str(parent) for path in journal.touched for parent in PurePosixPath(path).parents} - {"."}
    # A directory may also stand where a file was: files were moved out of its way.
    for path in sorted(made - journal.directories.keys() | journal.saved.keys(), key=lambda p: -p.count("/")):
        if (top / path).is_dir() and not (top / path).is_symlink():
            with suppress(OSError):
                (top / path).rmdir()


def _copy(source: Path, target: Path) -> None:
    shutil.copy2(source, target, follow_symlinks=False)
    if not target.is_symlink():
        with target.open("rb") as file, suppress(OSError):  # Windows syncs only what may be written
            os.fsync(file.fileno())


def _put(source: Path, target: Path) -> None:
    """Put a copy back in one step, so that the file is never half there."""
    beside = target.with_name(f"{target.name[:100]}.mlops-scaffold-restore")
    beside.unlink(missing_ok=True)
    shutil.copy2(source, beside, follow_symlinks=False)
    beside.replace(target)


def _put_index(source: Path, index: Path) -> None:
    """Put the index back by git's own protocol. A lock that nobody takes away within two seconds is a dead one's."""
    lock = index.with_name(f"{index.name}.lock")
    _wait_until(lambda: not lock.exists(), seconds=2)
    shutil.copy2(source, lock)
    lock.replace(index)


def _wait_until(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def _write(checkout: Checkout, journal: Journal) -> None:
    folder = _folder(checkout)
    new = folder / "journal.new"
    with new.open("w", encoding="ascii") as file:
        # Paths that are no UTF-8 hold surrogates, which ASCII escapes carry.
        json.dump(asdict(journal), file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / "journal.json")
    _sync_directory(folder)


def _sync_directory(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
