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
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath

from mlops_scaffold.checkout import Checkout
from mlops_scaffold.errors import GitError, RefusedError

FOLDER = "mlops-scaffold"

APPLYING = "applying"
APPLIED = "applied"

MESSAGES = ("MERGE_MSG", "MERGE_RR")
"""Files in git's directory that an upgrade writes itself or by `git rerere`, and that may have been there before."""


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
        entries: What the index holds at the touched paths once the upgrade is applied.
    """

    title: str
    head: str
    phase: str
    touched: tuple[str, ...]
    saved: dict[str, str]
    directories: dict[str, int]
    conflicts: tuple[str, ...] = ()
    entries: dict[str, str] = field(default_factory=dict)


def begin(checkout: Checkout, *, title: str, touched: Iterable[str]) -> Journal:
    """Save what will be touched, then write the journal, each on the disk before the next.

    Args:
        checkout: The repository; nothing has been changed in it yet.
        title: What is going to be done.
        touched: Paths below the root of the work tree.

    Raises:
        OSError: The copies can't be written; nothing was changed.
    """
    close(checkout)
    folder = _folder(checkout)
    folder.mkdir(mode=0o700)
    _sync_directory(folder.parent)
    paths = tuple(sorted(set(touched)))
    _copy(checkout.index, folder / "index")
    for name in MESSAGES:
        if (checkout.git_dir / name).is_file():
            _copy(checkout.git_dir / name, folder / name)
    there = [path for path in paths if _is_there(checkout.top, path)]
    saved = {path: str(number) for number, path in enumerate(there)}
    for path, name in saved.items():
        _copy(checkout.top / path, folder / name)
    places = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    places |= {place for path in paths for place in _directories(checkout.top, path)}
    journal = Journal(
        title=title,
        head=checkout.head,
        phase=APPLYING,
        touched=paths,
        saved=saved,
        directories={
            place: stat.S_IMODE((checkout.top / place).stat().st_mode)
            for place in sorted(places)
            if (checkout.top / place).is_dir() and not (checkout.top / place).is_symlink()
        },
    )
    _write(checkout, journal)
    return journal


def finish(checkout: Checkout, journal: Journal, *, conflicts: Iterable[str]) -> None:
    """Note that all is in place."""
    found = entries(checkout, journal.touched)
    _write(checkout, replace(journal, phase=APPLIED, conflicts=tuple(conflicts), entries=found))


def read(checkout: Checkout) -> Journal | None:
    """The journal of this work tree, or None."""
    try:
        content = json.loads((_folder(checkout) / "journal.json").read_text(encoding="ascii"))
        lists = {name: tuple(content[name]) for name in ("touched", "conflicts")}
        return Journal(**{**content, **lists})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise RefusedError(
            f"The journal of an upgrade in {_folder(checkout)} can't be read; another version of mlops-scaffold may "
            "have written it. Take that upgrade back by that version, or remove the folder to keep things as they are."
        ) from error


def entries(checkout: Checkout, paths: Sequence[str]) -> dict[str, str]:
    """What the index holds at some paths: modes, ids and stages."""
    lines = checkout.names("--literal-pathspecs", "ls-files", "--stage", "-z", "--", *paths)
    pairs = [line.split("\t", 1) for line in lines]
    return {path: ", ".join(meta for meta, name in pairs if name == path) for path in {name for _, name in pairs}}


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
    if journal.phase != APPLYING:
        # From here on it is half there: if this is killed, the next try must not take it for the team's work.
        _write(checkout, replace(journal, phase=APPLYING))
    for path in journal.touched:
        if path not in journal.saved and _is_there(checkout.top, path):
            (checkout.top / path).unlink()
    _remove_empty(checkout.top, journal)
    for path, mode in sorted(journal.directories.items()):
        (checkout.top / path).mkdir(mode=mode | stat.S_IRWXU, exist_ok=True)
    for path, name in journal.saved.items():
        _put(folder / name, checkout.top / path, _link)
    for path, mode in sorted(journal.directories.items(), reverse=True):
        if stat.S_IMODE((checkout.top / path).stat().st_mode) != mode:
            (checkout.top / path).chmod(mode)
    _put_index(folder / "index", checkout.index)
    _forget_cherry_pick(checkout)
    for name in MESSAGES:
        (checkout.git_dir / name).unlink(missing_ok=True)
        if (folder / name).is_file():
            _put(folder / name, checkout.git_dir / name, _link)
    close(checkout)
    checkout.succeeds("update-index", "-q", "--refresh")


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
    _put(_folder(checkout) / journal.saved[path], checkout.top / path, _copy)


def _forget_cherry_pick(checkout: Checkout) -> None:
    """Remove what a cherry-pick that stopped leaves, and the locks of a git that was killed while it wrote that."""
    for name in ("CHERRY_PICK_HEAD", "MERGE_RR"):
        (checkout.git_dir / f"{name}.lock").unlink(missing_ok=True)
    if (checkout.git_dir / "CHERRY_PICK_HEAD").exists():
        checkout.git("update-ref", "-d", "CHERRY_PICK_HEAD")
    if (checkout.git_dir / "MERGE_RR").exists():
        # Otherwise git would take the files put back for the resolution of the conflict, and repeat that next time.
        checkout.succeeds("rerere", "clear")


def _folder(checkout: Checkout) -> Path:
    return checkout.git_dir / FOLDER


def _is_there(top: Path, path: str) -> bool:
    """Whether a file or link is at a path, not reached through a link."""
    place = top / path
    through_link = any((top / parent).is_symlink() for parent in PurePosixPath(path).parents[:-1])
    return os.path.lexists(place) and not through_link and (place.is_symlink() or not place.is_dir())


def _remove_empty(top: Path, journal: Journal) -> None:
    """Remove the directories that the upgrade has made, unless somebody has put something there."""
    made = {str(parent) for path in journal.touched for parent in PurePosixPath(path).parents} - {"."}
    # A directory may also stand where a file was: files were moved out of its way.
    for path in sorted(made - journal.directories.keys() | journal.saved.keys(), key=lambda p: -p.count("/")):
        if (top / path).is_dir() and not (top / path).is_symlink():
            with suppress(OSError):
                (top / path).rmdir()


def _directories(top: Path, path: str) -> list[str]:
    """The directory at a path and those below it, but for what is in a submodule."""
    found = []
    for place, inner, names in os.walk(top / path) if not (top / path).is_symlink() else ():
        found.append(Path(place).relative_to(top).as_posix())
        if ".git" in (*inner, *names):
            inner.clear()
    return found


def _copy(source: Path, target: Path) -> None:
    shutil.copy2(source, target, follow_symlinks=False)
    if not target.is_symlink():
        with target.open("rb") as file, suppress(OSError):  # Windows syncs only what may be written
            os.fsync(file.fileno())


def _link(source: Path, target: Path) -> None:
    """Give a copy a second name, which needs no room on a disk that may be full."""
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        _copy(source, target)


def _put(source: Path, target: Path, duplicate: Callable[[Path, Path], None]) -> None:
    """Put a copy back in one step, so that the file is never half there; leave alone what has not changed."""
    beside = target.with_name(".mlops-scaffold-restore")
    beside.unlink(missing_ok=True)
    if not _is_equal(source, target):
        duplicate(source, beside)
        beside.replace(target)


def _is_equal(one: Path, two: Path) -> bool:
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
    if not _is_equal(source, index):
        _link(source, lock)
        lock.replace(index)


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
    with suppress(PermissionError):  # Windows does not open directories
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
