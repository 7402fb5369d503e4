"""The reference of kits: its generated parts are current, and what it says is so."""

import json
import re
import runpy
import shutil
import tomllib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from pages import DOCS, blocks
from workflows.tools import missing

from mlops_scaffold.errors import KitError
from mlops_scaffold.kits.file import read_kit_file
from mlops_scaffold.questions import read_questions
from mlops_scaffold.tree import Tree

GENERATOR = runpy.run_path(str(DOCS / "generate.py"))
PAGE = (DOCS / "reference/kit.md").read_text(encoding="utf-8")
NAMED = 'name = "a-kit"\nversion = "1.0.0"\n'


@pytest.fixture(scope="module")
def schema() -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads((DOCS / "reference/kit.schema.json").read_text(encoding="utf-8"))
    return content


def test_the_generated_parts_are_current() -> None:
    old = [str(path) for path, text in GENERATOR["files"]().items() if path.read_text(encoding="utf-8") != text]
    assert old == [], "run `uv run python docs/generate.py`"


def test_every_generated_part_has_its_place() -> None:
    assert re.findall("<!-- generated: (.*) -->", PAGE) == ["settings", "variables", "blocks", "bounds"]


# --- what it says of templates


def kit_with(run: Run, place: Path, files: Mapping[str, str]) -> Path:
    """The starter with these files and no others."""
    assert run("kit", "init", place, "--no-git").returncode == 0
    shutil.rmtree(place / "level1")
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    return place


def test_the_examples_are_a_kit(run: Run, tmp_path: Path) -> None:
    examples = {block.words["title"]: block.text for block in blocks(PAGE) if "title" in block.words}
    assert len(examples) == 3
    kit = kit_with(run, tmp_path / "kit", examples)
    done = run("kit", "check", kit)
    assert done.returncode == 0, done.stdout
    shown = run("kit", "show", kit).stdout
    extends = shown.partition("Extends\n")[2]
    assert len(extends.splitlines()) == 3, shown
    project = tmp_path / "project"
    run("new", project, "--kit", kit, "--level", "4", "--defaults", "--no-lock")
    assert (project / "SECURITY.md").read_text().startswith("<!-- Owner: the security desk -->\n# Security\n")
    owners = (project / ".github/CODEOWNERS").read_text()
    assert "/slo.yaml" in owners.partition("# The platform team\n/.github/ @halden/ml-platform\n")[0]


STABLE = [(file, block) for file, described in GENERATOR["BLOCKS"].items() for block in described]


def test_the_listed_blocks_are_there_and_fit(run: Run, tmp_path: Path) -> None:
    """A kit that fills all of them is one, and each text is found, at the lowest and at the highest level."""
    files: dict[str, str] = {}
    for file, block in STABLE:
        files.setdefault(f"{file}.jinja", f'{{% extends "{file}.jinja" %}}\n')
        files[f"{file}.jinja"] += f"{{% block {block} %}}\n{{= super() =}}# {block} of ours\n{{% endblock %}}\n"
    kit = kit_with(run, tmp_path / "kit", files)
    done = run("kit", "check", kit)
    assert done.returncode == 0, done.stdout
    for level in (1, 4):
        project = tmp_path / f"level-{level}"
        assert run("new", project, "--kit", kit, "--level", level, "--defaults", "--no-lock").returncode == 0
        texts = {file: (project / file.split("/", 2)[2]).read_text() for file, _ in STABLE}
        assert [(file, block) for file, block in STABLE if f"# {block} of ours\n" not in texts[file]] == []


def test_the_listed_variables_are_all_that_a_kit_needs(run: Run, tmp_path: Path) -> None:
    names = re.findall(
        r"^\| `(\w+)` \| .* \|$", PAGE.partition("| variable |")[2].partition("<!-- end")[0], re.MULTILINE
    )
    assert {"level", "project_name", "distribution_name", "supported_pythons"} < set(names)
    text = "".join(f"{name}: {{= {name} =}}\n" for name in names)
    kit = kit_with(run, tmp_path / "kit", {"level1/project/docs/all.md.jinja": text})
    done = run("new", tmp_path / "churn-model", "--kit", kit, "--defaults", "--no-lock")
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "churn-model/docs/all.md").read_text()
    assert "distribution_name: churn-model\n" in written
    assert len(written.splitlines()) == len(names)


