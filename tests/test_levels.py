"""What a level brings and asks: the files are complete, and what they name is there."""

import re
import tomllib

import pytest
import yaml
from support import LEVELS, TASKS, answers_for, text_tree

from mlops_scaffold import __version__
from mlops_scaffold.errors import TemplateError
from mlops_scaffold.layers import stack
from mlops_scaffold.levels import FILE, Command, Criterion, Level, highest, on_the_way, read_level
from mlops_scaffold.questions import read_questions
from mlops_scaffold.render import render
from mlops_scaffold.template import export
from mlops_scaffold.tree import Tree

COLUMNS = 120

WIDTH = COLUMNS - 10
"""The longest sentence: reports indent it."""

SMALL = """
name: automated training
adds: [Training is automatic.]
asks: {data scientists: [Read this., Do that.]}
success: [{sign: It runs., ids: [L2.tech.1, L2.tech.2]}]
first: [{run: uv sync, does: install}]
"""


def small(**changed: object) -> Tree:
    """Templates of a level 2 whose file is changed; None takes a field away."""
    content = {**yaml.safe_load(SMALL), **changed}
    kept = {name: value for name, value in content.items() if value is not None}
    return text_tree(**{f"level2__{FILE}": yaml.safe_dump(kept)})


@pytest.fixture(scope="module", params=LEVELS)
def level(request: pytest.FixtureRequest, templates: Tree) -> Level:
    return read_level(templates, request.param)


@pytest.fixture(scope="module")
def project(level: Level, templates: Tree) -> dict[str, str]:
    """A generated repository of the level, as text."""
    tree = render(templates, answers_for(templates, level=level.number))
    return {path: file.content.decode() for path, file in tree.items() if not path.endswith(".ipynb")}


def sentences(level: Level) -> list[str]:
    return [
        *level.adds,
        *(sentence for asked in level.asks.values() for sentence in asked),
        *(criterion.sign for criterion in level.success),
        *(command.does for command in level.first),
    ]


def test_a_level_is_read_from_its_file() -> None:
    assert read_level(small(), 2) == Level(
        number=2,
        name="automated training",
        adds=("Training is automatic.",),
        asks={"data scientists": ("Read this.", "Do that.")},
        success=(Criterion(sign="It runs.", ids=("L2.tech.1", "L2.tech.2")),),
        first=(Command(run="uv sync", does="install"),),
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": None}, "the file must hold name, adds, asks, success, first and nothing else"),
        ({"more": "x"}, "the file must hold"),
        ({"name": 2}, "name must hold text in one line, not 2"),
        ({"name": "two\nlines"}, "name must hold text in one line"),
        ({"adds": "one sentence"}, "adds must be a list that is not empty"),
        ({"adds": []}, "adds must be a list that is not empty"),
        ({"adds": ["fine", {"but": "a colon"}]}, "adds must hold text in one line, not {'but': 'a colon'}"),
        ({"asks": ["all"]}, "asks must name roles"),
        ({"asks": {}}, "asks must name roles"),
        ({"asks": {"data scientists": "read"}}, "asks, data scientists, must be a list"),
        ({"success": [{"sign": "It runs."}]}, "an item of success must hold sign, ids and nothing else"),
        ({"success": [{"sign": "It runs.", "ids": []}]}, "ids must be a list that is not empty"),
        ({"first": ["uv sync"]}, "an item of first must hold run, does and nothing else"),
        ({"first": [{"run": " ", "does": "install"}]}, "run must hold text in one line"),
    ],
)
def test_a_wrong_file_is_named_with_its_mistake(changed: dict[str, object], words: str) -> None:
    with pytest.raises(TemplateError) as caught:
        read_level(small(**changed), 2)
    assert str(caught.value).startswith("The template level2/level.yml is wrong: ")
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["- a list", "", "name: [", "\x00"])
def test_a_file_that_is_no_mapping_is_a_wrong_template(text: str) -> None:
    with pytest.raises(TemplateError, match=r"^The template level1/level\.yml is wrong: [^\n]+\. Correct it there\.$"):
        read_level(text_tree(**{f"level1__{FILE}": text}), 1)


def test_a_level_without_a_file_is_a_wrong_template() -> None:
    with pytest.raises(TemplateError, match=r"^The template level3/level\.yml is missing\."):
        on_the_way(small(), 2, 3)


def test_the_highest_level_is_the_highest_that_has_a_file(templates: Tree) -> None:
    assert highest(templates) == LEVELS[-1]
    assert highest(text_tree(level9__level="", level3__project__level="")) == 0
    names = (
        "level1/level.yml",
        "level10/level.yml",
        "level2/level.yml",
        "level11/project/level.yml",
        "xlevel12/level.yml",
    )
    assert highest(text_tree(**dict.fromkeys(names, ""))) == 10


