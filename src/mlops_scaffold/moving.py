"""The commands for a repository that is there already: `upgrade`, `update` and `status`.

What a command needs is imported when it runs, so that `--help` stays quick.
"""

import os
import shlex
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_scaffold import __version__
from mlops_scaffold.errors import KitError, UsageError
from mlops_scaffold.options import (
    AbortOption,
    DataOption,
    DefaultsOption,
    JsonOption,
    KitOption,
    LockOption,
    NoKitOption,
    PathArgument,
    PreviewOption,
)

if TYPE_CHECKING:
    from mlops_scaffold.kits.kit import Kit, Kits
    from mlops_scaffold.project import Project
    from mlops_scaffold.source import Source
    from mlops_scaffold.tree import Tree

UPGRADE = "mlops-scaffold upgrade"
UPDATE = "mlops-scaffold update"


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """What the command line says."""

    path: Path
    to: int | None
    data: tuple[str, ...]
    defaults: bool
    with_lock: bool | None
    kit: str | None
    no_kit: bool

    def again(self, command: str) -> str:
        """The command line that does what this one only shows."""
        words = [*self._place(), *(["--to", str(self.to)] if self.to else [])]
        words += [word for answer in self.data for word in ("-d", answer)]
        words += ["--kit", self.kit] if self.kit else []
        words += ["--no-kit"] * self.no_kit
        words += ["--defaults"] * self.defaults
        words += {True: ["--lock"], False: ["--no-lock"], None: []}[self.with_lock]
        return " ".join([command, *map(shlex.quote, words)])

    def back(self, command: str) -> str:
        """The command line that takes it back."""
        return " ".join([command, *map(shlex.quote, self._place()), "--abort"])

    def _place(self) -> list[str]:
        return [] if self.path == Path() else [str(self.path)]


