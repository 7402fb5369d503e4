"""What was there before an upgrade touched the work tree, so that it can be put back byte for byte.

Before the first change, the index and every file that will be touched are copied into git's own directory for this work
tree, and a journal is written. A process that is killed at any moment leaves either no journal, and an untouched work
tree, or a journal and copies from which `restore.py` puts all back.
"""

import json
import os
import shutil
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath

from mlops_scaffold.checkout import Checkout
from mlops_scaffold.errors import RefusedError

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
        prefix: The project's directory, as in `Checkout`.
        head: The commit that was checked out.
        tree: What it checks out.
        theirs: The commit of the new templates' files.
        phase: `applying` until all is in place, then `applied`.
        touched: Paths that it writes, removes or marks, the lock included.
        saved: Those of them that were there: path → name of the copy.
        directories: Their directories: path → permission bits.
        remade: Those of them that a tool makes again from others, so that their change is nobody's work.
        conflicts: Paths where a person must decide.
        entries: What the index holds at the touched paths once the upgrade is applied.
    """

    title: str
    prefix: str
    head: str
    tree: str
    theirs: str
    phase: str
    touched: tuple[str, ...]
    saved: dict[str, str]
    directories: dict[str, int]
    remade: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    entries: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is, and of which project in a repository of several."""
        return f"{self.title}, in {self.prefix}" if self.prefix else self.title

    @property
    def settled(self) -> list[str]:
        """The touched paths that nobody is expected to work on before the commit."""
        return [path for path in self.touched if path not in {*self.conflicts, *self.remade}]


def begin(
    checkout: Checkout,
    *,
    title: str,
    tree: str,
    theirs: str,
    touched: Iterable[str],
    remade: Iterable[str] = (),
) -> Journal:
    """Save what will be touched, then write the journal, each on the disk before the next.

    Args:
        checkout: The repository; nothing has been changed in it yet.
        title: What is going to be done.
        tree: What will be checked out.
        theirs: The commit of the new templates' files.
        touched: Paths below the root of the work tree.
        remade: More paths: those of files that a tool makes again.

    Raises:
        OSError: The copies can't be written; nothing was changed.
    """
    close(checkout)
    folder = folder_of(checkout)
    folder.mkdir(mode=0o700)
    _sync_directory(folder.parent)
    paths = tuple(sorted({*touched, *remade}))
    copy_file(checkout.index, folder / "index")
    for name in MESSAGES:
        if (checkout.git_dir / name).is_file():
            copy_file(checkout.git_dir / name, folder / name)
    there = [path for path in paths if checkout.has_file(path)]
    saved = {path: str(number) for number, path in enumerate(there)}
    for path, name in saved.items():
        copy_file(checkout.top / path, folder / name)
    places = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    places |= {place for path in paths for place in _directories(checkout.top, path)}
    journal = Journal(
        title=title,
        prefix=checkout.prefix,
        head=checkout.head,
        tree=tree,
        theirs=theirs,
        phase=APPLYING,
        touched=paths,
        saved=saved,
        remade=tuple(remade),
        directories={
            place: stat.S_IMODE((checkout.top / place).stat().st_mode)
            for place in sorted(places)
            if (checkout.top / place).is_dir() and not (checkout.top / place).is_symlink()
        },
    )
    write(checkout, journal)
    return journal


def finish(checkout: Checkout, journal: Journal, *, conflicts: Iterable[str]) -> None:
    """Note that all is in place."""
    found = entries(checkout, journal.touched)
    write(checkout, replace(journal, phase=APPLIED, conflicts=tuple(conflicts), entries=found))


def read(checkout: Checkout) -> Journal | None:
    """The journal of this work tree, or None."""
    try:
        content = json.loads((folder_of(checkout) / "journal.json").read_text(encoding="ascii"))
        lists = {name: tuple(content[name]) for name in ("touched", "remade", "conflicts")}
        return Journal(**{**content, **lists})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise RefusedError(
            f"The journal of an upgrade in {folder_of(checkout)} can't be read; another version of mlops-scaffold may "
            "have written it. Take that upgrade back by that version, or remove the folder to keep things as they are."
        ) from error


def entries(checkout: Checkout, paths: Sequence[str]) -> dict[str, str]:
    """What the index holds at some paths: modes, ids and stages."""
    lines = checkout.names("--literal-pathspecs", "ls-files", "--stage", "-z", "--", *paths) if paths else []
    found: dict[str, list[str]] = {}
    for line in lines:
        meta, path = line.split("\t", 1)
        found.setdefault(path, []).append(meta)
    return {path: ", ".join(metas) for path, metas in found.items()}


def close(checkout: Checkout) -> None:
    """Forget the journal: first the journal itself, then the copies."""
    (folder_of(checkout) / "journal.json").unlink(missing_ok=True)
    shutil.rmtree(folder_of(checkout), ignore_errors=True)


def saved_copy(checkout: Checkout, journal: Journal, path: str) -> Path | None:
    """The copy of a file as it was before; None when there was no such file, or when it is back in its place."""
    copy = folder_of(checkout) / journal.saved[path] if path in journal.saved else None
    return copy if copy and os.path.lexists(copy) else None


def folder_of(checkout: Checkout) -> Path:
    """Where a work tree's journal and copies are."""
    return checkout.git_dir / FOLDER


def _directories(top: Path, path: str) -> list[str]:
    """The directory at a path and those below it, but for what is in a submodule."""
    found = []
    for place, inner, names in os.walk(top / path) if not (top / path).is_symlink() else ():
        found.append(Path(place).relative_to(top).as_posix())
        if ".git" in (*inner, *names):
            inner.clear()
    return found


def copy_file(source: Path, target: Path) -> None:
    """Copy a file or link with its permissions and times, and wait until it is on the disk."""
    shutil.copy2(source, target, follow_symlinks=False)
    if not target.is_symlink():
        with target.open("rb") as file, suppress(OSError):  # Windows syncs only what may be written
            os.fsync(file.fileno())


def write(checkout: Checkout, journal: Journal) -> None:
    """Replace the journal, in one step."""
    folder = folder_of(checkout)
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
