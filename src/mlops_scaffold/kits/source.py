"""Have a kit: read its folder, or fetch it with git. Nothing of it is executed, checked out or followed.

What is read is `kit.toml` and the folders of its levels. They must be plain files, of bounded number and size. Git is
asked for objects only: into a bare repository of our own, without submodules, hooks, filters and other protocols.
"""

import os
import re
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_scaffold import git
from mlops_scaffold.bounded import printable
from mlops_scaffold.errors import GitError, KitError
from mlops_scaffold.history import is_final, is_newer, order
from mlops_scaffold.kits.file import KitFile, questions, read_kit_file
from mlops_scaffold.kits.kit import FILE, Kit
from mlops_scaffold.kits.objects import first_failure, listing, sizes
from mlops_scaffold.kits.origin import SCHEMES, Origin, is_ref
from mlops_scaffold.kits.paths import check_layers, refuse_deep, refuse_unprintable
from mlops_scaffold.processes import Bounds
from mlops_scaffold.questions import choices, read_questions
from mlops_scaffold.tree import EXECUTABLE, REGULAR, File, Tree

FILES = 1000
FILE_BYTES = 1_000_000
BYTES = 10_000_000
"""A kit is conventions and texts: these are far more than one needs, and soon checked."""

FETCH = Bounds(seconds=120, file=100_000_000)

LEVEL = re.compile(r"level[-_ ]?\d+", re.IGNORECASE)
"""Also how somebody may write it by mistake: that is refused, and not passed over."""

SHORT_COMMIT = re.compile(r"[0-9a-f]{4,39}")
COMMIT = re.compile(r"[0-9a-f]{40}")

SETTINGS = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "fetch.fsckObjects=true"),
    *("-c", "fetch.unpackLimit=1"),  # one file, so that the bound on a file's size holds for all of it
    *("-c", "core.bigFileThreshold=2m"),  # what is larger goes through memory in pieces
    *("-c", "fetch.recurseSubmodules=false"),
    *("-c", "submodule.recurse=false"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
)

TOO_LARGE = "fetch-pack: invalid index-pack output"
"""What git says first when the program that writes was ended by the bound on it."""

HEAD = "refs/kit/head"

APART = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
"""A repository's own settings may name a program that fetches what is missing in it."""


def load(origin: Origin, templates: Tree, *, source: str | None = None) -> Kit:
    """Have a kit as its ref has it now, or, without a ref, as its folder or its default branch is.

    Args:
        origin: Where it is, seen from here.
        templates: The built-in templates, for the questions and folders that there are.
        source: Where it is as the project records that; None when that is the same.

    Raises:
        KitError: It can't be had, is no kit, or holds something that a kit can't.
    """
    if origin.ref is None and not origin.is_url:
        folder = Path(origin.source)
        files = _read_folder(folder)
        commit = _commit_of(folder, files)
    else:
        files, commit = _fetch(origin, origin.ref)
    return _kit(files, templates, origin=replace(origin, source=source or origin.source), commit=commit)


def load_recorded(origin: Origin, commit: str | None, templates: Tree, *, source: str) -> Kit:
    """Have a kit as a project has taken it: at its commit, and without one as its folder is now.

    Raises:
        KitError: It can't be had any more.
    """
    if commit is None:
        return load(origin, templates, source=source)
    if not COMMIT.fullmatch(commit):
        raise KitError(f"The project says that its kit is of the commit {commit!r:.80}, which is none.")
    files, found = _fetch(origin, commit)
    return _kit(files, templates, origin=replace(origin, source=source), commit=found)


def newer_version(origin: Origin) -> str | None:
    """The newest tag of a version that is above the one which a project follows, or None.

    Args:
        origin: Where the kit is. Without a tag of a version it follows none, and nothing is newer.

    Raises:
        KitError: The kit can't be reached.
    """
    present = (origin.ref or "").removeprefix("v")
    if order(present) is None:
        return None
    words = ["ls-remote", "--tags", "--refs", "--end-of-options", _url(origin)]
    lines = _ask(words, origin, None).decode(errors="replace").splitlines()
    tags = [tag for line in lines if is_ref(tag := line.partition("\trefs/tags/")[2])]
    # A trial version is offered only to those who follow one.
    offered = [tag for tag in tags if is_final(tag.removeprefix("v")) or not is_final(present)]
    newer = [tag for tag in offered if is_newer(tag.removeprefix("v"), present)]
    return max(newer, key=lambda tag: order(tag.removeprefix("v")) or (), default=None)


