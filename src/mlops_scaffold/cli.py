"""The command line: parse, call, print. What a command needs is imported when it runs, so that `--help` stays quick."""

import io
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from mlops_scaffold import __version__
from mlops_scaffold.errors import ScaffoldError
from mlops_scaffold.kitting import kits
from mlops_scaffold.moving import status, update, upgrade
from mlops_scaffold.options import AnswersFileOption, DataOption, LevelOption, LockOption, NewKitOption

INTERRUPTED = 130

EPILOG = "Exit codes: 0 done · 1 done, but something needs you · 2 wrong usage · 3 refused · 70 our bug · 130 Ctrl-C"

app = typer.Typer(
    name="mlops-scaffold",
    help="Start an ML repository at its level of MLOps maturity, and move it up without losing a line.",
    epilog=EPILOG,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def print_version(wanted: bool) -> None:
    """Print the version and stop, before typer loads what it converts values with."""
    if wanted:
        typer.echo(f"mlops-scaffold {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Start an ML repository at its level of MLOps maturity, and move it up without losing a line."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def new(
    dest: Annotated[str, typer.Argument(metavar="DEST", help="A new or empty directory, or `.`.")],
    level: LevelOption = None,
    kit: NewKitOption = None,
    data: DataOption = None,
    answers_file: AnswersFileOption = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Ask nothing; take the default for what is open.")
    ] = False,
    with_git: Annotated[bool, typer.Option("--git/--no-git", help="Make a git repository and a first commit.")] = True,
    with_lock: LockOption = None,
) -> None:
    """Make a new ML repository at a level of MLOps maturity.

    Asks on the terminal what no option or file answers. Without a terminal it takes the defaults.
    """
    from mlops_scaffold.answers import from_command_line, suggestions
    from mlops_scaffold.kits.installs import unseen
    from mlops_scaffold.kits.kit import overlay
    from mlops_scaffold.kits.rendering import give
    from mlops_scaffold.new import check_destination, create, parse_destination
    from mlops_scaffold.questions import read_questions, resolve
    from mlops_scaffold.report import creation
    from mlops_scaffold.templates import built_in

    destination = parse_destination(dest)
    check_destination(destination)
    templates = built_in()
    given = from_command_line(level=level, data=data or [], answers_file=answers_file)
    suggested = suggestions(destination)
    chosen = None
    if kit is not None:
        from mlops_scaffold.kits.choice import kit_for_new

        chosen = kit_for_new(kit, destination, templates)
        given = chosen.with_locked(given)
        suggested |= chosen.defaults
    config = read_questions(overlay(templates, chosen))
    answers = resolve(config, given, suggested)
    if chosen is not None:
        chosen.refuse_early(given, answers["level"])
    if not defaults and sys.stdin.isatty() and sys.stdout.isatty():
        from mlops_scaffold.ask import ask

        accepted = {name: value for name, value in suggested.items() if answers[name] == value}
        answers = resolve(config, ask(config, given, accepted), accepted)
    tree = give(templates, chosen, answers)
    message = f"Start the project at level {answers['level']} of MLOps maturity"
    not_read = unseen(chosen, tree, {}, templates, answers) if with_lock is None else None
    locks = with_lock is not False and not_read is None
    made = create(
        destination,
        tree,
        message=message,
        with_git=with_git,
        with_lock=locks,
        with_hooks=chosen is None,
        note=not_read,
    )
    typer.echo(creation.created(made, level=answers["level"], title=answers["project_name"], kit=chosen))


@app.command()
def template(
    dest: Annotated[str, typer.Argument(metavar="DIR", help="A new or empty directory.")],
    level: LevelOption = None,
    data: DataOption = None,
) -> None:
    """Write a level as an ordinary Copier template, for `copier copy`.

    The level, the CI provider, the platform and every answer given with -d are constants of the template.
    """
    from mlops_scaffold.answers import from_command_line
    from mlops_scaffold.new import check_destination, create, parse_destination
    from mlops_scaffold.report import creation
    from mlops_scaffold.template import export
    from mlops_scaffold.templates import built_in

    destination = parse_destination(dest)
    check_destination(destination)
    given = from_command_line(level=level, data=data or [], answers_file=None)
    tree = export(built_in(), given)
    create(destination, tree, message="", with_git=False, with_lock=False)
    typer.echo(creation.exported(destination))


for command in (upgrade, update, status):
    app.command()(command)
app.add_typer(kits, name="kit")


def main() -> NoReturn:
    """Run the command line and exit with its code. The only place that turns an error into text."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _terminate)
    _make_streams_bear_all()
    # On Windows git and uv would else be looked for in the current folder first, which may be a stranger's kit.
    os.environ.setdefault("NoDefaultCurrentDirectoryInExePath", "1")
    try:
        code = app(standalone_mode=False) or 0
        if code == INTERRUPTED:
            _stop("Stopped. Nothing half-made was left behind.", code)
        sys.stdout.flush()
        sys.exit(code)
    except ScaffoldError as error:
        _stop(str(error), error.exit_code)
    except typer.exceptions.TyperException as error:
        command = getattr(getattr(error, "ctx", None), "command_path", app.info.name)
        _stop(f"{error.format_message().rstrip('.')}. `{command} --help` shows what is possible.", 2)
    except OSError as error:
        # Whatever is left in the buffer can't be written either when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _stop(f"The machine refused: {error}. Mend that, then run this again.", 3)
    except Exception as error:  # noqa: BLE001 - the last place that can say how to report a bug
        import traceback

        traceback.print_exc()
        _stop(f"{error!r}: a bug of mlops-scaffold {__version__}. Please report it with the lines above.", 70)


def _make_streams_bear_all() -> None:
    """What can't be shown must not end a command that has work to do."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for as long as we live
        if isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows another one


def _terminate(number: int, _: Any) -> NoReturn:
    # As an exception, so that what was half-made is taken back.
    sys.exit(128 + number)


def _stop(message: str, code: int) -> NoReturn:
    typer.echo(f"mlops-scaffold: {message}", err=True)
    sys.exit(code)
