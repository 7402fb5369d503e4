"""Work on what strangers wrote, in a process of its own: with bounds on time and memory, and able to crash alone.

The other end is `worker.py`. What goes between the two is JSON, so that nothing in an answer is executed.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from mlops_scaffold import processes
from mlops_scaffold.errors import AnswerError, KitError, TemplateError
from mlops_scaffold.processes import Bounds
from mlops_scaffold.tree import File, Tree

BYTES = 20_000_000
"""Of all files of a rendered project together; a level 4 repository has 1.3 MB."""

BOUNDS = Bounds(seconds=30, memory=2_000_000_000, file=0)
"""Ample for all levels and options; a worker answers through a pipe and writes no file at all."""

LINE_CHARACTERS = 1000
"""Of a message that strangers have a part in."""

ERRORS = {kind.__name__: kind for kind in (AnswerError, KitError, TemplateError)}


def call(task: str, request: Mapping[str, Any]) -> Any:
    """Have a task done by a worker.

    Args:
        task: Its name in `worker.TASKS`.
        request: What it is given, as JSON can say it.

    Returns:
        What it answers.

    Raises:
        KitError: It took too long or too much memory, or crashed.
        AnswerError: As the task says.
        TemplateError: As the task says.
    """
    asked = json.dumps({"task": task, **request}).encode()
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONSTARTUP")}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    try:
        done = processes.start(
            [sys.executable, "-P", "-m", "mlops_scaffold.worker"],
            cwd=None,
            env={**environment, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"},
            stdin=asked,
            bounds=BOUNDS,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise _stopped(f"took more than {BOUNDS.seconds} s") from error
    except ValueError as error:
        raise _stopped(f"took more than {BOUNDS.seconds} s or {(BOUNDS.memory or 0) >> 20} MB, or crashed") from error
    if "error" in answer:
        kind = ERRORS[answer["error"]]
        if kind is TemplateError:
            raise TemplateError(answer["message"], template=answer["template"], line=answer["line"])
        raise kind(answer["message"])
    return answer["result"]


def _stopped(what: str) -> KitError:
    return KitError(
        f"Rendering the kit {what}, so it was stopped. Nothing was written. Look for a loop that does not end, or ask "
        "those who keep the kit."
    )


def as_json(tree: Tree) -> dict[str, list[str]]:
    """A tree as JSON can say it: each byte is a character."""
    return {path: [file.mode, file.content.decode("latin-1")] for path, file in tree.items()}


def from_json(tree: Mapping[str, Any]) -> dict[str, File]:
    """The tree that `as_json` has turned into JSON."""
    return {path: File(mode=mode, content=content.encode("latin-1")) for path, (mode, content) in tree.items()}


def printable(text: str) -> str:
    """A message that strangers have a part in, so that a terminal shows it and does not obey it."""
    return "\n".join(map(one_line, text.split("\n")))


def one_line(text: str) -> str:
    """The same in one line, which can't look like two messages."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))
    return shown if len(shown) <= LINE_CHARACTERS else f"{shown[:LINE_CHARACTERS]}…"
