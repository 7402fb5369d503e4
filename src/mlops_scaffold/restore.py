"""Put back what was there before an upgrade, byte for byte.

Nothing but the journal and its copies is needed: no filter runs, no object is looked up. It may be killed and run
again: a copy is given up in the moment in which it is in its place.
"""

import errno
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

from mlops_scaffold.checkout import Checkout
from mlops_scaffold.errors import GitError, RefusedError
from mlops_scaffold.journal import APPLYING, MESSAGES, Journal, close, copy_file, folder_of, read, saved_copy, write


def restore(checkout: Checkout, journal: Journal) -> None:
    """Put everything back: files with their bytes and permissions, directories, the index. May be repeated.

    Raises:
        RefusedError: As from `check`.
        OSError: A file can't be written; run it again when that is mended.
    """
    check(checkout, journal)
    if journal.phase != APPLYING:
        # From here on it is half there: if this is killed, the next try must not take it for the team's work.
        write(checkout, replace(journal, phase=APPLYING))
    _restore_files(checkout, journal)
    _put_index(folder_of(checkout) / "index", checkout.index)
    _forget_cherry_pick(checkout)
    for name in MESSAGES:
        (checkout.git_dir / name).unlink(missing_ok=True)
        if (copy := folder_of(checkout) / name).is_file():
            _put(copy, checkout.git_dir / name, _link)
    close(checkout)
    checkout.succeeds("update-index", "-q", "--refresh")


def check(checkout: Checkout, journal: Journal) -> None:
    """Make sure that everything can be put back.

    Raises:
        RefusedError: Something lies where a file or directory must be, or a directory can't be written.
    """
    if lying := _in_the_way(checkout, journal):
        raise RefusedError(
            f"Something of yours lies where files are to be put back: {', '.join(lying)}. Move it away, then run "
            "`mlops-scaffold upgrade --abort` again."
        )
    if closed := _closed(checkout, journal):
        raise RefusedError(
            f"These directories can't be written: {', '.join(closed)}. Make them writable, then run `mlops-scaffold "
            "upgrade --abort` again."
        )


def _closed(checkout: Checkout, journal: Journal) -> list[str]:
    """Directories in which something is to be put back, and nothing can be."""
    found = set()
    for path in journal.touched:
        place, copy = checkout.top / path, saved_copy(checkout, journal, path)
        changes = not is_equal(copy, place) if copy else path not in journal.saved and checkout.has_file(path)
        if changes and place.parent.is_dir() and not os.access(place.parent, os.W_OK | os.X_OK):
            found.add(place.parent.relative_to(checkout.top).as_posix())
    return sorted(found)


def _restore_files(checkout: Checkout, journal: Journal) -> None:
    for path in journal.touched:
        if path not in journal.saved and checkout.has_file(path):
            (checkout.top / path).unlink()
    _remove_empty(checkout.top, journal)
    for path, mode in sorted(journal.directories.items()):
        (checkout.top / path).mkdir(mode=mode | stat.S_IRWXU, exist_ok=True)
    for path, name in journal.saved.items():
        _move(folder_of(checkout) / name, checkout.top / path)
    for path, mode in sorted(journal.directories.items(), reverse=True):
        if stat.S_IMODE((checkout.top / path).stat().st_mode) != mode:
            (checkout.top / path).chmod(mode)


def undo(checkout: Checkout) -> None:
    """Take back whatever an upgrade has begun and not finished.

    Raises:
        RefusedError: That is not possible now, and can be done later.
    """
    try:
        journal = read(checkout)
        if journal is None:
            close(checkout)
        elif journal.phase == APPLYING:
            restore(checkout, journal)
    except (OSError, GitError) as error:
        raise RefusedError(
            f"The upgrade failed, and could not be taken back: {error}. Mend that, then run `mlops-scaffold upgrade "
            "--abort` to put everything back as it was."
        ) from error


def put_back(checkout: Checkout, journal: Journal, path: str) -> None:
    """Put one saved file back."""
    _put(folder_of(checkout) / journal.saved[path], checkout.top / path, copy_file)


def _in_the_way(checkout: Checkout, journal: Journal) -> list[str]:
    """Files where a directory was, and directories with other files in them where a file was."""
    made = {path for path in journal.touched if path not in journal.saved}
    found = []
    for path in journal.directories:
        place = checkout.top / path
        if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()) and path not in made:
            found.append(path)
    for path in journal.saved:
        place = checkout.top / path
        if saved_copy(checkout, journal, path) and place.is_dir() and not place.is_symlink():
            below = [Path(folder, name) for folder, _, names in os.walk(place) for name in names]
            if {file.relative_to(checkout.top).as_posix() for file in below} - made:
                found.append(path)
    return found


def _remove_empty(top: Path, journal: Journal) -> None:
    """Remove the directories that the upgrade has made, unless somebody has put something there."""
    made = {str(parent) for path in journal.touched for parent in PurePosixPath(path).parents} - {"."}
    # A directory may also stand where a file was: files were moved out of its way.
    for path in sorted(made - journal.directories.keys() | journal.saved.keys(), key=lambda p: -p.count("/")):
        if (top / path).is_dir() and not (top / path).is_symlink():
            with suppress(OSError):
                (top / path).rmdir()


def _forget_cherry_pick(checkout: Checkout) -> None:
    """Remove what a cherry-pick that stopped leaves, and the locks of a git that was killed while it wrote that."""
    for name in ("CHERRY_PICK_HEAD", "MERGE_RR"):
        (checkout.git_dir / f"{name}.lock").unlink(missing_ok=True)
    if (checkout.git_dir / "CHERRY_PICK_HEAD").exists():
        checkout.git("update-ref", "-d", "CHERRY_PICK_HEAD")
    if (checkout.git_dir / "MERGE_RR").exists():
        # Otherwise git would take the files put back for the resolution of the conflict, and repeat that next time.
        checkout.succeeds("rerere", "clear")


def _move(copy: Path, target: Path) -> None:
    """Put a copy back and give it up, in one step; leave alone what has not changed or was put back before.

    The place keeps no tie to the copy: what people write there must not get into a copy that may be needed again.
    """
    if not os.path.lexists(copy) or is_equal(copy, target):
        return
    try:
        copy.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _put(copy, target, copy_file)
        copy.unlink()


def _put(source: Path, target: Path, duplicate: Callable[[Path, Path], None]) -> None:
    """Put a copy back in one step, so that the file is never half there; leave alone what has not changed."""
    beside = target.with_name(".mlops-scaffold-restore")
    beside.unlink(missing_ok=True)
    if not is_equal(source, target):
        duplicate(source, beside)
        beside.replace(target)


def _link(source: Path, target: Path) -> None:
    """Give a copy a second name, which needs no room on a disk that may be full."""
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        copy_file(source, target)


def is_equal(one: Path, two: Path) -> bool:
    """Whether two files or links have the same kind, permissions and bytes."""
    if not os.path.lexists(two) or one.lstat().st_mode != two.lstat().st_mode:
        return False
    return one.readlink() == two.readlink() if one.is_symlink() else one.read_bytes() == two.read_bytes()


def _put_index(source: Path, index: Path) -> None:
    """Put the index back by git's own protocol. A lock that nobody takes away within two seconds is a dead one's."""
    lock = index.with_name(f"{index.name}.lock")
    deadline = time.monotonic() + 2
    while lock.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    lock.unlink(missing_ok=True)
    if source.exists() and not is_equal(source, index):
        _link(source, lock)
        lock.replace(index)
        source.unlink()
