"""Where a repository stands: its level, what the team did to the files of the templates, what waits."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlops_scaffold import aftermath, journal
from mlops_scaffold.checkout import Checkout, find_project, open_checkout
from mlops_scaffold.errors import AnswerError, KitError, RefusedError
from mlops_scaffold.fast_import import Stream, workshop
from mlops_scaffold.history import is_newer
from mlops_scaffold.kits.kit import Kit, overlay
from mlops_scaffold.kits.rendering import give
from mlops_scaffold.levels import highest
from mlops_scaffold.project import (
    MANIFEST,
    PROJECT,
    KitRecord,
    Project,
    read_manifest,
    read_project,
)
from mlops_scaffold.questions import TEMPLATE_VERSION, only_asked, read_questions, resolve
from mlops_scaffold.scope import not_ours
from mlops_scaffold.tree import EXECUTABLE, REGULAR, File, Tree


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where a repository stands.

    Attributes:
        path: The project's directory.
        project: What it was made from.
        installed: The version of mlops-scaffold that looks at it.
        next_level: The next level of that version, and of the kit where that is at hand; or None.
        knows_kit: Whether the kit is at hand, or there is none. If not, what waits in it is not known.
        kit_problem: Why the kit can't be used as it is now, or None.
        files: How many files the templates gave that upgrades maintain; None when there is no manifest, or when an
            upgrade was interrupted: what is on the disk then is neither the old nor the new state.
        edited: Those that differ from what the templates gave.
        deleted: Those that are gone.
        renamed: Those that are somewhere else: path → new path.
        untracked: Those that are on the disk and not in git, so that no merge reaches them.
        update: Whether `update` has something to bring.
        is_newer: Whether the repository was made by a newer version than the installed one.
        unfinished: An upgrade that is interrupted or not committed: `journal.APPLYING` or `journal.APPLIED`.
        title: What that upgrade is called.
        conflicts: Where a person must still decide in it.
    """

    path: Path
    project: Project
    installed: str
    next_level: int | None
    knows_kit: bool = True
    kit_problem: str | None = None
    files: int | None = None
    edited: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    untracked: tuple[str, ...] = ()
    update: bool = False
    is_newer: bool = False
    unfinished: str | None = None
    title: str | None = None
    conflicts: tuple[str, ...] = ()


def read_status(
    path: Path, templates: Tree, installed: str, find_kit: Callable[[KitRecord, Path], Kit | None]
) -> Status:
    """Look at a repository as it is on the disk.

    Args:
        path: A directory of the project or in it.
        templates: The templates of this version.
        installed: This version.
        find_kit: Gives the kit of a project in a directory as an update would take it; None when it is not at hand.

    Raises:
        RefusedError: It is no project, or its state can't be understood.
    """
    place = find_project(path)
    checkout = _checkout(place)
    entry = journal.read(checkout) if checkout else None
    if checkout and entry and entry.phase == journal.APPLYING:
        committed = checkout.blobs([f"HEAD:{checkout.prefix}{PROJECT}"])
        project = read_project(next(iter(committed.values()), b""))
        return Status(
            path=place,
            project=project,
            installed=installed,
            next_level=_next_level(templates, project, None),
            unfinished=entry.phase,
            title=entry.name,
        )
    project = read_project(_state(place, checkout, PROJECT))
    listed = read_manifest(_state(place, checkout, MANIFEST)) or None
    wanted = {name: line for name, line in (listed or {}).items() if name != PROJECT}
    known, tracked = _known_to_git(checkout, wanted) if checkout else ({}, set(wanted))
    absent = [name for name in wanted if not (place / name).exists() and not (place / name).is_symlink()]
    missing = [name for name in absent if name not in known or not known[name].is_left_out]
    edited = _edited(place, checkout, known, {name: line for name, line in wanted.items() if name not in missing})
    renamed = {}
    if checkout and missing:
        renamed = _renamed(checkout, missing, wanted, not_ours(checkout, project.answers["package_name"]))
    if checkout and entry and entry.phase == journal.APPLIED and aftermath.is_over(checkout, entry):
        entry = None
    too_new = is_newer(project.template_version, installed)
    kit = find_kit(project.kit, place) if project.kit else None
    knows_kit = project.kit is None or kit is not None
    update, problem = not too_new and listed is None, None
    if not too_new and listed is not None:
        try:
            update = _waits(templates, project, kit, installed, listed)
        except KitError as error:
            problem = str(error)
    return Status(
        path=place,
        project=project,
        installed=installed,
        next_level=_next_level(templates, project, kit),
        knows_kit=knows_kit,
        kit_problem=problem,
        files=None if listed is None else len(wanted),
        edited=edited,
        deleted=tuple(name for name in missing if name not in renamed),
        renamed=renamed,
        untracked=tuple(name for name in wanted if name not in tracked and name not in absent),
        update=update,
        is_newer=too_new,
        unfinished=entry.phase if entry else None,
        title=entry.name if entry else None,
        conflicts=tuple(_unmerged(checkout, entry.conflicts)) if checkout and entry else (),
    )


def _checkout(place: Path) -> Checkout | None:
    try:
        return open_checkout(place)
    except RefusedError:
        return None


def _unmerged(checkout: Checkout, conflicts: Iterable[str]) -> list[str]:
    still = {line.split("\t", 1)[1] for line in checkout.names("ls-files", "--unmerged", "-z")}
    return [path for path in conflicts if path in still]