def _kit(files: Tree, templates: Tree, *, origin: Origin, commit: str | None) -> Kit:
    if FILE not in files:
        bare = not origin.is_url and origin.ref is None and Path(origin.source, "objects").is_dir()
        hint = "It is a repository without files: add @ and a branch or tag." if bare else "Name its folder or its URL."
        raise KitError(f"{origin} has no {FILE}, so it is no kit. {hint}")
    config = read_questions(templates)
    try:
        file = read_kit_file(files[FILE].content, config)
    except KitError as error:
        raise KitError(printable(str(error))) from error
    layers = {path: content for path, content in files.items() if path != FILE}
    check_layers(layers, config)
    return Kit(
        name=file.name,
        version=file.version,
        description=file.description,
        levels=_levels(file, config),
        defaults=file.answers,
        locked=file.locked,
        questions=questions(file),
        files=layers,
        source=origin.source,
        ref=origin.ref,
        commit=commit,
    )


def _levels(file: KitFile, config: dict[str, Any]) -> tuple[int, ...]:
    return tuple(sorted(set(file.levels.allowed if file.levels else choices(config["level"]))))


def _is_read(path: str) -> bool:
    """Whether a path of a kit's folder belongs to the kit: the rest (its tests, its workflows) is its authors'."""
    first, *rest = path.split("/")
    return path == FILE or bool(LEVEL.fullmatch(first) and "__pycache__" not in rest)


def _read_folder(folder: Path) -> dict[str, File]:
    if not os.path.isdir(folder):  # noqa: PTH112 - also False for a name that no file can have
        raise KitError(f"{folder} is no folder, so there is no kit. Name its folder or a git URL.")
    names = []
    for name in _names(folder):
        names.append(name)
        _refuse_many(len(names))
    names.sort()
    refuse_unprintable(names)
    files: dict[str, File] = {}
    total = 0
    for name in names:
        files[name] = _read_file(folder, name)
        total += len(files[name].content)
        _refuse_large(name, len(files[name].content), total)
    return files


def _names(folder: Path) -> Iterator[str]:
    """The paths of a kit's files; what is no file is among them, so that it is refused and not passed over."""
    for count, (place, folders, names) in enumerate(os.walk(folder, onerror=_unreadable)):
        _refuse_many(count)
        here = Path(place).relative_to(folder)
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        paths = [(here / name).as_posix() for name in (*names, *links)]
        yield from filter(_is_read, paths)
        folders[:] = [name for name in folders if _is_read((here / name).as_posix())]
        for name in folders:
            refuse_deep((here / name).as_posix())


def _unreadable(error: OSError) -> None:
    name = printable(os.fsdecode(error.filename or ""))
    raise KitError(f"{name} of the kit can't be read: {(error.strerror or str(error)).lower()}.") from error


def _read_file(folder: Path, name: str) -> File:
    # Never through a link, and never waiting for a pipe.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    path = folder / name
    try:
        if path.is_symlink():
            raise _no_file(name, "a link")
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as opened:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise _no_file(name, "no file")
            content = opened.read(FILE_BYTES + 1)
    except OSError as error:
        raise KitError(f"{name} of the kit can't be read: {(error.strerror or str(error)).lower()}.") from error
    return File(mode=EXECUTABLE if status.st_mode & 0o100 else REGULAR, content=content)


def _no_file(name: str, what: str) -> KitError:
    return KitError(f"{name} of the kit is {what}. A kit holds plain files only; put the file itself there.")


def _refuse_many(count: int) -> None:
    if count > FILES:
        raise KitError(f"The kit has more than {FILES} files. Leave out what is no convention.")


