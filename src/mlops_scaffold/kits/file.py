"""`kit.toml`: what it may hold, and reading it. Only commands that load a kit import this: pydantic takes its time."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlops_scaffold.errors import AnswerError, KitError
from mlops_scaffold.kits.kit import FILE, Question
from mlops_scaffold.questions import TEMPLATE_VERSION, asked, choices, resolve

NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
NAME_CHARACTERS = 40

VARIABLE = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"

WORDS_OF_JINJA = (
    "and as block caller cycler dict else false for if import in include is joiner kwargs lipsum loop macro namespace "
    "none not or range self set super true varargs with"
)
WORDS_OF_YAML = "n no null off on y yes"
TAKEN = frozenset(f"{WORDS_OF_JINJA} {WORDS_OF_YAML}".split())
"""Names that templates, or the record of the answers, would read as something else."""

BYTES = 64_000
LINE_CHARACTERS = 1000
ENTRIES = 60
FINDINGS = 20
"""So that no text, however it is made, takes long to read."""

KINDS = {"str": "text; write it in quotes", "bool": "true or false", "int": "a whole number"}

PATTERNS = {
    "name": "It holds lower-case letters and digits, with hyphens between, for instance our-kit.",
    "version": "It is a version, for instance 1.0.0.",
}

Level = Annotated[int, Field(ge=1, le=9)]
PLAIN = r"^[^{}]*$"
"""Texts are taken as they are, never as templates."""

Text = Annotated[str, Field(min_length=1, max_length=200, pattern=PLAIN)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Levels(_Table):
    """Which levels repositories may have."""

    allowed: Annotated[
        list[Level], Field(min_length=1, description="The levels that are offered, for instance [1, 2].")
    ]


class KitQuestion(_Table):
    """A question of the kit's own. Its name is the variable in the kit's templates."""

    type: Literal["str", "bool", "int"] = Field("str", description="What the answer is.")
    help: Text = Field(description="What a person is asked, in one sentence.")
    default: str | bool | int = Field(description="What stands when nobody answers.")
    choices: list[str | int] = Field([], description="The answers to choose from. Without it any text will do.")
    from_level: Level = Field(1, description="The level from which on it is asked.")


class KitFile(_Table):
    """The file `kit.toml` of a kit for mlops-scaffold."""

    name: Annotated[str, Field(pattern=NAME, max_length=60)] = Field(
        description="What the kit is called: lower-case letters, digits and hyphens."
    )
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.+-]{1,40}$")] = Field(
        description="Its version. Tag the commit with it, as `v1.0.0`: `update` offers the newest such tag."
    )
    description: str = Field("", max_length=200, pattern=PLAIN, description="What it is for, in one sentence.")
    levels: Levels | None = Field(None, description="Which levels repositories may have. Without it: all.")
    answers: dict[str, str | bool | int] = Field(
        {},
        max_length=ENTRIES,
        description="Answers that it suggests. A person sees them as defaults and may change them.",
    )
    locked: dict[str, str | bool | int] = Field(
        {},
        max_length=ENTRIES,
        description="Answers that it gives. Nobody is asked for them, and nobody can give another one.",
    )
    questions: dict[str, KitQuestion] = Field(
        {}, max_length=ENTRIES, description="Questions of its own, by the name of the variable."
    )


def read_kit_file(content: bytes, config: Mapping[str, Any]) -> KitFile:
    """Read `kit.toml`.

    Args:
        content: Its bytes.
        config: The built-in questions, the content of `copier.yml`.

    Raises:
        KitError: It is not TOML, or something in it can't be; the message names each line.
    """
    try:
        text = content.decode("utf-8-sig")
        if len(content) > BYTES or max(map(len, text.split("\n")), default=0) > LINE_CHARACTERS:
            raise KitError(
                f"{FILE} is too large: it may have {BYTES:,} bytes, and each line {LINE_CHARACTERS:,} characters. "
                "Shorten it."
            )
        file = KitFile.model_validate(tomllib.loads(text))
    except UnicodeDecodeError as error:
        raise KitError(f"{FILE} is not UTF-8 text. Save it as UTF-8.") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise KitError(f"{FILE} is not TOML: {error}. Mend it there.") from error
    except ValidationError as error:
        found = [(_without_types(one["loc"]), _sentence(one)) for one in error.errors()]
        raise _wrong(text, found) from error
    if problems := list(islice(_problems(file, config), FINDINGS)):
        raise _wrong(text, problems)
    return file


def questions(file: KitFile) -> tuple[Question, ...]:
    """The kit's own questions."""
    return tuple(
        Question(
            name=name,
            kind=one.type,
            help=one.help,
            default=one.default,
            choices=tuple(one.choices),
            from_level=one.from_level,
        )
        for name, one in file.questions.items()
    )


def line_of(text: str, place: Sequence[str]) -> int:
    """The line of a setting in a TOML text; that of the nearest table above it when it is written in another way.

    Args:
        text: The text.
        place: The names that lead to the setting, for instance `("locked", "license")`.
    """
    best, deepest = 1, -1
    table: tuple[str, ...] = ()
    for line, raw in enumerate(text.splitlines(), 1):
        start = raw.strip()
        if start.startswith("["):
            here = table = _parts(start.strip("[").partition("]")[0])
        elif "=" in start and not start.startswith("#"):
            here = (*table, *_parts(start.partition("=")[0]))
        else:
            continue
        if here == tuple(place[: len(here)]) and len(here) > deepest:
            best, deepest = line, len(here)
    return best


