"""A kit in memory: what it says, and how it lies on top of the built-in templates."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from mlops_scaffold.errors import AnswerError
from mlops_scaffold.layers import KIT
from mlops_scaffold.project import KitRecord
from mlops_scaffold.questions import QUESTIONS, TEMPLATE_VERSION, Answers, read_questions, to_bool
from mlops_scaffold.tree import File, Tree

FILE = "kit.toml"

TEXT = (
    "{% if not @.strip() %}Answer @: it is empty."
    "{% elif @ | length > 160 %}Give a shorter answer to @: it is longer than 160 characters."
    "{% elif not @.isprintable() or '\"' in @ or '\\\\' in @ or '<' in @ or '>' in @ %}"
    "Leave out quotes, backslashes, < and >: the answer to @ contains one, or a character that can't be printed."
    "{% endif %}"
)
"""What a free text must fulfil, so that it is safe in TOML, YAML, Markdown and Python alike."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question of the kit's own.

    Attributes:
        name: The variable in its templates.
        kind: `str`, `bool` or `int`.
        help: What a person is asked.
        default: What stands when nobody answers.
        choices: The answers to choose from; none for a free one.
        from_level: The level from which on it is asked.
    """

    name: str
    kind: str
    help: str
    default: str | int | bool
    choices: tuple[str | int, ...] = ()
    from_level: int = 1

    def for_copier(self) -> dict[str, Any]:
        """The same as `copier.yml` has it."""
        details: dict[str, Any] = {"type": self.kind, "help": self.help, "default": self.default}
        if self.choices:
            details["choices"] = list(self.choices)
        elif self.kind == "str":
            details["validator"] = TEXT.replace("@", self.name)
        if self.from_level > 1:
            details["when"] = f"{{= level >= {self.from_level} =}}"
        return details


@dataclass(frozen=True, kw_only=True)
class Kit:
    """A kit.

    Attributes:
        name: What it is called.
        version: Its version, as its authors count.
        description: What it is for, in a sentence; may be empty.
        levels: The levels that repositories may have, ascending.
        defaults: Answers that it suggests.
        locked: Answers that it gives, so that nobody is asked and nobody can give another one.
        questions: Its own questions.
        files: Its layers: `level1/project/…` → file.
        source: Where it was had from, as a project records that.
        ref: The tag, branch or commit that was wanted, or None.
        commit: The commit that its files are of, or None when they are of none.
    """

    name: str
    version: str
    description: str = ""
    levels: tuple[int, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    locked: Mapping[str, Any] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    files: Tree = field(default_factory=dict)
    source: str
    ref: str | None = None
    commit: str | None = None

    @property
    def record(self) -> KitRecord:
        """What a project keeps of it."""
        return KitRecord(name=self.name, version=self.version, source=self.source, ref=self.ref, commit=self.commit)

    @property
    def title(self) -> str:
        """Its name and version."""
        return f"{self.name} {self.version}"

    def with_locked(self, given: Answers) -> dict[str, Any]:
        """The given answers and the locked ones.

        Raises:
            AnswerError: Another answer is given than the locked one, or a level that the kit does not have.
        """
        for name, locked in self.locked.items():
            if name in given and not _is_same(given[name], locked):
                raise AnswerError(
                    f"The kit {self.title} locks {name} to {locked}, and {given[name]} was given. Leave {name} out, or "
                    "ask those who keep the kit."
                )
        level = given.get("level")
        if level is not None and str(level) not in map(str, self.levels):
            raise AnswerError(
                f"The kit {self.title} has no repositories of level {level}, only of {self.listed_levels}. Choose one "
                "of these, or ask those who keep the kit."
            )
        return {**given, **self.locked}

    def refuse_early(self, given: Answers, level: int) -> None:
        """Make sure that no question is answered before its level: the answer would not be recorded, and be forgotten.

        Raises:
            AnswerError: One is.
        """
        for question in self.questions:
            if question.name in given and question.name not in self.locked and question.from_level > level:
                raise AnswerError(
                    f"The kit {self.title} asks for {question.name} from level {question.from_level} on, and this is "
                    f"level {level}. Leave {question.name} out until then."
                )

    @property
    def listed_levels(self) -> str:
        """Its levels, for people."""
        return ", ".join(map(str, self.levels))

    def next_level(self, level: int) -> int | None:
        """The next level that repositories may have, or None."""
        return next((one for one in self.levels if one > level), None)


@dataclass(frozen=True, kw_only=True)
class Kits:
    """The kits of a repository that moves.

    Attributes:
        before: The one that it has, as it was taken; None when there is none, or when it can't be had.
        after: The one that it gets or keeps.
        newer: A newer version of it that is not taken: its tag, or None.
    """

    before: Kit | None = None
    after: Kit | None = None
    newer: str | None = None


def overlay(templates: Tree, kit: Kit | None) -> Tree:
    """The built-in templates with a kit on top: its layers, and its questions at the end of `copier.yml`.

    Args:
        templates: The built-in templates, of any version.
        kit: The kit; None gives the templates as they are.
    """
    if kit is None:
        return templates
    config = read_questions(templates)
    version = {name: details for name, details in config.items() if name == TEMPLATE_VERSION}
    config = {name: details for name, details in config.items() if name != TEMPLATE_VERSION}
    config["level"] = _allowed(config["level"], kit.levels)
    config |= {question.name: question.for_copier() for question in kit.questions}
    for name, answer in kit.defaults.items():
        hint = f"{config[name]['help']}\n  The kit {kit.name} suggests: {answer}"
        config[name] = {**config[name], "help": hint}
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = yaml.dump({**config, **version}, Dumper=dumper, sort_keys=False, allow_unicode=True)
    layers = {f"{KIT}{path}": file for path, file in kit.files.items()}
    return {**templates, QUESTIONS: File(content=text.encode()), **layers}


def _allowed(question: Mapping[str, Any], levels: tuple[int, ...]) -> dict[str, Any]:
    """The question for the level with those levels only."""
    listed = question.get("choices", [])
    choices: Any = [level for level in listed if level in levels]
    if isinstance(listed, dict):
        choices = {label: level for label, level in listed.items() if level in levels}
    default = question.get("default")
    # The help describes each level in a line of its own.
    lines = str(question.get("help", "")).split("\n")
    shown = [line for line in lines if not (found := re.match(r"\s+(\d)\s", line)) or int(found[1]) in levels]
    return {
        **question,
        "help": "\n".join(shown),
        "choices": choices,
        "default": default if default in levels else levels[0],
    }


def _is_same(given: Any, locked: Any) -> bool:
    """Whether an answer, as it may be typed, is the locked one."""
    if isinstance(locked, bool):
        try:
            return to_bool(given) is locked
        except ValueError:
            return False
    return str(given).strip().lower() == str(locked).strip().lower()
