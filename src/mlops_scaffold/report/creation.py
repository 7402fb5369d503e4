"""What `new` and `template` end with."""

import shlex
from pathlib import Path

from mlops_scaffold.kits.kit import Kit
from mlops_scaffold.new import Created


def created(result: Created, *, level: int, title: str, kit: Kit | None = None) -> str:
    """The panel that `new` ends with: what was made, what was left out, and the two commands to run next."""
    lines = [
        f"{title} is ready: level {level} of MLOps maturity, {result.files} files in {result.destination}",
        *([_of_the_kit(kit)] if kit else []),
        "",
        *(f"Note: {note}" for note in result.notes),
        *([""] if result.notes else []),
        "Next:",
        f"  cd {for_shell(result.destination)}" if str(result.destination) != "." else "",
        "  uv run poe check    lint, types and tests: green from the start",
        "  uv run poe start    collect data, train a model, serve it on http://127.0.0.1:8000",
    ]
    return "\n".join(line for i, line in enumerate(lines) if line or lines[i - 1])


def _of_the_kit(kit: Kit) -> str:
    locked = f", which locks {', '.join(kit.locked)}" if kit.locked else ""
    if kit.commit is None:
        return (
            f"With the kit {kit.title}{locked}. Its files are of no commit, so nobody can be sure to get the same "
            "again: commit them, and give its repository."
        )
    return f"With the kit {kit.title}{locked}."


def exported(destination: Path) -> str:
    """What `template` ends with: where the template is and how it is used."""
    return f"A Copier template is in {destination}. Make a project with `copier copy {for_shell(destination)} PROJECT`."


def for_shell(path: Path) -> str:
    """A path as a shell takes it."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)
