"""What a team does to its repository before it moves up: renames, edits, own files and deletions, in several commits.

The edits hold at every level, so that each level's upgrade can be tried on a repository that somebody has worked in.
"""

import re
import subprocess
from pathlib import Path

from support import run_in, try_in
from team_files import (
    BUSIEST_DAYS,
    CREDENTIAL,
    DAYS,
    LAST_STEP,
    NOTEBOOK,
    NOTES,
    SCRIPT,
    SECTION,
    STEP,
    TASK,
    TEST_DAYS,
    TEST_HOLIDAY,
    WORKFLOW,
)

RENAMED = {
    "docs/runbooks/release.md": "docs/runbooks/releasing.md",
    "tests/unit/test_features.py": "tests/unit/test_inputs.py",
}
"""Files of the templates that lie somewhere else afterwards."""

DELETED = ("SECURITY.md",)
"""Files of the templates that the team does not want."""

GOLDEN = "tests/model/golden/answers.json"
"""What the model answers to known requests. Another model needs other answers."""

EDITED = (
    ".github/CODEOWNERS",
    ".github/workflows/ci.yml",
    ".github/workflows/data.yml",
    ".github/workflows/security.yml",
    "CHANGELOG.md",
    "Dockerfile",
    "README.md",
    "config/data.toml",
    "config/training.toml",
    "docs/roles.md",
    "ops/pyproject.toml",
    "pyproject.toml",
    GOLDEN,
    "tests/model/test_behaviour.py",
    "tests/unit/test_cli.py",
)
"""Files of the templates that the team edits where they are."""

OWN = (
    ".github/workflows/spelling.yml",
    "docs/data-notes.md",
    "notebooks/days.ipynb",
    "scripts/busiest_days.py",
    "scripts/refresh.sh",
    "tests/unit/test_days.py",
)
"""Files that no template knows, outside the team's package."""


def work(project: Path) -> None:
    """Do a team's work in a fresh repository and commit it in several steps.

    Args:
        project: A repository as `new` makes it, its environment included.
    """
    for step, title in (
        (_rename_the_features, "Name the module by what it holds"),
        (_add_a_feature, "Tell holidays and weekends from working days"),
        (_add_a_tool, "Check the spelling"),
        (_tune, "Wait three days for the data, and regularise more"),
        (_operate, "Run it our way"),
        (_document, "Say who we are and what we know"),
        (_release, "Release 0.2.0"),
    ):
        step(project)
        if step is _add_a_feature:
            renew_golden_answers(project)
        commit(project, title)


def renew_golden_answers(project: Path) -> None:
    """Do what the test of the golden answers says: delete them and run it, which writes them and fails."""
    (project / GOLDEN).unlink()
    first = try_in(project, "run", "pytest", "-q", "tests/model/test_golden.py")
    assert first.returncode == 1, first.stdout
    assert (project / GOLDEN).exists(), first.stdout


def commit(project: Path, title: str) -> None:
    """Commit everything that git does not ignore."""
    for words in (["add", "--all"], ["commit", "--quiet", "--message", title]):
        subprocess.run(["git", *words], cwd=project, check=True)


def edit(project: Path, path: str, *replacements: tuple[str, str]) -> None:
    """Replace texts that the file holds; a text that it lacks is an error, so that no edit gets lost."""
    file = project / path
    text = file.read_text(encoding="utf-8")
    for old, new in replacements:
        assert old in text, f"{path} holds no {old!r}"
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def be_quick(project: Path, kept: tuple[str, ...], *settings: tuple[str, str]) -> None:
    """Let a release take seconds: all tests are run for each version, and take minutes.

    Args:
        project: The repository.
        kept: How the paths of the tests begin that stay.
        settings: What to replace in the limits of the environments.
    """
    limits = "config/environments.toml"
    for old, _ in settings:
        assert (project / limits).read_text(encoding="utf-8").count(old) == 1, f"{limits} does not hold {old!r} once"
    edit(project, limits, *settings)
    for path in (project / "tests").rglob("test_*.py"):
        if not path.relative_to(project).as_posix().startswith(kept):
            path.unlink()
    commit(project, "Be quick")