def upgrade(
    path: PathArgument = Path(),
    to: Annotated[int | None, typer.Option("--to", metavar="N", help="The wanted level. Without it: the next.")] = None,
    preview: PreviewOption = False,
    abort: AbortOption = False,
    kit: KitOption = None,
    no_kit: NoKitOption = False,
    data: DataOption = None,
    defaults: DefaultsOption = False,
    with_lock: LockOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move a repository up to the next level of MLOps maturity.

    Merges what the level adds into your last commit and stages the result. Nothing is committed, and no line of yours
    is lost: it is in the result or in a conflict.
    """
    if abort:
        _abort(path, alone=not (preview or to or kit or no_kit or data or defaults or as_json))
        return
    wanted = _Wanted(
        path=path,
        to=to,
        data=tuple(data or ()),
        defaults=defaults,
        with_lock=with_lock,
        kit=kit,
        no_kit=no_kit,
    )
    _merge(wanted, UPGRADE, preview=preview, as_json=as_json)


def update(
    path: PathArgument = Path(),
    preview: PreviewOption = False,
    abort: AbortOption = False,
    kit: KitOption = None,
    no_kit: NoKitOption = False,
    data: DataOption = None,
    defaults: DefaultsOption = False,
    with_lock: LockOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the templates of the installed version to a repository, and its kit as that is now.

    The level stays. Merges like `upgrade` does.
    """
    if abort:
        _abort(path, alone=not (preview or kit or no_kit or data or defaults or as_json))
        return
    wanted = _Wanted(
        path=path,
        to=None,
        data=tuple(data or ()),
        defaults=defaults,
        with_lock=with_lock,
        kit=kit,
        no_kit=no_kit,
    )
    _merge(wanted, UPDATE, preview=preview, as_json=as_json)


def status(path: PathArgument = Path(), as_json: JsonOption = False) -> None:
    """Show where a repository stands: level, edited files, waiting updates, unfinished upgrades."""
    from mlops_scaffold.project import KitRecord
    from mlops_scaffold.report import states
    from mlops_scaffold.report.data import as_text
    from mlops_scaffold.status import read_status
    from mlops_scaffold.templates import built_in

    def kit(record: KitRecord, place: Path) -> "Kit | None":
        from mlops_scaffold.kits.choice import at_hand

        return at_hand(record, place, templates)

    templates = built_in()
    found = read_status(path, templates, __version__, kit)
    typer.echo(as_text(states.as_data(found)) if as_json else states.status(found))


def _merge(wanted: _Wanted, command: str, *, preview: bool, as_json: bool) -> None:
    from mlops_scaffold.apply import Applied, alone, apply
    from mlops_scaffold.kits.kit import Kits
    from mlops_scaffold.levels import highest, on_the_way
    from mlops_scaffold.report import upgrade_data, upgrades
    from mlops_scaffold.report.data import as_text
    from mlops_scaffold.source import read_source, target_level
    from mlops_scaffold.templates import built_in
    from mlops_scaffold.upgrade import nothing_to_do, prepare

    templates = built_in()
    source = read_source(wanted.path)
    level = source.project.level
    if command == UPGRADE:
        level = target_level(source.project, wanted.to, highest(templates))
    is_there = command == UPGRADE and level == source.project.level
    kits = Kits() if is_there else _kits(wanted, source, templates, command=command, asks=not preview)
    if command == UPGRADE and wanted.to is None and kits.after is not None:
        level = kits.after.next_level(source.project.level) or level
    answers = _answers(wanted, source.project, level, templates, kits.after)
    source = read_source(wanted.path)  # a person who is asked may take long
    with nullcontext() if preview else alone(source.checkout):
        if is_there:
            if wanted.data or wanted.kit or wanted.no_kit:
                raise UsageError(
                    f"It is at level {level} already. To change an answer, run `{UPDATE} -d KEY=VALUE`; to change the "
                    f"kit, `{UPDATE} --kit KIT`."
                )
            found = nothing_to_do(source)
        else:
            found = prepare(source, templates, answers, kits, look_only=preview, with_lock=wanted.with_lock)
        done = Applied(upgrade=found, notes=()) if preview else apply(found)
    levels = on_the_way(templates, source.project.level, level)
    if as_json:
        text = as_text(upgrade_data.as_data(done.upgrade, levels, is_applied=not preview, notes=done.notes))
    elif preview:
        text = upgrades.preview(found, levels, command=wanted.again(command), back=wanted.back(command))
    else:
        text = upgrades.applied(done, levels, back=wanted.back(command))
    _say(text, done=not preview)
    if found.needs_a_person:
        raise typer.Exit(1)


def _say(text: str, *, done: bool) -> None:
    """Print a report. When it can't be shown, what was done is done all the same, and the exit code says so."""
    try:
        typer.echo(text)
        sys.stdout.flush()
    except OSError as error:
        if not done:
            raise
        # Whatever is left in a buffer can't be written either when Python ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        try:
            sentence = f"It is done, but the report can't be shown: {error}. See `git status`."
            typer.echo(f"mlops-scaffold: {sentence}", err=True)
        except OSError:
            os.dup2(nowhere, sys.stderr.fileno())


def _kits(wanted: _Wanted, source: "Source", templates: "Tree", *, command: str, asks: bool) -> "Kits":
    """The kit that the repository has and the one that it gets. A newer version of it is offered on a terminal."""
    if wanted.kit and wanted.no_kit:
        raise UsageError("--kit and --no-kit contradict each other. Leave one of them out.")
    record, place = source.project.kit, source.checkout.project
    if record is None and wanted.kit is None:
        from mlops_scaffold.kits.kit import Kits

        return Kits()
    from mlops_scaffold.kits.choice import exchanged, followed, kept, left

    if wanted.kit is not None:
        return exchanged(record, place, templates, wanted=wanted.kit)
    if record is None or wanted.no_kit:
        return left(record, place, templates)
    try:
        if command == UPGRADE:
            return kept(record, place, templates)
        found = followed(record, place, templates)
    except KitError as error:
        raise KitError(f"{error} Or name another place of it by --kit, or go on without it by --no-kit.") from error
    if found.newer and asks and not wanted.defaults and sys.stdin.isatty() and sys.stdout.isatty():
        from mlops_scaffold.ask import confirm

        title = found.after.title if found.after else ""
        if confirm(f"The kit {title} has a newer version, {found.newer}. Take it?"):
            return exchanged(record, place, templates, wanted=f"@{found.newer}")
    return found


def _answers(wanted: _Wanted, project: "Project", level: int, templates: "Tree", kit: "Kit | None") -> dict[str, Any]:
    """The answers for the next render; what is new is asked on a terminal."""
    from mlops_scaffold.answers import from_command_line
    from mlops_scaffold.errors import AnswerError
    from mlops_scaffold.kits.kit import overlay
    from mlops_scaffold.questions import asked, read_questions, resolve
    from mlops_scaffold.source import settled_answers

    config = read_questions(overlay(templates, kit))
    given = from_command_line(level=None, data=wanted.data, answers_file=None)
    suggested = kit.defaults if kit else {}
    settled = settled_answers(project, config, level=level, given=given, kit=kit)
    try:
        answers = resolve(config, settled, suggested)
    except AnswerError as error:
        resolve(config, {**given, "level": level}, {})  # what the command line says may itself be wrong
        raise AnswerError(f"{error} The repository has another answer; replace it by -d NAME=VALUE.") from error
    if asked(config).keys() - settled.keys() and not wanted.defaults and sys.stdin.isatty() and sys.stdout.isatty():
        from mlops_scaffold.ask import ask

        answers = resolve(config, ask(config, settled, suggested), suggested)
    return answers


def _abort(path: Path, *, alone: bool) -> None:
    if not alone:
        raise UsageError("--abort goes with no other option but --no-lock. Leave the others out.")
    from mlops_scaffold.apply import abort
    from mlops_scaffold.checkout import find_repository
    from mlops_scaffold.report import upgrades

    taken_back = abort(find_repository(path))
    _say(upgrades.aborted(taken_back), done=True)
    if taken_back.kept:
        raise typer.Exit(1)
