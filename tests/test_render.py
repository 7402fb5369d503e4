"""Layers become one project; Copier, run over the exported template, is the oracle."""

import random
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from pytest_copie.plugin import Copie
from support import LEVELS, TASKS, answers_for, files_in, generate

from mlops_scaffold import __version__
from mlops_scaffold.errors import TemplateError
from mlops_scaffold.layers import OPTIONS, SUFFIX, paths, stack
from mlops_scaffold.project import MANIFEST, with_manifest
from mlops_scaffold.render import render
from mlops_scaffold.template import export
from mlops_scaffold.tree import EXECUTABLE, File, Tree, write_tree

QUESTIONS = """
_envops: {variable_start_string: "{=", variable_end_string: "=}", trim_blocks: true, lstrip_blocks: true,
          undefined: jinja2.StrictUndefined}
_templates_suffix: .jinja
level: {type: int, default: 1, choices: [1, 2, 3]}
package_name: {type: str, default: churn}
task: {type: str, default: classification, choices: [classification, regression]}
ci: {type: str, default: github, choices: [github, gitlab]}
platform: {type: str, default: compose, choices: [compose]}
template_version: {type: str, when: false}
"""

SMALL = {
    "copier.yml": QUESTIONS,
    "level1/project/README.md.jinja": "# {= package_name =}\n{% block level %}\nLevel 1.\n{% endblock %}\nEnd.\n",
    "level1/project/src/{= package_name =}/data.py": "plain {= not rendered =}\n",
    "level1/project/kept.txt": "from level 1\n",
    "level1/project/replaced.txt": "from level 1\n",
    "level1/project/twin.txt": "ignored, because its template is beside it\n",
    "level1/project/twin.txt.jinja": "{= package_name =}\n",
    "level1/project/{= '' =}/never.txt": "dropped\n",
    "level1/classification/model.py": "classes = 2\n",
    "level1/regression/model.py.jinja": "unit = '{= task =}'\n",
    "level1/regression/only_here.txt": "x\n",
    "level1/github/ci.yml.jinja": "on: ${{ github.ref }}\n{% block jobs %}\n{% endblock %}\n",
    "level2/project/README.md.jinja": '{% extends "level1/project/README.md.jinja" %}\n'
    "{% block level %}\n{= super() =}Level 2.\n{% endblock %}\n",
    "level2/project/replaced.txt": "from level 2\n",
    "level3/project/README.md.jinja": '{% extends "level1/project/README.md.jinja" %}\n'
    "{% block level %}\n{= super() =}Level 3.\n{% endblock %}\n",
    "level3/github/ci.yml.jinja": '{% extends "level1/github/ci.yml.jinja" %}\n'
    "{% block jobs %}\njob: 3\n{% endblock %}\n",
}


def small() -> dict[str, File]:
    return {name: File(content=text.encode()) for name, text in SMALL.items()}


def texts(tree: Tree) -> dict[str, str]:
    return {path: file.content.decode() for path, file in tree.items()}


def test_a_level_is_its_layers_stacked() -> None:
    templates = small()
    answers = answers_for(templates, level=3)
    assert stack(templates, answers) == [
        "level1/project", "level1/classification", "level1/github", "level2/project", "level3/project", "level3/github",
    ]  # fmt: skip
    assert texts(render(templates, answers)) == {
        "README.md": "# churn\nLevel 1.\nLevel 2.\nLevel 3.\nEnd.\n",
        "ci.yml": "on: ${{ github.ref }}\njob: 3\n",
        "kept.txt": "from level 1\n",
        "model.py": "classes = 2\n",
        "replaced.txt": "from level 2\n",
        "src/churn/data.py": "plain {= not rendered =}\n",
        "twin.txt": "churn\n",
    }


def test_extends_means_the_nearest_lower_layer_that_is_there() -> None:
    templates = small()
    del templates["level2/project/README.md.jinja"]
    tree = texts(render(templates, answers_for(templates, level=3)))
    assert tree["README.md"] == "# churn\nLevel 1.\nLevel 3.\nEnd.\n"


