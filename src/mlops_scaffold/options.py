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
DefaultsOption = Annotated[
    bool, typer.Option("--defaults", help="Ask nothing; take the default for a question that is new.")
]
LockOption = Annotated[bool, typer.Option("--lock/--no-lock", help="Lock the dependencies again with uv.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
