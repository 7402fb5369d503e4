"""What a move from level 1 to level 2 touches, and what the work of level 2 costs on this machine.

    uv run python benchmarks/levels.py            files and lines that differ between the levels
    uv run python benchmarks/levels.py --loop     also the loop: collect, train three times, compare, release, reproduce

The first part renders both levels and compares them; it needs nothing. The second makes a level 2 repository by `new`,
installs its locked dependencies, which needs the package index, and then runs its tasks without one. Printed are CPU
seconds (user and system, children included) and seconds of waiting; byte code is not there yet when the loop starts.
"""

import argparse
import difflib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_scaffold import __version__
from mlops_scaffold.layers import OPTIONS
from mlops_scaffold.questions import asked, choices, read_questions, resolve
from mlops_scaffold.render import render
from mlops_scaffold.templates import built_in
from mlops_scaffold.tree import Tree

LOOP = (
    "collect",
    "train",
    "train --set params.C=0.01",
    "train --set params.C=3.0",
    "compare 1 2",
    "release-model candidate",
    "reproduce 1",
)
"""The tasks of the loop, by `uv run poe`, in the classification repository."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How the files of a level differ from those of the level below.

    Attributes:
        added: Path of a new file → its lines.
        changed: Path of a file of the lower level → lines that were added to it, and removed from it.
        removed: Files of the lower level that are gone.
        same: Number of files that are equal, byte for byte.
    """

    added: Mapping[str, int]
    changed: Mapping[str, tuple[int, int]]
    removed: list[str]
    same: int


def compare(lower: Tree, higher: Tree) -> Difference:
    """Compare the rendered trees of two levels."""
    lines = {path: file.content.decode().splitlines() for path, file in {**lower, **higher}.items()}
    before = {path: file.content.decode().splitlines() for path, file in lower.items()}
    changed = {}
    for path in sorted(lower.keys() & higher.keys()):
        if lower[path] != higher[path]:
            edits = list(difflib.unified_diff(before[path], lines[path], n=0))[2:]
            changed[path] = (sum(line[0] == "+" for line in edits), sum(line[0] == "-" for line in edits))
    return Difference(
        added={path: len(lines[path]) for path in sorted(higher.keys() - lower.keys())},
        changed=changed,
        removed=sorted(lower.keys() - higher.keys()),
        same=len(lower.keys() & higher.keys()) - len(changed),
    )


def render_level(level: int, task: str) -> Tree:
    """The files of a level with the default answers. Its own number in the state file is left out."""
    templates = built_in()
    given = {"level": level, "task": task, "template_version": __version__, "project_name": "Flight delays"}
    tree = render(templates, resolve(read_questions(templates), given, {}))
    return {path: file for path, file in tree.items() if not path.startswith(".mlops-scaffold/")}


def print_difference(task: str, found: Difference) -> None:
    """Print the numbers of a task."""
    plus, minus = (sum(counts[n] for counts in found.changed.values()) for n in (0, 1))
    print(f"\n{task}: level 1 → 2")
    print(f"  files of level 1 that stay as they are   {found.same:5}")
    print(f"  files of level 1 that change             {len(found.changed):5}   +{plus} -{minus} lines")
    print(f"  files of level 1 that go                 {len(found.removed):5}")
    print(f"  files that come                          {len(found.added):5}   {sum(found.added.values())} lines")


def print_files(found: Difference) -> None:
    """Print the lines of each changed file, those with the most first."""
    print("\nlines that change in files of level 1")
    for path, (more, less) in sorted(found.changed.items(), key=lambda item: -sum(item[1])):
        print(f"  {path:42}{f'+{more}':>6}{f'-{less}':>6}")


def run_loop(folder: Path) -> None:
    """Make a level 2 repository, run the loop in it, and print what each task costs."""
    project = folder / "flight-delays"
    keep = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "MLFLOW_TRACKING_URI", "DATA_URI", "MODEL_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in keep}
    author = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com"}
    author |= {"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com"}
    new = [sys.executable, "-m", "mlops_scaffold", "new", str(project), "--defaults", "--level", "2"]
    subprocess.run(new, check=True, capture_output=True, env={**environment, **author})
    subprocess.run(["uv", "sync", "--quiet", "--locked"], check=True, cwd=project, env=environment)
    offline = {**environment, "UV_OFFLINE": "1", "UV_NO_SYNC": "1"}
    print(f"\n{'the loop of level 2, after uv sync':36}{'CPU s':>8}{'waiting s':>11}")
    total = (0.0, 0.0)
    for task in LOOP:
        words = ["uv", "run", "poe", *task.split()]
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(words, cwd=project, env=offline, capture_output=True, text=True, check=False)
        after, waited = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - started
        if done.returncode:
            sys.exit(f"`{' '.join(words)}` failed:\n{done.stdout}{done.stderr}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        total = (total[0] + cpu, total[1] + waited)
        print(f"{task:36}{cpu:8.1f}{waited:11.1f}")
    print(f"{'together':36}{total[0]:8.1f}{total[1]:11.1f}")


def main() -> None:
    """Compare, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loop", action="store_true", help="also run the loop of level 2")
    options = parser.parse_args()
    for task in map(str, choices(asked(read_questions(built_in()))[OPTIONS[0]])):
        found = compare(render_level(1, task), render_level(2, task))
        print_difference(task, found)
    print_files(found)
    if options.loop:
        with tempfile.TemporaryDirectory() as name:
            run_loop(Path(name))


if __name__ == "__main__":
    main()
