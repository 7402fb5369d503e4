"""The files of a generated repository, at every level: what they promise is there, and they read well."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support import LEVELS, TASKS, files_in, generate

# The requirements of the maturity model, by the level from which they hold.
REQUIREMENTS = {
    1: (
        "L1.tech.1", "L1.tech.2", "L1.highlights.1", "L1.creation.1", "L1.release.2", "L1.release.3", "L1.app.1",
        "L1.app.3", "L1.app.4",
    ),
    2: (
        "L2.people.1", "L2.people.2", "L2.highlights.1", "L2.highlights.2", "L2.highlights.3", "L2.tech.1", "L2.tech.2",
        "L2.tech.3", "L2.creation.2", "L2.creation.3", "L2.creation.4", "L2.release.2", "L2.release.3",
    ),
    3: (
        "L3.people.2", "L3.people.3", "L3.highlights.2", "L3.highlights.3", "L3.tech.1", "L3.tech.2", "L3.release.1",
        "L3.release.3", "L3.app.1", "L3.app.2", "L3.app.3",
    ),
    4: (
        "L4.people.1", "L4.people.3", "L4.highlights.1", "L4.highlights.2", "L4.highlights.3", "L4.tech.1", "L4.tech.2",
        "L4.creation.2",
    ),
}  # fmt: skip

# What the level below suffers from and this one ends.
SYMPTOMS = {
    1: (
        "L0.highlights.1", "L0.highlights.2", "L0.highlights.3", "L0.tech.1", "L0.tech.2", "L0.creation.1",
        "L0.release.2", "L0.release.3", "L0.app.2",
    ),
    2: (
        "L0.tech.3", "L0.tech.4", "L0.people.1", "L0.people.2", "L0.creation.2", "L0.creation.3", "L0.creation.4",
        "L1.highlights.3",
    ),
    3: ("L0.people.3", "L0.release.1", "L0.app.1"),
    4: ("L1.highlights.2",),
}  # fmt: skip

OWNERS = {"data scientist", "data engineer", "software engineer"}


@pytest.fixture(params=LEVELS, ids=lambda level: f"level {level}")
def level(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(params=TASKS)
def rendered(request: pytest.FixtureRequest, level: int, tmp_path: Path) -> Path:
    return generate(tmp_path / "project", project_name="Churn model", task=request.param, level=level)


def rows(page: str) -> dict[str, list[str]]:
    """The rows of a page's tables, by their first cell."""
    cells = [[cell.strip() for cell in line.split("|")][1:-1] for line in page.splitlines() if line.startswith("|")]
    return {row[0]: row[1:] for row in cells}


def test_what_a_data_scientist_edits_is_four_short_files(rendered: Path) -> None:
    package = rendered / "src/churn_model"
    assert {path.name for path in package.iterdir()} == {
        "__init__.py", "data.py", "features.py", "model.py", "score.py", "py.typed",
    }  # fmt: skip
    assert sum(path.read_text().count("\n") for path in package.iterdir()) <= 250
    imports = {
        line
        for path in package.glob("*.py")
        for line in path.read_text().splitlines()
        if re.match("(from|import) ", line)
    }
    assert not [line for line in imports if "_ops" in line or re.match(r"from \.", line)]


def test_every_requirement_up_to_the_level_has_a_place_a_test_a_criterion_and_an_owner(
    rendered: Path, level: int
) -> None:
    table = rows((rendered / "docs/maturity.md").read_text())
    wanted = [requirement for n in range(1, level + 1) for requirement in REQUIREMENTS[n]]
    assert not [name for name in table if re.match(r"L\d\.", name) and int(name[1]) > level]
    for requirement in wanted:
        text, place, test, criterion, owner = table[requirement]
        assert text
        assert re.search(r"`[\w./-]+`|\]\(|CODEOWNERS", place), requirement
        assert test
        assert re.search(r"`tests/|`uv run poe |drill: |the job itself", place + test), requirement
        assert criterion
        assert owner
        assert set(owner.split(" and ")) <= OWNERS, requirement
    for symptom in [symptom for n in range(1, level + 1) for symptom in SYMPTOMS[n]]:
        assert all(table[symptom]), symptom


def test_every_path_that_the_documents_name_is_there(rendered: Path) -> None:
    """Links, and names of files and folders in backquotes."""
    known = set(files_in(rendered))
    folders = {str(parent) for path in known for parent in Path(path).parents}
    absent = []
    for page in [path for path in known if path.endswith(".md")]:
        text = (rendered / page).read_text()
        links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
        absent += [f"{page}: {link}" for link in links if link and not ((rendered / page).parent / link).exists()]
        named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", text)
        roots = {path.split("/")[0] for path in known}
        # What people and tasks write is not there yet.
        local = [name for name in named if name.split("/")[0] in roots and "NAME" not in name]
        local = [name for name in local if not name.startswith(("state/", "tracking/.env"))]
        absent += [f"{page}: {name}" for name in local if name.rstrip("/") not in known | folders]
    assert absent == []


def test_the_readme_lists_the_tasks_and_nobody_names_another(rendered: Path, level: int) -> None:
    files = [rendered / f"ops/tasks/level{n}.toml" for n in range(1, level + 1)]
    tasks = {task for file in files for task in tomllib.loads(file.read_text())["tool"]["poe"]["tasks"]}
    readme = (rendered / "README.md").read_text()
    listed = re.findall(r"^\| `([a-z-]+)(?: [A-Z ]+)?` \|", readme.split("## Tasks")[1].split("##")[0], re.MULTILINE)
    assert sorted(listed) == sorted(tasks)
    pages = {page: file for page, file in files_in(rendered).items() if not page.startswith("tests/")}
    for page, file in pages.items():
        for task in re.findall(r"(?:uv run |`)poe ([a-z][a-z-]*)", file.content.decode()):
            assert task in tasks, f"{page}: {task}"


NAMES = ("x9", "churn_model", "z" * 40)
"""Short, usual, and the longest that is accepted."""


@pytest.mark.parametrize("package_name", NAMES)
@pytest.mark.parametrize("task", TASKS)
def test_style_does_not_depend_on_the_names(package_name: str, task: str, level: int, tmp_path: Path) -> None:
    given = {"package_name": package_name, "task": task, "level": level, "license": "MIT"}
    project = generate(tmp_path / "p", project_name="Flüge & Züge", **given)
    for words in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words], cwd=project, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_no_line_ends_in_blanks_and_every_file_ends_in_one_newline(rendered: Path) -> None:
    for name, file in files_in(rendered).items():
        text = file.content.decode()
        assert not re.search(r"[ \t]$", text, re.MULTILINE), name
        assert text == "" or (text.endswith("\n") and not text.endswith("\n\n")), name


@pytest.mark.parametrize("word", ["scaffold", "template", "jinja", "copier"])
def test_the_repository_speaks_of_the_project_not_of_its_making(word: str, rendered: Path) -> None:
    for name, file in files_in(rendered).items():
        # A property of CSS holds the word, too.
        text = re.sub(r"\.mlops-scaffold|\bgrid-template-", "", file.content.decode().lower())
        assert word not in text or name.startswith((".mlops-scaffold/", ".github/")), name
