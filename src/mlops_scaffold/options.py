"""The options that commands share, with their help."""

from pathlib import Path
from typing import Annotated

import typer

LevelOption = Annotated[int | None, typer.Option("--level", metavar="N", help="Level of MLOps maturity: 1, 2, 3 or 4.")]
DataOption = Annotated[
    list[str] | None, typer.Option("--data", "-d", metavar="KEY=VALUE", help="Answer a question. Repeatable.")
]
AnswersFileOption = Annotated[
    Path | None,
    typer.Option(
        "--answers-file",
        metavar="FILE",
        help="A YAML file of answers, or the .mlops-scaffold/project.yml of another repository.",
    ),
]

PathArgument = Annotated[Path, typer.Argument(metavar="[PATH]", help="The repository, or a directory in it.")]
PreviewOption = Annotated[bool, typer.Option("--preview", help="Show what would happen, and change nothing.")]
AbortOption = Annotated[
    bool, typer.Option("--abort", help="Put everything back: after a conflict, a kill, or a second thought.")
]
NewKitOption = Annotated[
    str | None,
    typer.Option("--kit", metavar="KIT", help="A team's kit: a folder or a git URL, and @ with a tag or branch."),
]
KitOption = Annotated[
    str | None,
    typer.Option(
        "--kit", metavar="KIT", help="Take another kit: a folder, a git URL, or @TAG for a version of the present one."
    ),
]
NoKitOption = Annotated[bool, typer.Option("--no-kit", help="Go on without the kit.")]

DefaultsOption = Annotated[
    bool, typer.Option("--defaults", help="Ask nothing; take the default for a question that is new.")
]
LockOption = Annotated[
    bool | None,
    typer.Option(
        "--lock/--no-lock",
        help="Lock the dependencies with uv. Without it: unless a kit tells uv what nobody here has read.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
