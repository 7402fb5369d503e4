"""Which kit a repository gets: the one that it has, another version of it, another one, or none."""

from contextlib import suppress
from pathlib import Path

from mlops_scaffold.errors import KitError, UsageError
from mlops_scaffold.kits.kit import Kit, Kits
from mlops_scaffold.kits.origin import Origin, checked, parse, relative_to, seen_from
from mlops_scaffold.kits.source import load, load_recorded, newer_version
from mlops_scaffold.project import KitRecord
from mlops_scaffold.tree import Tree


def kit_for_new(wanted: str, destination: Path, templates: Tree) -> Kit:
    """The kit of a new repository.

    Args:
        wanted: As typed: a folder or a git URL, and perhaps `@` with a tag, a branch or a commit.
        destination: Where the repository will be.
        templates: The built-in templates.

    Raises:
        KitError: It can't be had or is no kit.
    """
    origin = parse(wanted)
    return load(origin, templates, source=relative_to(origin, destination).source)


def kept(record: KitRecord, place: Path, templates: Tree) -> Kits:
    """The kit that a repository has, just as it was taken.

    Raises:
        KitError: It can't be had any more.
    """
    kit = _recorded(record, place, templates)
    return Kits(before=kit, after=kit)


def followed(record: KitRecord, place: Path, templates: Tree) -> Kits:
    """The kit that a repository has, as its ref has it now; and whether there is a newer version.

    Raises:
        KitError: It can't be had any more.
    """
    origin = _seen(record, place)
    after = load(origin, templates, source=record.source)
    is_same = after.commit is not None and after.commit == record.commit
    before = after if is_same else _recorded_if_possible(record, place, templates)
    return Kits(before=before, after=after, newer=newer_version(origin))


def exchanged(record: KitRecord | None, place: Path, templates: Tree, *, wanted: str) -> Kits:
    """The kit that somebody wants instead.

    Args:
        record: The kit that the repository has, or None.
        place: Its directory.
        templates: The built-in templates.
        wanted: As typed for a new repository, or `@` and a ref of the kit that it has.

    Raises:
        KitError: The wanted one can't be had.
        UsageError: There is no kit that the ref could be of.
    """
    before = _recorded_if_possible(record, place, templates)
    if not wanted.startswith("@"):
        return Kits(before=before, after=kit_for_new(wanted, place, templates))
    if record is None:
        raise UsageError(f"--kit {wanted} names a version of the kit that the repository has, and it has none.")
    origin = seen_from(checked(record.source, wanted[1:]), place)
    return Kits(before=before, after=load(origin, templates, source=record.source))


def left(record: KitRecord | None, place: Path, templates: Tree) -> Kits:
    """No kit any more."""
    return Kits(before=_recorded_if_possible(record, place, templates))


def at_hand(record: KitRecord, place: Path, templates: Tree) -> Kit | None:
    """The kit as `update` would take it, if it can be had without a network; else None."""
    with suppress(KitError):
        origin = _seen(record, place)
        if not origin.is_url:
            return load(origin, templates, source=record.source)
    return None


def _seen(record: KitRecord, place: Path) -> Origin:
    return seen_from(Origin(source=record.source, ref=record.ref), place)


def _recorded(record: KitRecord, place: Path, templates: Tree) -> Kit:
    return load_recorded(_seen(record, place), record.commit, templates, source=record.source)


def _recorded_if_possible(record: KitRecord | None, place: Path, templates: Tree) -> Kit | None:
    """The kit as it was taken. When it can't be had, the manifest tells what its files were."""
    if record is not None:
        with suppress(KitError):
            return _recorded(record, place, templates)
    return None
