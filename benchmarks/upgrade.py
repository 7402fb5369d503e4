"""What an upgrade from level 1 to level 2 costs beside `copier update` and `cruft update`, in one run.

    uv run --group benchmarks python benchmarks/upgrade.py [--rounds N] [--sizes 0,10000,50000] [--ignored 60000]

All three render the real templates of both levels into the same repository, and their results are compared byte for
byte. Copier gets the exported templates as two tags of one repository, cruft the same for cookiecutter.
Ours runs with `--no-lock`, as the peers lock nothing. Measured are whole commands: CPU seconds (user and system,
children included) and seconds of waiting. The tools take turns; the best of the rounds counts, after one that warms
the caches.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from peers import BIN, PROJECT, Tool, commit_all, cookiecutter_form, copier_tool, cruft_tool, git, isolate, texts

from mlops_scaffold import __version__
from mlops_scaffold.questions import read_questions, resolve
from mlops_scaffold.template import export
from mlops_scaffold.templates import built_in
from mlops_scaffold.tree import Tree, read_tree

STATES = (".mlops-scaffold/", ".copier-answers.yml", ".cruft.json", ".git/", "own/", "cache/")
"""What is not of the template, or differs between tools by nature."""

MISSING = ("docs/handover.md", "docs/maturity.md", "docs/roles.md", "Dockerfile", ".github/workflows/data.yml")
"""Files that level 2 changes and that the user deleted: git looks for each of them under a new name."""

ANSWERS = {"project_name": "Churn", "author_name": "Ada", "author_email": "ada@example.com"}
"""Given to all, since ours would take them from the directory and from git."""

SUFFIXES = ("py", "md", "yml", "csv")


@dataclass(frozen=True, kw_only=True)
class Repository:
    """What the tools work on.

    Attributes:
        label: What it is called in the table.
        tracked: The user's own files in it, committed.
        ignored: Ignored files in a directory of their own.
        missing: Files of the template that the user deleted.
    """

    label: str
    tracked: int = 0
    ignored: int = 0
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a command costs: CPU seconds, and seconds until it ends."""

    cpu: float
    wall: float


def exports() -> dict[str, Tree]:
    """Both levels as templates in which everything is answered."""
    return {f"v{level}": export(built_in(), {**given(level), "task": "classification"}) for level in (1, 2)}


def given(level: int) -> dict[str, object]:
    """What is answered before anybody is asked."""
    return {**ANSWERS, "level": level, "template_version": __version__}


def for_copier() -> dict[str, Tree]:
    """Both levels as Copier templates that keep their answers."""
    own = texts(**{"template/{= _copier_conf.answers_file =}.jinja": "{= _copier_answers|to_nice_yaml =}"})
    return {name: {**files, **own} for name, files in exports().items()}


def for_cruft() -> dict[str, Tree]:
    """Both levels as cookiecutter templates."""
    config = read_questions(built_in())
    answers = {f"v{level}": resolve(config, given(level), {}) for level in (1, 2)}
    return {name: cookiecutter_form(files, answers[name]) for name, files in exports().items()}


def tools(folder: Path) -> list[Tool]:
    """Ours and its peers, over the real templates."""
    ours = str(BIN / "mlops-scaffold")
    answers = [word for name, value in ANSWERS.items() for word in ("-d", f"{name}={value}")]
    cruft = cruft_tool(folder / "cruft", for_cruft())
    # Otherwise it takes from level 1 which files are not rendered.
    refreshed = {name: [*words, "--refresh-private-variables"] for name, words in cruft.bring.items()}
    return [
        Tool(
            label="ours",
            templates=folder,
            make=[ours, "new", PROJECT, "--defaults", "--no-lock", "--no-git", "--level", "1", *answers],
            bring={"v2": [ours, "upgrade", "--defaults", "--no-lock"]},
        ),
        copier_tool(folder / "copier", for_copier()),
        replace(cruft, bring=refreshed),
    ]