EXTENDS = '{{% extends "level1/project/{}.jinja" %}}\n{{% block {} %}}\n{{% endblock %}}\n'

MISTAKES = {
    "level1/project/a.md.jinja": "{= nobody =}\n",
    "level1/project/b.md.jinja": "{% if %}\n",
    "level1/project/c.md.jinja": "{= 1 / (level - level) =}\n",
    "level1/project/d.toml": "a = [\n",
    "level1/project/e.md": "",
    "level1/project/e.md.jinja": "",
    "level1/project/docs/roles.md": "# Roles\n",
    "level1/project/SECURITY.md.jinja": EXTENDS.format("SECURITY.md", "more"),
    "level1/project/README.md.jinja": EXTENDS.format("README.md", "tame"),
    "level1/github/.github/workflows/x.yml": "on: push\njobs:\n  a:\n    needs: no\n    runs-on: x\n    steps: []\n",
    "level1/project/src/{= package_name =}/level.py.jinja": "LEVEL = {= level =}\n",
    "level1/project/.gitignore.jinja": '{% extends "level1/project/LICENSE.jinja" %}\n/mine/\n',
    "level1/project/pyproject.toml.jinja": '[project]\nname = "{= distribution_name =}"\n',
}


def test_what_check_says_is_explained(run: Run, tmp_path: Path) -> None:
    table = PAGE.partition("## What `kit check` finds")[2].partition("## ")[0]
    rows = re.findall(r"^\| `(.*?)` \| .* \| .* \|$", table, re.MULTILINE)
    assert len(rows) == 16
    kit = kit_with(run, tmp_path / "kit", MISTAKES)
    (kit / "level1/project/f.md.jinja").write_bytes(b"\xff")
    printed = run("kit", "check", kit).stdout
    shutil.rmtree(kit / "level1")
    (kit / "level1/project/.mlops-scaffold").mkdir(parents=True)
    (kit / "level1/project/.mlops-scaffold/manifest").touch()
    printed += run("kit", "check", kit).stdout
    patterns = [re.compile(".*".join(map(re.escape, row.split("…")))) for row in rows]
    lines = printed.splitlines()
    assert [row for row, one in zip(rows, patterns, strict=True) if not any(map(one.search, lines))] == []
    told = [line for line in lines if not any(one.search(line) for one in patterns)]
    assert [line for line in told if not re.match(r".* projects were rendered|Note: actionlint", line)] == []


def test_the_commands_have_the_options_that_it_names(run: Run) -> None:
    table = PAGE.partition("## Commands")[2].partition("### ")[0]
    named = re.findall(r"`mlops-scaffold ((?:kit )?\w+)[^`]*?(--[\w-]+)", table)
    assert len(named) >= 4
    for command, option in named:
        assert option in run(*command.split(), "--help").stdout
    listed = run("kit", "--help").stdout.partition("Commands:")[2]
    assert set(re.findall(r"^  (\w+) ", listed, re.MULTILINE)) == set(re.findall(r"`mlops-scaffold kit (\w+)", table))


# --- the schema

GOOD = {
    "name and version": "",
    "a description": 'description = "How we work."\n',
    "levels": "[levels]\nallowed = [1, 2]\n",
    "answers": '[answers]\nlicense = "MIT"\nauthor_name = "Ada"\n',
    "locked": '[locked]\npython_version = "3.13"\ntask = "regression"\n',
    "a question": '[questions.cost_centre]\nhelp = "Who pays?"\ndefault = "0000"\n',
    "a choice": '[questions.area]\nhelp = "Where?"\ndefault = "north"\nchoices = ["north", "south"]\nfrom_level = 2\n',
    "yes or no": '[questions.on_call]\ntype = "bool"\nhelp = "Is somebody on call?"\ndefault = false\n',
    "a number": '[questions.days]\ntype = "int"\nhelp = "How long?"\ndefault = 30\n',
    "a question of its own locked": (
        '[locked]\nindex = "example.com"\n[questions.index]\nhelp = "Which index?"\ndefault = "pypi.org"\n'
    ),
}