def watch_whole_weeks(project: Path) -> None:
    """At level 4: other windows and limits, and a log that hashes one column and leaves out another."""
    edit(
        project,
        "config/monitoring.toml",
        ("hash = []", 'hash = ["flight_id"]'),
        ("drop = []", 'drop = ["carrier"]'),
        ("hours = 24.0\nmin_rows = 500", "hours = 168.0\nmin_rows = 2000"),
        ("min_labels = 300", "min_labels = 500"),
        ("effect = 0.1", "effect = 0.2"),
        ("per_week = 2", "per_week = 1"),
    )
    commit(project, "Watch whole weeks")


def append(project: Path, path: str, text: str) -> None:
    """Add lines at the end of a file."""
    edited = (project / path).read_text(encoding="utf-8")
    (project / path).write_text(edited + text, encoding="utf-8")


def write(project: Path, path: str, text: str, *, executable: bool = False) -> None:
    """Write a file of the team's own."""
    file = project / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(0o755 if executable else 0o644)


def _move(project: Path, old: str, new: str) -> None:
    subprocess.run(["git", "mv", old, new], cwd=project, check=True)


def _rename_the_features(project: Path) -> None:
    """`features.py` becomes `inputs.py`, everywhere that it is spoken of."""
    _move(project, "src/flight_delays/features.py", "src/flight_delays/inputs.py")
    _move(project, "tests/unit/test_features.py", "tests/unit/test_inputs.py")
    edit(project, "src/flight_delays/model.py", ("flight_delays.features", "flight_delays.inputs"))
    edit(project, "tests/unit/test_inputs.py", ("flight_delays.features", "flight_delays.inputs"))
    edit(project, "README.md", ("`features.py`", "`inputs.py`"), ("test_features.py", "test_inputs.py"))
    edit(project, "docs/roles.md", ("`features.py`", "`inputs.py`"))


def _add_a_feature(project: Path) -> None:
    """A category from a module and a dependency of the team's own, with a test of the module and one of the model."""
    run_in(project, "add", "--quiet", "holidays>=0.50,<1")
    write(project, "src/flight_delays/days.py", DAYS)
    write(project, "tests/unit/test_days.py", TEST_DAYS)
    edit(
        project,
        "src/flight_delays/inputs.py",
        (
            "import OneHotEncoder, StandardScaler\n",
            "import OneHotEncoder, StandardScaler\n\nfrom flight_delays.days import kind_of_day\n",
        ),
        ('"month", "hour"]', '"month", "hour", "day"]'),
        ("departure = rows[", "day = kind_of_day(rows["),
        ('"].dt\n', '"])\n    departure = rows["scheduled_departure"].dt\n'),
        ("hour=departure.hour)", "hour=departure.hour, day=day)"),
    )
    edit(
        project,
        "tests/model/test_behaviour.py",
        ("\n\ndef test_the_same_seed", f"\n\n{TEST_HOLIDAY}\n\ndef test_the_same_seed"),
    )


