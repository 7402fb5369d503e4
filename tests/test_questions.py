"""Answers are resolved as Copier resolves them, and bad ones are turned down in one sentence."""

from pathlib import Path

import pytest
import yaml
from copier import run_copy

from mlops_scaffold.errors import AnswerError
from mlops_scaffold.questions import read_questions, resolve
from mlops_scaffold.tree import File, Tree

GIVEN = [
    {},
    {"project_name": "Churn model"},
    {"project_name": "Flüge & Züge: Größe 3"},
    {"project_name": "日本語"},
    {"project_name": "3D scanner"},
    {"project_name": "class"},
    {"project_name": "x" * 60},
    {"project_name": "R&D"},
    {"project_name": "x"},
    {"package_name": "abc_def", "task": "regression"},
    {"python_version": "3.13", "license": "MIT"},
    {"level": "2", "project_name": "Requests"},
]


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: " ".join(given.values()) or "defaults")
def test_copier_ends_with_the_same_answers(given: dict[str, str], templates: Tree, tmp_path: Path) -> None:
    config = read_questions(templates)
    (tmp_path / "t").mkdir()
    (tmp_path / "t/copier.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    worker = run_copy(str(tmp_path / "t"), tmp_path / "out", data=given, defaults=True, pretend=True, quiet=True)
    assert resolve(config, given, {}) == dict(worker.answers.user)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"project_name": ""}, "Give the project a name"),
        ({"project_name": " x"}, "Leave out the space"),
        ({"project_name": 'a "b"'}, "Leave out quotes"),
        ({"project_name": "a\nb"}, "can't be printed"),
        ({"project_name": "../../etc"}, "Give a name, not a path"),
        ({"project_name": "x" * 61}, "longer than 60"),
        ({"package_name": "churn model"}, "can't be imported"),
        ({"package_name": "Churn"}, "can't be imported"),
        ({"package_name": "größe"}, "can't be imported"),
        ({"package_name": "../evil"}, "can't be imported"),
        ({"package_name": ""}, "can't be imported"),
        ({"package_name": "3d"}, "can't be imported"),
        ({"package_name": "class"}, "is taken by Python"),
        ({"package_name": "sklearn"}, "is taken by Python"),
        ({"package_name": "a__b"}, "single underscores"),
        ({"package_name": "_a"}, "single underscores"),
        ({"package_name": "x" * 41}, "longer than 40"),
        ({"description": "a\\b"}, "backslashes"),
        ({"description": "line\nbreak"}, "line break"),
        ({"author_name": "Ada <ada>"}, "Leave out quotes"),
        ({"author_email": "ada"}, "Give an e-mail address"),
        ({"author_email": "a@b@c.d"}, "Give an e-mail address"),
        ({"author_email": "a b@c.d"}, "Give an e-mail address"),
        ({"author_email": "*@b.c"}, "Give an e-mail address"),
        ({"author_email": "a@.b..c"}, "Give an e-mail address"),
        ({"author_email": "a" * 250 + "@b.de"}, "Give an e-mail address"),
        ({"package_name": "click"}, "is taken by Python or a package"),
        ({"package_name": "alembic"}, "is taken by Python or a package"),
        ({"level": "2", "package_name": "notebooks"}, "is taken by Python or a package"),
        ({"reserved_names": "[]", "package_name": "class"}, "There is no question called reserved_names"),
        ({"distribution_name": "../../y"}, "There is no question called distribution_name"),
        ({"target": "x"}, "There is no question called target"),
        ({"level": True}, "is not a whole number"),
        ({"level": float("inf")}, "is not a whole number"),
        ({"project_name": [["x"] * 9] * 9}, "The answer to project_name, list, is not text"),
        ({"license": "GPL"}, "GPL is not a choice for license. Choose one of: MIT"),
        ({"level": "5"}, "5 is not a choice for level. Choose one of: 1, 2"),
        ({"level": "one"}, "is not a whole number"),
        ({"python_version": "3.9"}, "3.9 is not a choice"),
        ({"colour": "red"}, "There is no question called colour. The questions are: level, project_name"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_answer_is_turned_down_in_a_sentence(given: dict[str, str], sentence: str, templates: Tree) -> None:
    with pytest.raises(AnswerError) as caught:
        resolve(read_questions(templates), given, {})
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_suggestion_that_its_question_rejects_is_passed_over(templates: Tree) -> None:
    config = read_questions(templates)
    assert resolve(config, {}, {"author_name": 'A "B"'})["author_name"] == "My ML project team"
    assert resolve(config, {}, {"author_name": "Ada"})["author_name"] == "Ada"


def test_yaml_numbers_are_taken_as_what_the_question_wants(templates: Tree) -> None:
    assert resolve(read_questions(templates), {"python_version": 3.12}, {})["python_version"] == "3.12"


def test_a_choice_that_can_not_be_had_says_why(templates: Tree) -> None:
    """A choice may have a validator of its own, as in Copier."""
    text = templates["copier.yml"].content.decode()
    closed = '"4 · full MLOps": {value: 4, validator: Level 4 is closed.}'
    assert '"4 · full MLOps": 4' in text
    changed = {**templates, "copier.yml": File(content=text.replace('"4 · full MLOps": 4', closed).encode())}
    with pytest.raises(AnswerError, match=r"^Level 4 is closed\.$"):
        resolve(read_questions(changed), {"level": "4"}, {})
    with pytest.raises(AnswerError, match=r"Choose one of: 1, 2, 3\.$"):
        resolve(read_questions(changed), {"level": "5"}, {})