BAD = {
    "an unknown setting": 'tasks = ["rm"]\n',
    "an unknown table": "[tasks]\n",
    "an empty list of levels": "[levels]\nallowed = []\n",
    "a level as a text": '[levels]\nallowed = ["1"]\n',
    "levels as a list": "levels = [1, 2]\n",
    "no choice of a question": '[locked]\npython_version = "3.7"\n',
    "a number with a point": "[answers]\ncost_centre = 1.5\n",
    "a question without a default": '[questions.area]\nhelp = "Where?"\n',
    "a question without words": '[questions.area]\nhelp = ""\ndefault = "north"\n',
    "an unknown setting of a question": '[questions.area]\nhelp = "Where?"\ndefault = "a"\nsecret = true\n',
    "an unknown type": '[questions.area]\ntype = "path"\nhelp = "Where?"\ndefault = "a"\n',
    "a level that is none": "[levels]\nallowed = [7]\n",
    "the level as an answer": "[answers]\nlevel = 2\n",
    "a template in a text": 'description = "{= level =}"\n',
    "a question whose name is no variable": '[questions.Area-1]\nhelp = "Where?"\ndefault = "a"\n',
    "a text that is none": "[answers]\nauthor_name = true\n",
    "a long description": f'description = "{"a" * 201}"\n',
}

ONLY_WHEN_READ = {
    "an answer to no question": '[answers]\nlicence = "MIT"\n',
    "suggested and locked": '[answers]\nlicense = "MIT"\n[locked]\nlicense = "MIT"\n',
    "a question that exists": '[questions.task]\nhelp = "Which?"\ndefault = "a"\n',
    "a default that is no choice": '[questions.area]\nhelp = "Where?"\ndefault = "west"\nchoices = ["north"]\n',
    "a choice of another type": '[questions.a]\ntype = "int"\nhelp = "Which?"\ndefault = 1\nchoices = ["1"]\n',
    "choices of yes or no": '[questions.a]\ntype = "bool"\nhelp = "Is it?"\ndefault = true\nchoices = [1, 2]\n',
    "a text as a number": '[questions.area]\nhelp = "Where?"\ndefault = 5\n',
    "a default of another type": '[questions.days]\ntype = "int"\nhelp = "How long?"\ndefault = "long"\n',
}
"""What the schema does not know: it looks at each setting alone."""


def is_read(text: str, templates: Tree) -> bool:
    try:
        read_kit_file(text.encode(), read_questions(templates))
    except KitError:
        return False
    return True


def fulfils(text: str, schema: Mapping[str, Any]) -> bool:
    try:
        jsonschema: Any = import_module("jsonschema")
    except ImportError:
        missing("jsonschema is not installed. Install the dependency group `validators`.")
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    return bool(validator.is_valid(tomllib.loads(text)))


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_is_read_and_fulfils_the_schema(name: str, schema: Mapping[str, Any], templates: Tree) -> None:
    assert is_read(NAMED + GOOD[name], templates)
    assert fulfils(NAMED + GOOD[name], schema)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_neither(name: str, schema: Mapping[str, Any], templates: Tree) -> None:
    assert not is_read(NAMED + BAD[name], templates)
    assert not fulfils(NAMED + BAD[name], schema)


@pytest.mark.parametrize("name", ONLY_WHEN_READ)
def test_some_mistakes_are_found_only_when_it_is_read(name: str, schema: Mapping[str, Any], templates: Tree) -> None:
    assert not is_read(NAMED + ONLY_WHEN_READ[name], templates)
    assert fulfils(NAMED + ONLY_WHEN_READ[name], schema)


@pytest.mark.parametrize(
    "text", ["", 'name = "Our kit"\nversion = "1"\n', 'name = "a"\n', 'name = "a"\nversion = "1 2"\n']
)
def test_without_a_name_and_a_version_it_is_none(text: str, schema: Mapping[str, Any], templates: Tree) -> None:
    assert not is_read(text, templates)
    assert not fulfils(text, schema)


def test_the_starter_fulfils_the_schema_that_comes_with_it(run: Run, tmp_path: Path, schema: Mapping[str, Any]) -> None:
    kit = kit_with(run, tmp_path / "kit", {})
    assert json.loads((kit / "kit.schema.json").read_text()) == schema
    text = (kit / "kit.toml").read_text()
    assert "#:schema ./kit.schema.json\n" in text
    assert fulfils(text, schema)