def _parts(key: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in key.split("."))


def _wrong(text: str, found: Iterable[tuple[tuple[str, ...], str]]) -> KitError:
    shown = list(islice(dict.fromkeys(found), FINDINGS))
    told = {f"{FILE}:{line_of(text, place)}: {' '.join(sentence.splitlines())}" for place, sentence in shown}
    return KitError("\n".join(sorted(told, key=_by_line)))


def _by_line(sentence: str) -> tuple[int, str]:
    return int(sentence.split(":", 2)[1]), sentence


def _sentence(error: Any) -> str:
    """What pydantic found, in our words."""
    place, kind = ".".join(_without_types(error["loc"])), error["type"]
    shown = f"{place} is {error['input']!r:.40}."
    if place.startswith("levels.") and kind != "extra_forbidden":
        return f"{shown} Write the levels as a list, for instance [1, 2]."
    table = f"{place} must be a table, [{place}]. See the reference of kit.toml."
    words = {
        "dict_type": table,
        "extra_forbidden": f"{place} is no setting of a kit. Leave it out, or see the reference of kit.toml.",
        "list_type": f"{place} must be a list. See the reference of kit.toml.",
        "missing": f"{place} is missing. Add it.",
        "model_type": table,
        "string_pattern_mismatch": f"{shown} {PATTERNS.get(place, 'Leave out curly brackets.')}",
        "too_long": f"{place} has more than {ENTRIES} entries. Leave some out.",
    }
    if kind.endswith("_type"):
        return words.get(kind, f"{shown} Write text in quotes; true, false and whole numbers without.")
    return words.get(kind, f"{place}: {error['msg'][:1].lower()}{error['msg'][1:].rstrip('.')}.")


def _without_types(place: Sequence[Any]) -> tuple[str, ...]:
    """Where an error is; pydantic adds the type that was tried."""
    names = [str(name) for name in place]
    while names and names[-1] in ("str", "bool", "int"):
        names.pop()
    return tuple(names)


def _problems(file: KitFile, config: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong although each value is of its type."""
    for place, text in _texts(file):
        if not text.isprintable() or "{" in text or "}" in text:
            yield place, f"{place[-1]} holds a curly bracket or a character that can't be printed. Leave it out."
    levels = choices(config["level"])
    for level in file.levels.allowed if file.levels else []:
        if level not in levels:
            yield ("levels", "allowed"), f"There is no level {level}. The levels are {', '.join(map(str, levels))}."
    yield from _about_questions(file, config)
    yield from _about_answers(file, config)


def _texts(file: KitFile) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text that is printed or becomes an answer: texts are taken as they are, never as templates."""
    yield ("description",), file.description
    for table in ("answers", "locked"):
        for name, answer in getattr(file, table).items():
            yield (table, name), str(answer)
    for name, question in file.questions.items():
        yield ("questions", name, "help"), question.help
        yield ("questions", name, "default"), str(question.default)
        for choice in question.choices:
            yield ("questions", name, "choices"), str(choice)


def _about_questions(file: KitFile, config: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, question in file.questions.items():
        place = ("questions", name)
        if not re.fullmatch(VARIABLE, name) or name in TAKEN or name.startswith("kit_") or len(name) > NAME_CHARACTERS:
            yield place, f"{name} can't be a variable of templates. Use lower-case words with underscores."
        elif name in config:
            yield place, f"{name} is a question that exists already. Choose another name, or set it in [answers]."
        elif question.type == "bool" and question.choices:
            yield (*place, "choices"), f"{name} is answered by yes or no, so there is nothing to choose. Leave it out."
        elif wrong := [one for one in question.choices if not _is(question.type, one)]:
            yield (*place, "choices"), f"{wrong[0]!r} is a choice of {name}, which must be {KINDS[question.type]}."
        elif problem := _not_accepted(name, question.default, _as_config(file, name)):
            yield (*place, "default"), problem


def _about_answers(file: KitFile, config: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    known = [name for name in asked(config) if name != "level"]
    for table in ("answers", "locked"):
        for name, answer in getattr(file, table).items():
            if name == "level":
                yield (table, name), "The level is set by [levels] allowed. Leave it out here."
            elif name in file.questions:
                if problem := _not_accepted(name, answer, _as_config(file, name)):
                    yield (table, name), problem
            elif name not in known:
                listed = ", ".join([*known, *file.questions])
                yield (table, name), f"There is no question called {name}. The questions are: {listed}."
            elif problem := _not_accepted(name, answer, config):
                yield (table, name), problem
            if table == "locked" and name in file.answers:
                yield (table, name), f"{name} is in [answers] too. Keep one of them."


def _as_config(file: KitFile, name: str) -> dict[str, Any]:
    """One question of the kit's as `copier.yml` would have it, asked at each level."""
    (question,) = [one for one in questions(file) if one.name == name]
    return {name: {**question.for_copier(), "when": True}}


def _is(kind: str, value: Any) -> bool:
    return type(value) is {"str": str, "bool": bool, "int": int}[kind]


def _not_accepted(name: str, answer: Any, config: Mapping[str, Any]) -> str | None:
    kind = config[name]["type"]
    if not _is(kind, answer):
        return f"{name} is {answer!r}, and must be {KINDS[kind]}."
    version = {TEMPLATE_VERSION: ""} if TEMPLATE_VERSION in config else {}
    try:
        resolve(config, {name: answer, **version}, {})
    except AnswerError as error:
        return str(error)
    return None