def test_an_undefined_variable_is_our_bug_and_names_the_template() -> None:
    templates = small() | {"level1/project/x.jinja": File(content=b"{= nobody =}")}
    with pytest.raises(TemplateError, match=r"level1/project/x\.jinja.*'nobody' is undefined"):
        render(templates, answers_for(templates))


def test_a_path_that_leaves_the_project_is_refused() -> None:
    for part in ("{= '..' =}", r"{= 'a\\b' =}", "{= ['a', 'b'] | join('\\x2f') =}"):
        templates = small() | {f"level1/project/{part}/x": File(content=b"")}
        with pytest.raises(TemplateError, match="outside the project"):
            render(templates, answers_for(templates))


def test_two_templates_of_one_layer_must_not_write_the_same_file() -> None:
    templates = small() | {"level1/project/{= 'kept.txt' =}": File(content=b"")}
    with pytest.raises(TemplateError, match=r"both write kept\.txt"):
        render(templates, answers_for(templates))


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("fixed", [True, False])
def test_copier_renders_the_export_of_a_small_template_to_the_same_files(
    level: int, task: str, fixed: bool, tmp_path: Path, copie: Copie
) -> None:
    templates = small() | {"level1/project/tool.sh": File(mode=EXECUTABLE, content=b"#!/bin/sh\n")}
    given = {"level": level, "template_version": __version__} | ({"task": task} if fixed else {})
    (tmp_path / "export").mkdir()
    write_tree(export(templates, given), tmp_path / "export")
    result = copie.copy({} if fixed else {"task": task}, template_dir=tmp_path / "export")
    assert result.exception is None
    assert result.exit_code == 0
    assert result.project_dir is not None
    assert files_in(result.project_dir) == render(templates, answers_for(templates, level=level, task=task))


def test_a_constant_of_the_export_is_not_taken_for_a_template(tmp_path: Path, copie: Copie, templates: Tree) -> None:
    given = {"level": 1, "description": "use {# x #} {= y =} {% if %} here", "project_name": "50 % {% if %}"}
    given |= {"package_name": "braces", "task": "regression", "author_name": "{{ ada }}"}
    (tmp_path / "export").mkdir()
    write_tree(export(templates, {**given, "template_version": __version__}), tmp_path / "export")
    result = copie.copy({}, template_dir=tmp_path / "export")
    assert result.exception is None
    assert result.project_dir is not None
    assert files_in(result.project_dir) == files_in(generate(tmp_path / "ours", **given))


def test_the_level_and_the_options_are_constants_of_the_export_and_the_task_is_not(templates: Tree) -> None:
    questions = yaml.safe_load(export(templates, {"template_version": __version__})["copier.yml"].content)
    asked = {name: question for name, question in questions.items() if not name.startswith("_")}
    hidden = {name for name, question in asked.items() if question.get("when") is False}
    assert {"level", "ci", "platform", "template_version"} <= hidden
    assert {"task", "project_name", "license"}.isdisjoint(hidden)


ANSWERS = [
    {},
    {"task": "regression", "license": "MIT", "python_version": "3.13"},
    {"project_name": "Flüge & Züge", "package_name": "x9", "license": "Apache-2.0"},
    {
        "project_name": "It's 50 % #1 ${{ x }} & `y`",
        "license": "BSD-3-Clause",
        "author_email": "o'neil+ml@example.org",
    },
]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("given", ANSWERS, ids=lambda given: " ".join(given) or "defaults")
def test_copier_renders_the_export_of_a_level_to_the_same_files(
    given: dict[str, str], level: int, templates: Tree, tmp_path: Path, copie: Copie
) -> None:
    (tmp_path / "export").mkdir()
    write_tree(export(templates, {"level": level, "template_version": __version__}), tmp_path / "export")
    result = copie.copy(given, template_dir=tmp_path / "export")
    assert result.exception is None
    assert result.exit_code == 0
    assert result.project_dir is not None
    assert files_in(result.project_dir) == files_in(generate(tmp_path / "ours", level=level, **given))


