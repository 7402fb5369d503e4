"""The commands about kits: `kit init`, `kit check` and `kit show`.

What a command needs is imported when it runs, so that `--help` stays quick.
"""

from typing import Annotated

import typer

from mlops_scaffold.options import JsonOption

kits = typer.Typer()

KitArgument = Annotated[
    str,
    typer.Argument(
        metavar="[KIT]",
        help="A folder or a git URL, and @ with a tag or branch. Without it: this folder.",
        show_default=False,
    ),
]


@kits.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """A team's kit: conventions that new repositories start with and keep."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@kits.command("init")
def init(
    dest: Annotated[str, typer.Argument(metavar="DIR", help="A new or empty directory.")],
    with_git: Annotated[bool, typer.Option("--git/--no-git", help="Make a git repository and a first commit.")] = True,
) -> None:
    """Write a kit to start from, with a test of its own and a workflow that checks it."""
    from mlops_scaffold.kits.starter import starter
    from mlops_scaffold.new import check_destination, create, parse_destination
    from mlops_scaffold.report import kits as report
    from mlops_scaffold.templates import built_in

    place = parse_destination(dest)
    check_destination(place)
    files = starter(place.absolute().name, built_in())
    made = create(place, files, message="Start the kit", with_git=with_git, with_lock=False)
    typer.echo(report.started(made))


@kits.command("check")
def check(kit: KitArgument = ".", as_json: JsonOption = False) -> None:
    """Render every level and option with a kit, and say what is wrong, by file and line."""
    from mlops_scaffold.kits.checking import check_kit
    from mlops_scaffold.kits.origin import parse
    from mlops_scaffold.kits.source import load
    from mlops_scaffold.report import kits as report
    from mlops_scaffold.report.data import as_text
    from mlops_scaffold.templates import built_in

    templates = built_in()
    found = check_kit(load(parse(kit), templates), templates)
    typer.echo(as_text(report.checked_data(found)) if as_json else report.checked(found))
    if found.errors:
        raise typer.Exit(1)


@kits.command("show")
def show(kit: KitArgument = ".", as_json: JsonOption = False) -> None:
    """Show what a kit suggests, locks, asks and adds."""
    from mlops_scaffold.kits.content import content_of
    from mlops_scaffold.kits.origin import parse
    from mlops_scaffold.kits.source import load
    from mlops_scaffold.report import kits as report
    from mlops_scaffold.report.data import as_text
    from mlops_scaffold.templates import built_in

    templates = built_in()
    found = load(parse(kit), templates)
    content = content_of(found, templates)
    typer.echo(as_text(report.shown_data(found, content)) if as_json else report.shown(found, content))