def _add_a_tool(project: Path) -> None:
    """A development tool with a task, a step in CI and a workflow of its own; ruff rules of the team's own."""
    run_in(project, "add", "--quiet", "--dev", "codespell>=2,<3")
    edit(
        project,
        "pyproject.toml",
        ('"N", "PT"', '"N", "PIE", "PT"'),
        ('"tests/**" = ["D", "S"]\n', '"tests/**" = ["D", "S"]\n"scripts/**" = ["D103"]\n'),
        ('include = "ops/tasks.toml"\n', f'include = "ops/tasks.toml"\n\n{TASK}'),
    )
    lint = "        run: uv run poe lint\n"
    edit(project, ".github/workflows/ci.yml", (lint, f"{lint}      - name: Spelling\n        run: uv run poe spell\n"))
    last = "what CI runs |\n"
    edit(project, "README.md", (last, f"{last}| `spell` | check the spelling of our own texts |\n"))
    ci = (project / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    checkout = re.search(r"actions/checkout@.*", ci)
    assert checkout is not None
    write(project, ".github/workflows/spelling.yml", WORKFLOW.replace("CHECKOUT", checkout[0]))


def _tune(project: Path) -> None:
    """Settings of the data and of the training, and who owns the model."""
    settings = (project / "config/training.toml").read_text(encoding="utf-8")
    strength = ("C = 0.3", "C = 0.5") if "C = 0.3" in settings else ("alpha = 1.0", "alpha = 20.0")
    edit(
        project,
        "config/training.toml",
        strength,
        ('data_scientist = "Ada Lovelace <ada@example.com>"', 'data_scientist = "Dana Scott <dana@example.com>"'),
    )
    edit(
        project,
        "config/data.toml",
        ("delay_days = 1", "delay_days = 3"),
        (
            "\n# The first day to collect",
            "\n# Agreed with the airports in spring: nothing before that year.\n# The first day to collect",
        ),
    )


def _operate(project: Path) -> None:
    """Reviewers, the image, the hours of the workflow and what it needs, a script, and a case more for a given test."""
    edit(
        project,
        ".github/CODEOWNERS",
        ("/ops/ ada@example.com", "/ops/ @acme/platform"),
        ("/docs/runbooks/ ada@example.com", "/docs/runbooks/ @acme/platform"),
    )
    append(project, ".github/CODEOWNERS", "/scripts/ @acme/platform\n")
    edit(
        project,
        "Dockerfile",
        ("OMP_NUM_THREADS=1 \\\n", "OMP_NUM_THREADS=2 \\\n    TZ=America/New_York \\\n"),
        ("-slim-trixie@sha256:4", "-slim-trixie@sha256:5"),
    )
    edit(
        project,
        ".github/workflows/data.yml",
        ('cron: "17 4 * * *"', 'cron: "47 */6 * * *"'),
        ("timeout-minutes: 60", "timeout-minutes: 90"),
        ("          # Credentials of an object store", f"{CREDENTIAL}          # Credentials of an object store"),
        ("      - name: Keep the data of this run\n", f"{STEP}      - name: Keep the data of this run\n"),
    )
    append(project, ".github/workflows/data.yml", LAST_STEP)
    append(project, ".github/workflows/security.yml", LAST_STEP)
    write(project, "scripts/refresh.sh", SCRIPT, executable=True)
    edit(project, "tests/unit/test_cli.py", ('["fly"]', '["fly"], ["-x"]'))


def _document(project: Path) -> None:
    """A page, a notebook and a script of the team's own; README sections; a renamed runbook; a page that goes."""
    write(project, "docs/data-notes.md", NOTES)
    write(project, "notebooks/days.ipynb", NOTEBOOK)
    write(project, "scripts/busiest_days.py", BUSIEST_DAYS)
    _move(project, "docs/runbooks/release.md", "docs/runbooks/releasing.md")
    edit(project, "docs/runbooks/releasing.md", ("a quarter of an hour", "half an hour"))
    edit(project, "docs/roles.md", ("runbooks/release.md", "runbooks/releasing.md"))
    for path in DELETED:
        (project / path).unlink()
    edit(
        project,
        "README.md",
        ("\n## Quick start", f"\n{SECTION}\n## Quick start"),
        ("docs/runbooks/release.md", "docs/runbooks/releasing.md"),
        (" · [Security](SECURITY.md)", " · [What we know of the data](docs/data-notes.md)"),
    )


def _release(project: Path) -> None:
    """The first steps of the runbook."""
    run_in(project, "version", "--quiet", "0.2.0")
    run_in(project, "version", "--quiet", "0.2.0", "--package", "flight-delays-ops")
    edit(project, "CHANGELOG.md", ("## [Unreleased]\n", "## [Unreleased]\n\n## [0.2.0] - 2026-11-20\n"))
