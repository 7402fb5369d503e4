"""What a level brings and asks: `levelN/level.yml` beside the level's folders, in sentences that are ready to print.

The file is no template: no layer contains it, so it is never rendered into a project.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from mlops_scaffold.errors import TemplateError
from mlops_scaffold.questions import load_yaml
from mlops_scaffold.tree import Tree

FILE = "level.yml"

_NAME = re.compile(rf"level([1-9]\d*)/{re.escape(FILE)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Criterion:
    """One sign that the level works in a team, which an outsider could check.

    Attributes:
        sign: What can be observed.
        ids: The requirements of the maturity model that it stands for.
    """

    sign: str
    ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One of the first commands to run at a level.

    Attributes:
        run: The command line.
        does: What it does.
    """

    run: str
    does: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """What a level brings and asks.

    Attributes:
        number: The level.
        name: Its name in a few words.
        adds: What a repository does from this level on.
        asks: Role → what changes for these people, what they do or decide.
        success: When the level works, not only in files.
        first: The commands to begin with, in order.
    """

    number: int
    name: str
    adds: tuple[str, ...]
    asks: Mapping[str, tuple[str, ...]]
    success: tuple[Criterion, ...]
    first: tuple[Command, ...]


def highest(templates: Tree) -> int:
    """The highest level that the templates describe; 0 when they describe none."""
    return max((int(found[1]) for name in templates if (found := _NAME.fullmatch(name))), default=0)


def on_the_way(templates: Tree, start: int, to: int) -> list[Level]:
    """The levels that a repository at level `start` passes on its way to level `to`, which is the last of them.

    Args:
        templates: All template files.
        start: The level of the repository.
        to: The level to go to. Nothing is on the way when it is not above `start`.

    Raises:
        TemplateError: One of the levels is not described, or wrongly.
    """
    return [read_level(templates, number) for number in range(start + 1, to + 1)]


def read_level(templates: Tree, number: int) -> Level:
    """Read what a level brings and asks.

    Args:
        templates: All template files.
        number: The level.

    Raises:
        TemplateError: The level's file is missing, is not YAML, or holds something else than is wanted.
    """
    name = f"level{number}/{FILE}"
    if name not in templates:
        raise TemplateError(f"The template {name} is missing. Describe the level there.")
    try:
        content = load_yaml(templates[name].content)
        fields = _fields(content, ("name", "adds", "asks", "success", "first"), "the file")
        return Level(
            number=number,
            name=_sentence(fields["name"], "name"),
            adds=_sentences(fields["adds"], "adds"),
            asks=_by_role(fields["asks"]),
            success=tuple(_criterion(item) for item in _list(fields["success"], "success")),
            first=tuple(_command(item) for item in _list(fields["first"], "first")),
        )
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise TemplateError(f"The template {name} is wrong: {reason}. Correct it there.") from error


def _fields(value: Any, names: tuple[str, ...], where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != set(names):
        raise ValueError(f"{where} must hold {', '.join(names)} and nothing else")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{where} must be a list that is not empty")
    return value


def _sentence(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError(f"{where} must hold text in one line, not {value!r}")
    return value


def _sentences(value: Any, where: str) -> tuple[str, ...]:
    return tuple(_sentence(item, where) for item in _list(value, where))


def _by_role(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not value:
        raise ValueError("asks must name roles, each with a list of sentences")
    return {_sentence(role, "asks"): _sentences(items, f"asks, {role},") for role, items in value.items()}


def _criterion(value: Any) -> Criterion:
    fields = _fields(value, ("sign", "ids"), "an item of success")
    return Criterion(sign=_sentence(fields["sign"], "sign"), ids=_sentences(fields["ids"], "ids"))


def _command(value: Any) -> Command:
    fields = _fields(value, ("run", "does"), "an item of first")
    return Command(run=_sentence(fields["run"], "run"), does=_sentence(fields["does"], "does"))