def test_on_the_way_are_the_levels_above_the_start_up_to_the_goal(templates: Tree) -> None:
    assert [level.number for level in on_the_way(templates, 1, 2)] == [2]
    assert [level.number for level in on_the_way(templates, 0, 2)] == [1, 2]
    assert on_the_way(templates, 2, 2) == []
    assert on_the_way(templates, 2, 1) == []


def test_a_level_is_called_what_the_question_for_it_calls_it(level: Level, templates: Tree) -> None:
    assert f"{level.number} · {level.name}" in read_questions(templates)["level"]["choices"]


def test_a_level_says_enough_in_lines_that_fit(level: Level) -> None:
    assert 4 <= len(level.adds) <= 7
    assert 3 <= len(level.first) <= 5
    assert list(level.asks) == ["data scientists", "data engineers", "software engineers"]
    assert [sentence for sentence in sentences(level) if len(sentence) > WIDTH] == []
    widest = max(len(command.run) for command in level.first)
    assert [
        command.does for command in level.first if len("  ") + widest + len("   ") + len(command.does) > COLUMNS
    ] == []
    full = [sentence for sentence in sentences(level) if sentence not in [command.does for command in level.first]]
    assert [sentence for sentence in full if not sentence.endswith(".")] == []


def test_the_criteria_stand_for_every_requirement_that_first_holds_at_the_level(
    level: Level, project: dict[str, str]
) -> None:
    known = re.findall(r"^\| (L\d\.\w+\.\d+) \|", requirements(project["docs/maturity.md"]), re.MULTILINE)
    wanted = [name for name in known if name.startswith(f"L{level.number}.")]
    assert wanted
    named = [name for criterion in level.success for name in criterion.ids]
    assert sorted(named) == sorted(wanted)


def requirements(page: str) -> str:
    """The section of a maturity page that lists what must hold; those after it list what was left behind."""
    return page.partition("\n## Requirements\n")[2].partition("\n## ")[0]


def tasks(project: dict[str, str]) -> set[str]:
    """Every task of `poe`."""
    files = [text for path, text in project.items() if re.fullmatch(r"pyproject\.toml|ops/tasks/\w+\.toml", path)]
    return {name for text in files for name in tomllib.loads(text)["tool"]["poe"].get("tasks", {})}


def test_the_first_commands_run_tasks_that_the_repository_has(level: Level, project: dict[str, str]) -> None:
    for command in level.first:
        assert command.run == "uv sync" or is_there(command.run, project), command.run


def is_there(name: str, project: dict[str, str]) -> bool:
    """Whether a repository has what is written between backticks.

    That is a path, a variable or an environment of the workflows, an address of the application, or a task.
    """
    program, *words = name.split()
    workflows = [text for path, text in project.items() if path.startswith(".github/workflows/")]
    if program == "uv":
        return words[:2] == ["run", "poe"] and words[2] in tasks(project)
    if program == "GET":
        return any(f'"{words[0]}"' in text for path, text in project.items() if path.endswith("_ops/app.py"))
    if name.isupper():
        return any(re.search(rf"(vars|secrets)\.{name}\b", text) for text in workflows)
    if re.fullmatch(r"[a-z]+", name):
        return any(re.search(rf"environment:\n +name: {name}\n", text) for text in workflows)
    return name in project or (name.endswith("/") and any(path.startswith(name) for path in project))


def test_what_the_sentences_name_is_in_the_repository(level: Level, project: dict[str, str]) -> None:
    named = [name for sentence in sentences(level) for name in re.findall(r"`([^`]+)`", sentence)]
    assert len(named) > 10
    assert [name for name in named if not is_there(name, project)] == []
    assert [sentence for sentence in sentences(level) if sentence.count("`") % 2] == []


@pytest.mark.parametrize(
    "name",
    [
        "docs/none.md",
        "docs/rol",
        "none/",
        "NO_SUCH_VARIABLE",
        "MLFLOW",
        "nowhere",
        "GET /none",
        "uv run poe none",
        "uv run none",
    ],
)
def test_what_is_not_in_the_repository_is_noticed(name: str, project: dict[str, str]) -> None:
    assert not is_there(name, project)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("number", LEVELS)
def test_no_layer_and_no_project_contains_the_file_of_a_level(number: int, task: str, templates: Tree) -> None:
    answers = answers_for(templates, level=number, task=task)
    without = {name: file for name, file in templates.items() if not name.endswith(f"/{FILE}")}
    assert len(templates) - len(without) == len(LEVELS)
    assert stack(templates, answers) == stack(without, answers)
    assert render(templates, answers) == render(without, answers)
    given = {"level": number, "task": task, "template_version": __version__}
    assert export(templates, given) == export(without, given)