@pytest.mark.parametrize("task", TASKS)
def test_a_level_leaves_the_files_of_the_team_alone_and_takes_none_away(task: str, templates: Tree) -> None:
    lower, *above = [render(templates, answers_for(templates, level=level, task=task)) for level in LEVELS]
    for higher in above:
        assert set(lower) <= set(higher)
        assert {path: file.mode for path, file in lower.items()} == {path: higher[path].mode for path in lower}
        given_once = {path for path in higher if path.startswith("src/")}
        assert given_once == {path for path in lower if path.startswith("src/")}
        assert {path: higher[path] for path in given_once} == {path: lower[path] for path in given_once}
        lower = higher


@pytest.mark.parametrize("task", TASKS)
def test_a_level_refines_files_of_lower_levels_by_their_blocks(task: str, templates: Tree) -> None:
    """A file that replaced another one whole would miss what that one is given later."""
    layers = stack(templates, answers_for(templates, level=LEVELS[-1], task=task))
    for n, layer in enumerate(layers):
        below = {path.removesuffix(SUFFIX) for lower in layers[:n] for path in paths(templates, lower)}
        for path in paths(templates, layer):
            if path.removesuffix(SUFFIX) in below:
                first = templates[f"{layer}/{path}"].content.splitlines()[0].decode()
                assert re.fullmatch(rf'{{% extends "level\d/\w+/{re.escape(path)}" %}}', first), f"{layer}/{path}"


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_answers_give_the_same_bytes_whatever_the_order_of_the_templates(level: int, templates: Tree) -> None:
    answers = answers_for(templates, level=level)
    first = with_manifest(render(templates, answers), answers)
    for seed in range(3):
        names = list(templates)
        random.Random(seed).shuffle(names)
        shuffled = {name: templates[name] for name in names}
        again = with_manifest(render(shuffled, answers), answers)
        assert again == first
        assert list(again) == list(first)


@pytest.mark.parametrize("task", TASKS)
def test_an_option_only_adds_paths(task: str, templates: Tree) -> None:
    """A path belongs to the same folder at every level, so that the order of options does not matter."""
    answers = answers_for(templates, task=task)
    chosen = {"project", *(str(answers[option]) for option in OPTIONS)}
    owner: dict[str, str] = {}
    for layer in sorted({"/".join(name.split("/")[:2]) for name in templates if name.startswith("level")}):
        folder = layer.split("/")[1]
        for path in paths(templates, layer) if folder in chosen else []:
            plain = path.removesuffix(SUFFIX)
            assert owner.setdefault(plain, folder) == folder, f"{layer}: {plain} is in {owner[plain]} and {folder}"


def test_files_that_git_obeys_are_never_plain_in_the_templates(templates: Tree) -> None:
    assert not [name for name in templates if name.endswith((".gitignore", ".gitattributes"))]


def test_templates_look_like_the_files_they_produce(templates: Tree) -> None:
    """About one control tag per hundred lines, the licence texts apart; nearly all mark what a higher level refines."""
    ours = {name: file.content.decode() for name, file in templates.items() if name.startswith("level")}
    lines = sum(text.count("\n") for text in ours.values())
    rendered = [text for name, text in ours.items() if name.endswith(SUFFIX) and "LICENSE" not in name]
    tags = [tag for text in rendered for tag in re.findall(r"{%-?\s*(\w+)", text)]
    assert len(tags) / lines < 0.015, f"{len(tags)} tags in {lines} lines"
    logic = [tag for tag in tags if tag not in ("extends", "block", "endblock")]
    assert len(logic) / lines < 0.001, f"{len(logic)} tags of logic in {lines} lines"


@pytest.mark.parametrize("level", LEVELS)
def test_the_manifest_lists_every_maintained_file_as_git_would_name_it(level: int, tmp_path: Path) -> None:
    project = generate(tmp_path / "churn", package_name="churn", level=level)
    lines = (project / MANIFEST).read_text().splitlines()
    listed = {line.split("\t")[1]: line.split("\t")[0].split() for line in lines}
    on_disk = [path for path in files_in(project) if not path.startswith("src/churn/")]
    assert sorted(listed) == sorted(on_disk)
    assert not any(path.startswith("src/churn/") for path in listed)
    ids = subprocess.run(
        ["git", "hash-object", "--no-filters", "--", *listed], cwd=project, capture_output=True, text=True, check=True
    ).stdout.split()
    assert [blob for _, blob in listed.values()] == ids