def fill(project: Path, wanted: Repository) -> None:
    """Make a committed project what is wanted: files of many kinds and sizes, a hundred to a directory."""
    for n in range(wanted.tracked):
        place = project / f"own/part_{n // 100:03}/file_{n:05}.{SUFFIXES[n % len(SUFFIXES)]}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("".join(f"line {line} of our own file {n * line}\n" for line in range(10 + n % 120)))
    if wanted.ignored:
        (project / ".gitignore").write_text((project / ".gitignore").read_text() + "/cache/\n")
    for n in range(wanted.ignored):
        place = project / f"cache/part_{n // 1000:03}/file_{n:05}.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    for path in wanted.missing:
        (project / path).unlink()
    commit_all(project, "feat: our own work")
    git(project, "repack", "-a", "-d", "--quiet")


def measure(command: list[str], project: Path) -> Cost:
    """Put a project back to its last commit, run a command in it, and say what that cost."""
    git(project, "reset", "--quiet", "--hard")
    git(project, "clean", "--quiet", "-d", "--force")
    # A tool must write its objects anew.
    git(project, "prune", "--expire=now")
    git(project, "status")
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, cwd=project, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    after, waited = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - started
    if done.returncode:
        sys.exit(f"`{' '.join(command)}` ended with {done.returncode}:\n{(done.stdout + done.stderr).decode()}")
    return Cost(cpu=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall=waited)


def template_files(project: Path) -> dict[str, bytes]:
    """What all tools must agree on."""
    return {path: file.content for path, file in read_tree(project).items() if not path.startswith(STATES)}


def compare(wanted: Repository, tools: list[Tool], folder: Path, rounds: int) -> dict[str, Cost]:
    """Measure all tools in turn on one kind of repository, and make sure that they do the same."""
    projects = {tool.label: tool.make_repository(folder / str(n)) for n, tool in enumerate(tools)}
    costs: dict[str, list[Cost]] = {tool.label: [] for tool in tools}
    for project in projects.values():
        fill(project, wanted)
    for turn in range(rounds + 1):
        for tool in tools:
            cost = measure(tool.bring["v2"], projects[tool.label])
            if turn:
                costs[tool.label].append(cost)
    results = {label: template_files(project) for label, project in projects.items()}
    first, *others = results
    for other in others:
        paths = results[first].keys() | results[other].keys()
        if different := sorted(path for path in paths if results[first].get(path) != results[other].get(path)):
            sys.exit(f"{wanted.label}: {first} and {other} disagree about {', '.join(different)}")
    shutil.rmtree(folder)
    return {
        label: Cost(cpu=min(cost.cpu for cost in found), wall=min(cost.wall for cost in found))
        for label, found in costs.items()
    }


def row(label: str, costs: dict[str, Cost]) -> str:
    """A row of the table: seconds, then ours as a part of the others."""
    ours, *others = costs.values()
    seconds = [f"{cost.cpu:.2f} / {cost.wall:.2f}" for cost in costs.values()]
    ratios = [f"{ours.cpu / other.cpu:.2f}x / {ours.wall / other.wall:.2f}x" for other in others]
    return f"| {' | '.join([label, *seconds, *ratios])} |"


def repositories(sizes: list[int], ignored: int) -> list[Repository]:
    """What is measured, those with missing files last."""
    whole = [Repository(label=f"{size:,} files beside it", tracked=size) for size in sizes]
    lacking = [
        Repository(label=f"{len(MISSING)} files deleted, {size:,} beside it", tracked=size, missing=MISSING)
        for size in sizes
    ]
    return [*whole, Repository(label=f"{ignored:,} ignored files", ignored=ignored), *lacking]


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", default="0,10000,50000", help="own files that are committed")
    parser.add_argument("--ignored", type=int, default=60_000, help="ignored files in that repository")
    parser.add_argument("-k", dest="words", default="", help="only repositories whose label contains this")
    parser.add_argument("-t", dest="only", default="", help="only tools whose name contains this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        isolate(folder)
        chosen = [tool for tool in tools(folder) if options.only in tool.label]
        labels = [tool.label for tool in chosen]
        ratios = [f"ours is, of {label}" for label in labels[1:]]
        print(f"| {' | '.join(['CPU / waiting, s', *labels, *ratios])} |")
        print("|---" * (len(labels) + len(ratios) + 1) + "|")
        for wanted in repositories([int(size) for size in options.sizes.split(",")], options.ignored):
            if options.words not in wanted.label:
                continue
            costs = compare(wanted, chosen, folder / "try", options.rounds)
            print(row(wanted.label, costs), flush=True)


if __name__ == "__main__":
    main()
