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
from mlops_scaffold.errors import UsageError
from mlops_scaffold.options import (
    AbortOption,
    DataOption,
    DefaultsOption,
    JsonOption,
    LockOption,
    PathArgument,
    PreviewOption,
)

if TYPE_CHECKING:
    from mlops_scaffold.project import Project
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
    with_lock: bool

    def again(self, command: str) -> str:
        """The command line that does what this one only shows."""
        words = [*self._place(), *(["--to", str(self.to)] if self.to else [])]
        words += [word for answer in self.data for word in ("-d", answer)]
        words += ["--defaults"] * self.defaults + ["--no-lock"] * (not self.with_lock)
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
    data: DataOption = None,
    defaults: DefaultsOption = False,
    with_lock: LockOption = True,
    as_json: JsonOption = False,
) -> None:
    """Move a repository up to the next level of MLOps maturity.

    Merges what the level adds into your last commit and stages the result. Nothing is committed, and no line of yours
    is lost: it is in the result or in a conflict.
    """
    if abort:
        _abort(path, alone=not (preview or to or data or defaults or as_json))
        return
    wanted = _Wanted(path=path, to=to, data=tuple(data or ()), defaults=defaults, with_lock=with_lock)
    _merge(wanted, UPGRADE, preview=preview, as_json=as_json)


def update(
    path: PathArgument = Path(),
    preview: PreviewOption = False,
    abort: AbortOption = False,
    data: DataOption = None,
    defaults: DefaultsOption = False,
    with_lock: LockOption = True,
    as_json: JsonOption = False,
) -> None:
    """Bring the templates of the installed version to a repository, at the level that it has.

    Merges like `upgrade` does.
    """
    if abort:
        _abort(path, alone=not (preview or data or defaults or as_json))
        return
    wanted = _Wanted(path=path, to=None, data=tuple(data or ()), defaults=defaults, with_lock=with_lock)
    _merge(wanted, UPDATE, preview=preview, as_json=as_json)


def status(path: PathArgument = Path(), as_json: JsonOption = False) -> None:
    """Show where a repository stands: level, edited files, waiting updates, unfinished upgrades."""
    from mlops_scaffold.report import states
    from mlops_scaffold.status import read_status
    from mlops_scaffold.templates import built_in

    found = read_status(path, built_in(), __version__)
    typer.echo(_json(states.as_data(found)) if as_json else states.status(found))


def _merge(wanted: _Wanted, command: str, *, preview: bool, as_json: bool) -> None:
    from mlops_scaffold.apply import Applied, alone, apply
    from mlops_scaffold.levels import highest, on_the_way
    from mlops_scaffold.report import upgrades
    from mlops_scaffold.source import read_source, target_level
    from mlops_scaffold.templates import built_in
    from mlops_scaffold.upgrade import nothing_to_do, prepare

    templates = built_in()
    source = read_source(wanted.path)
    level = source.project.level
    if command == UPGRADE:
        level = target_level(source.project, wanted.to, highest(templates))
    answers = _answers(wanted, source.project, level, templates)
    source = read_source(wanted.path)  # a person who is asked may take long
    with nullcontext() if preview else alone(source.checkout):
        if command == UPGRADE and level == source.project.level:
            if wanted.data:
                raise UsageError(f"It is at level {level} already. To change an answer, run `{UPDATE} -d KEY=VALUE`.")
            found = nothing_to_do(source)
        else:
            found = prepare(source, templates, answers, look_only=preview, with_lock=wanted.with_lock)
        done = Applied(upgrade=found, notes=()) if preview else apply(found)
    levels = on_the_way(templates, source.project.level, level)
    if as_json:
        text = _json(upgrades.as_data(done.upgrade, levels, is_applied=not preview, notes=done.notes))
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


def _answers(wanted: _Wanted, project: "Project", level: int, templates: "Tree") -> dict[str, Any]:
    """The answers for the next render; what is new is asked on a terminal."""
    from mlops_scaffold.answers import from_command_line
    from mlops_scaffold.errors import AnswerError
    from mlops_scaffold.questions import asked, read_questions, resolve
    from mlops_scaffold.source import settled_answers

    config = read_questions(templates)
    given = from_command_line(level=None, data=wanted.data, answers_file=None)
    settled = settled_answers(project, templates, level=level, given=given)
    try:
        answers = resolve(config, settled, {})
    except AnswerError as error:
        resolve(config, {**given, "level": level}, {})  # what the command line says may itself be wrong
        raise AnswerError(f"{error} The repository has another answer; replace it by -d NAME=VALUE.") from error
    if asked(config).keys() - settled.keys() and not wanted.defaults and sys.stdin.isatty() and sys.stdout.isatty():
        from mlops_scaffold.ask import ask

        answers = resolve(config, ask(config, settled, {}), {})
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


def _json(content: Any) -> str:
    import json

    return json.dumps(content, indent=2)
