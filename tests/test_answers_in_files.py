"""Whatever answer is accepted, every file that is written with it is valid, and the state gives the answer back."""

import ast
import json
import tomllib

import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mlops_scaffold import __version__
from mlops_scaffold.errors import AnswerError
from mlops_scaffold.questions import read_questions, resolve
from mlops_scaffold.render import render
from mlops_scaffold.tree import Tree

# Marks that mean something to YAML, TOML, Markdown, Jinja, workflows and shells, among letters of any script.
MARKS = st.sampled_from(
    ["{=", "=}", "{%", "%}", "{#", "${{ x }}", ": ", " #", "- ", "'", "`", "|", "&", "*", "!", "%", "@"]
)
WORDS = st.one_of(
    MARKS, st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6), st.sampled_from(["null", "1"])
)
TEXT = st.lists(WORDS, min_size=1, max_size=6).map("".join)


@given(
    name=TEXT,
    description=TEXT,
    author=TEXT,
    task=st.sampled_from(["classification", "regression"]),
    level=st.sampled_from([1, 2]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_accepted_answers_make_valid_files(
    templates: Tree, name: str, description: str, author: str, task: str, level: int
) -> None:
    chosen = {"project_name": name, "description": description, "author_name": author, "task": task}
    try:
        answers = resolve(read_questions(templates), {**chosen, "level": level, "template_version": __version__}, {})
    except AnswerError:
        assume(False)
    tree = render(templates, answers)
    for path, file in tree.items():
        text = file.content.decode()
        if path.endswith(".py"):
            ast.parse(text)
        elif path.endswith((".yml", ".yaml")):
            yaml.safe_load(text)
        elif path.endswith(".toml"):
            tomllib.loads(text)
        elif path.endswith((".json", ".ipynb")):
            json.loads(text)
    state = yaml.safe_load(tree[".mlops-scaffold/project.yml"].content)
    assert {key: state["answers"][key] for key in chosen} == chosen
    project = tomllib.loads(tree["pyproject.toml"].content.decode())["project"]
    assert project["description"] == description
    assert project["authors"][0]["name"] == author
