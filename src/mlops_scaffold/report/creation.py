"""What `new` and `template` end with."""

import shlex
from pathlib import Path

from mlops_scaffold.new import Created


def created(result: Created, *, level: int, title: str) -> str:
    """The panel that `new` ends with: what was made, what was left out, and the two commands to run next."""
    lines = [
        f"{title} is ready: level {level} of MLOps maturity, {result.files} files in {result.destination}",
        "",
        *(f"Note: {note}" for note in result.notes),
        *([""] if result.notes else []),
        "Next:",
        f"  cd {_for_shell(result.destination)}" if str(result.destination) != "." else "",
        "  uv run poe check    lint, types and tests: green from the start",
        "  uv run poe start    collect data, train a model, serve it on http://127.0.0.1:8000",
    ]
    return "\n".join(line for i, line in enumerate(lines) if line or lines[i - 1])


def exported(destination: Path) -> str:
    """What `template` ends with: where the template is and how it is used."""
    return (
        f"A Copier template is in {destination}. Make a project with `copier copy {_for_shell(destination)} PROJECT`."
    )


def _for_shell(path: Path) -> str:
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)
