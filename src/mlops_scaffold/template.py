"""The stacked layers as an ordinary Copier template, for people who want plain `copier copy`.

What was chosen (the level, the options) becomes a hidden constant; the task, which a template may leave open, stays a
question, and the files that depend on it carry the condition in their names. `copier copy` of the result gives the
bytes and modes of `render`.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from mlops_scaffold.layers import OPTIONS, SUFFIX, Layer, paths, refined, split_layer, stack
from mlops_scaffold.questions import QUESTIONS, TEMPLATE_VERSION, Answers, choices, read_questions, resolve
from mlops_scaffold.tree import File, Tree

PROJECT = "template"
"""The folder of the export that Copier renders."""

LAYERS = "layers"
"""The folder of the export that holds what the project's files extend."""

OPEN = "task"
"""The one option that an export may leave to the person who copies it."""

CHOSEN = ("level", *(option for option in OPTIONS if option != OPEN), TEMPLATE_VERSION)
"""Always constants: they decide which layers are stacked."""

_EXTENDS = re.compile(r"""(?P<before>{%-?\s*extends\s+)(?P<quote>["'])(?P<name>[^"']+)(?P=quote)""")


def export(templates: Tree, given: Answers) -> dict[str, File]:
    """Stack the layers of a level into one Copier template.

    Args:
        templates: All template files.
        given: Answers that become constants, `level` and `template_version` among them.

    Returns:
        The files of the template: `copier.yml`, `template/…` and, where a level refines a file, `layers/…`.

    Raises:
        AnswerError: A given answer is not accepted by its question.
    """
    config = read_questions(templates)
    answers = resolve(config, given, {})
    constants = {name: answers[name] for name in (*CHOSEN, *given)}
    files = {QUESTIONS: File(content=_questions(config, constants).encode())}
    values = [answers[OPEN]] if OPEN in given else choices(config[OPEN])
    stacks = {value: stack(templates, {**answers, OPEN: value}) for value in values}
    tops = {value: _tops(templates, layers) for value, layers in stacks.items()}
    for path in sorted({path for top in tops.values() for path in top}):
        names = {value: top[path] for value, top in tops.items() if path in top}
        always = len(set(names.values())) == 1 and len(names) == len(values)
        for value, name in list(names.items())[: 1 if always else None]:
            target = f"{PROJECT}/{path if always else _conditional(path, value)}"
            suffix = SUFFIX if name.endswith(SUFFIX) else ""
            files |= _with_refined(templates, stacks[value], name, target + suffix)
    return dict(sorted(files.items()))


def _tops(templates: Tree, layers: list[Layer]) -> dict[str, str]:
    """Path without suffix → the template of the highest layer that has it."""
    return {path.removesuffix(SUFFIX): f"{layer}/{path}" for layer in layers for path in paths(templates, layer)}


def _conditional(path: str, value: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}{'/' if folder else ''}{{% if {OPEN} == '{value}' %}}{name}{{% endif %}}"


def _with_refined(templates: Tree, layers: list[Layer], name: str, target: str) -> Iterator[tuple[str, File]]:
    """The template as `target`, then the chain of those it extends, each named literally as Copier wants it."""
    source = templates[name]
    if not name.endswith(SUFFIX):
        yield target, source
        return
    layer, path = split_layer(name)
    lower = refined(templates, layers, layer, path)

    def literal(match: re.Match[str]) -> str:
        resolved = lower if lower and split_layer(match["name"])[1] == path else match["name"]
        return f"{match['before']}{match['quote']}{LAYERS}/{resolved}{match['quote']}"

    text = _EXTENDS.sub(literal, source.content.decode())
    yield target, File(mode=source.mode, content=text.encode())
    if lower and lower in text:
        yield from _with_refined(templates, layers, lower, f"{LAYERS}/{lower}")


def _literal(value: Any) -> Any:
    """A default that Copier, which renders defaults, takes as it stands. Answers hold no quotes or backslashes."""
    return f'{{= "{value}" =}}' if isinstance(value, str) and "{" in value else value


def _questions(config: dict[str, Any], constants: Answers) -> str:
    content = {name: value for name, value in config.items() if name.startswith("_")}
    content["_subdirectory"] = PROJECT
    for name, question in config.items():
        if name in constants:
            content[name] = {"type": question["type"], "default": _literal(constants[name]), "when": False}
        elif not name.startswith("_"):
            content[name] = question
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    return text