def _state(place: Path, checkout: Checkout | None, name: str) -> bytes:
    """A file of the state, from the disk, else from the index: a sparse checkout may leave it out."""
    if (place / name).is_file():
        return (place / name).read_bytes()
    staged = checkout.blobs([f":{checkout.prefix}{name}"]) if checkout else {}
    return next(iter(staged.values()), b"")


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What the index holds of a file; `is_left_out` when that is not to be on the disk, as in a sparse checkout."""

    mode: str
    id: str
    is_left_out: bool


def _known_to_git(checkout: Checkout, names: Iterable[str]) -> tuple[dict[str, _Known], set[str]]:
    """The files that are on the disk as the index has them, and all that it has.

    Only git knows what its filters make of a file.
    """
    paths = [f"{checkout.prefix}{name}" for name in names]
    if not paths:
        return {}, set()
    listed = checkout.names("--literal-pathspecs", "ls-files", "--stage", "-t", "-z", "--", *paths)
    # `git diff` brings the index up to date whatever one asks; `git status` can be told not to.
    words = ("status", "--porcelain", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules=all")
    states = checkout.names("--literal-pathspecs", *words, "--", *paths, env={"GIT_OPTIONAL_LOCKS": "0"})
    changed = {state[3:] for state in states if state[1] != " "}
    found: dict[str, _Known] = {}
    tracked = set()
    for line in listed:
        meta, path = line.split("\t", 1)
        tag, mode, oid, stage = meta.split()
        tracked.add(path.removeprefix(checkout.prefix))
        is_left_out = tag == "S"
        if stage == "0" and (is_left_out or path not in changed):
            found[path.removeprefix(checkout.prefix)] = _Known(mode=mode, id=oid, is_left_out=is_left_out)
    return found, tracked


def _edited(
    place: Path, checkout: Checkout | None, known: Mapping[str, _Known], wanted: Mapping[str, tuple[str, str]]
) -> tuple[str, ...]:
    """The files that are not what the templates gave."""
    # An id that differs need not be an edit: its line ends may, or this repository makes its ids in another way.
    asked = {known[name].id for name, (_, oid) in wanted.items() if name in known and known[name].id != oid}
    contents = checkout.blobs(sorted(asked)) if checkout and asked else {}

    def is_edited(name: str, mode: str, oid: str) -> bool:
        if name not in known:
            return _differs(place / name, mode, oid)
        entry = known[name]
        return entry.mode != mode or (entry.id != oid and not _gives_id(contents.get(entry.id, b""), oid))

    return tuple(name for name, line in wanted.items() if is_edited(name, *line))


def _gives_id(content: bytes, oid: str) -> bool:
    """Whether a content has an id. Line ends do not count: a check-out may change them."""
    return any(File(content=text).blob_id == oid for text in (content, content.replace(b"\r\n", b"\n")))


def _differs(path: Path, mode: str, oid: str) -> bool:
    """Whether a file on the disk is not what the templates gave."""
    if path.is_symlink() or not path.is_file():
        return True
    is_executable = bool(path.stat().st_mode & 0o100)
    return not _gives_id(path.read_bytes(), oid) or mode != (EXECUTABLE if is_executable else REGULAR)


def _renamed(
    checkout: Checkout, missing: list[str], wanted: Mapping[str, tuple[str, str]], apart: Iterable[str]
) -> dict[str, str]:
    """Where the missing files are now, as git's own search for renames sees it in the index."""
    contents = checkout.blobs([wanted[name][1] for name in missing])
    files = {
        f"{checkout.prefix}{name}": File(mode=wanted[name][0], content=contents[wanted[name][1]])
        for name in missing
        if wanted[name][1] in contents
    }
    if not files:
        return {}
    with workshop(checkout, keep=False) as shop:
        stream = Stream()
        stream.commit(files, message="missing")
        (old,) = shop.write(stream)
        words = ["diff-index", "--cached", "-M", "-l30000", "--diff-filter=R", "--name-status", "-z", old.tree]
        # As a merge does, it looks for them in the project's own part.
        seen = [f":(top,literal){checkout.prefix}"] + [f":(top,exclude,literal){path}" for path in apart]
        found = checkout.names(*words, "--", *seen, env=shop.env)
    pairs = zip(found[1::3], found[2::3], strict=True)
    return {before.removeprefix(checkout.prefix): after.removeprefix(checkout.prefix) for before, after in pairs}


def _waits(
    templates: Tree, project: Project, kit: Kit | None, installed: str, listed: Mapping[str, tuple[str, str]]
) -> bool:
    """Whether `update` would change what the templates give, or ask something first."""
    if project.kit is not None and kit is None:
        return project.template_version != installed
    try:
        config = read_questions(overlay(templates, kit))
        given = {**only_asked(config, project.answers), "level": project.level, TEMPLATE_VERSION: installed}
        answers = resolve(config, kit.with_locked(given) if kit else given, kit.defaults if kit else {})
        return read_manifest(give(templates, kit, answers)[MANIFEST].content) != listed
    except AnswerError:
        return True  # it asks something first


def _next_level(templates: Tree, project: Project, kit: Kit | None) -> int | None:
    if kit is not None:
        return kit.next_level(project.level)
    return project.level + 1 if project.level < highest(templates) else None