def _refuse_large(name: str, size: int, total: int) -> None:
    if size > FILE_BYTES or total > BYTES:
        raise KitError(
            f"{name} of the kit is too large: a file may have {FILE_BYTES:,} bytes, and all of them {BYTES:,}. "
            "Leave it out."
        )


def _commit_of(folder: Path, files: Tree) -> str | None:
    """The commit that a folder's files are of; None outside of git, or with changes that are not committed."""
    if git.top_level(folder) is None:
        return None
    done = git.start(["rev-parse", "--show-prefix", "HEAD^{commit}"], folder, env=APART)
    prefix, _, commit = os.fsdecode(done.stdout).rstrip("\n").partition("\n")
    if done.returncode != 0 or not COMMIT.fullmatch(commit) or prefix:
        return None  # A commit alone does not tell where in it the folder was.
    try:
        entries = listing(commit, folder, APART, is_read=_is_read, refuse_many=_refuse_many)
    except (GitError, KitError):
        return None  # Such a commit gives other files than the folder has.
    listed = {entry.path: (entry.mode, entry.oid) for entry in entries}
    return commit if listed == {path: (file.mode, file.blob_id) for path, file in files.items()} else None


def _fetch(origin: Origin, ref: str | None) -> tuple[dict[str, File], str]:
    """The files of a kit's repository at a ref, and their commit."""
    with tempfile.TemporaryDirectory(prefix="mlops-scaffold-", ignore_cleanup_errors=True) as name:
        place = Path(name).absolute()
        git.require()
        git.init_bare(place)
        env = {"GIT_DIR": str(place)}
        words = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"]
        _ask([*words, "--end-of-options", _url(origin), f"+{ref or 'HEAD'}:{HEAD}"], origin, ref, place, env)
        commit = os.fsdecode(_ask(["rev-parse", "--verify", f"{HEAD}^{{commit}}"], origin, ref, place, env)).strip()
        entries = listing(commit, place, env, is_read=_is_read, refuse_many=_refuse_many)
        refuse_unprintable([entry.path for entry in entries])
        for entry in entries:
            if entry.mode not in (REGULAR, EXECUTABLE):
                what = {"120000": "a link", "160000": "a submodule"}.get(entry.mode, "no file")
                raise _no_file(entry.path, what)
        sized = sizes([entry.oid for entry in entries], place, env, kind="blob")
        total = 0
        for entry in entries:
            total += sized[entry.oid]
            _refuse_large(entry.path, sized[entry.oid], total)
        contents = git.blobs([entry.oid for entry in entries], place, env)
        return {entry.path: File(mode=entry.mode, content=contents[entry.oid]) for entry in entries}, commit


def _url(origin: Origin) -> str:
    return origin.source if origin.is_url else Path(origin.source).absolute().as_uri()


def _ask(
    words: list[str], origin: Origin, ref: str | None, path: Path | None = None, env: dict[str, str] | None = None
) -> bytes:
    """Ask git about somebody else's repository, within bounds."""
    quiet = {} if os.isatty(0) else {"GIT_TERMINAL_PROMPT": "0"}
    only = {"GIT_ALLOW_PROTOCOL": ":".join(SCHEMES)}
    at = f" at {ref}" if ref else ""
    try:
        done = git.start([*SETTINGS, *words], path, env={**quiet, **only, **(env or {})}, bounds=FETCH)
    except subprocess.TimeoutExpired as error:
        raise _unreachable(origin, at, f"it took longer than {FETCH.seconds} s") from error
    if done.returncode < 0 or (done.returncode != 0 and first_failure(done.stderr) == TOO_LARGE):
        raise _unreachable(origin, at, f"it is larger than {FETCH.file:,} bytes")
    if done.returncode != 0:
        short = " (a commit takes all of its 40 characters)" if SHORT_COMMIT.fullmatch(ref or "") else ""
        raise _unreachable(origin, at, first_failure(done.stderr) + short)
    return done.stdout


def _unreachable(origin: Origin, at: str, reason: str) -> KitError:
    return KitError(
        f"The kit {origin.source}{at} can't be had: {reason}. Look at its address, and whether you may read it."
    )
