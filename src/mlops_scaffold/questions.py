"""The questions of `copier.yml`, resolved from what was given and from defaults, by Copier's rules.

Copier is the oracle here too: for the same given answers its engine ends with the same ones. The rules that matter:
an answer that was given wins, then a caller's default, then the question's own, which may be a template over the
answers above it; every answer is cast to the question's type, must be one of its choices, and its validator must render
to nothing; a question whose `when` is false is not asked, its default is computed and not validated. Source:
https://copier.readthedocs.io/en/stable/configuring/#questions
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jinja2
import yaml
from jinja2.sandbox import SandboxedEnvironment

from mlops_scaffold.errors import AnswerError
from mlops_scaffold.tree import Tree

Answers = Mapping[str, Any]

QUESTIONS = "copier.yml"
"""The file that holds the questions, at the root of the templates."""

TEMPLATE_VERSION = "template_version"
"""The one hidden question that the program answers, with its own version."""

MISSING = object()


def load_yaml(text: bytes | str) -> Any:
    """Parse YAML safely, by libyaml where it is compiled in.

    Raises:
        yaml.YAMLError: The text is not YAML.
    """
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders


def read_questions(templates: Tree) -> dict[str, Any]:
    """The content of `copier.yml`: settings (names with a leading underscore) and questions."""
    config: dict[str, Any] = load_yaml(templates[QUESTIONS].content)
    return config


def environment_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Jinja's options as `copier.yml` states them in `_envops`, which both engines read."""
    options = {"keep_trailing_newline": True, **config.get("_envops", {})}
    if options.get("undefined") == "jinja2.StrictUndefined":
        options["undefined"] = jinja2.StrictUndefined
    return options


def is_hidden(question: Mapping[str, Any]) -> bool:
    """Whether a question is a constant or computed value that nobody is asked for."""
    return question.get("when") is False


def asked(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The questions that people answer, in order, by name."""
    return {name: q for name, q in config.items() if not name.startswith("_") and not is_hidden(q)}


def only_asked(config: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """The answers to questions that there are: those of other templates may have had more."""
    names = asked(config)
    return {name: answer for name, answer in answers.items() if name in names}


def choices(question: Mapping[str, Any]) -> list[Any]:
    """The values that a question offers; those that carry a complaint are only shown."""
    return [value for value in _listed(question) if not isinstance(value, dict)]


def _listed(question: Mapping[str, Any]) -> list[Any]:
    """The right-hand sides of a question's choices, whether written as a list or with labels."""
    listed = question.get("choices", [])
    return list(listed.values() if isinstance(listed, dict) else listed)


def resolve(config: Mapping[str, Any], given: Answers, defaults: Answers) -> dict[str, Any]:
    """Answer every question.

    Args:
        config: The content of `copier.yml`.
        given: Answers that are settled; text is cast to the question's type.
        defaults: Suggestions that replace a question's own default; one that its question rejects is ignored.

    Returns:
        Every answer, computed ones included, in the order of the questions.

    Raises:
        AnswerError: An answer belongs to no question or is not accepted by its question.
    """
    names = [name for name in config if not name.startswith("_")]
    open_to_people = asked(config)
    if unknown := [name for name in given if name not in open_to_people and name != TEMPLATE_VERSION]:
        known = ", ".join(open_to_people)
        raise AnswerError(f"There is no question called {unknown[0]}. The questions are: {known}.")
    environment = _environment(tuple(environment_options(config).items()))
    answers: dict[str, Any] = {}
    for name in names:
        answer = _Question(name, config[name], environment, answers).answer(given, defaults)
        if answer is not MISSING:
            answers[name] = answer
    return answers


class _Question:
    """One question in the light of the answers above it."""

    def __init__(
        self, name: str, details: Mapping[str, Any], environment: SandboxedEnvironment, answers: Answers
    ) -> None:
        self._name = name
        self._details = details
        self._environment = environment
        self._answers = answers

    def answer(self, given: Answers, defaults: Answers) -> Any:
        if self._name in given:
            return self._accept(given[self._name])
        if self._name in defaults:
            try:
                return self._accept(defaults[self._name])
            except AnswerError:
                pass
        if "default" not in self._details:
            return MISSING
        default = self._render(self._details["default"])
        return self._accept(default) if self._is_asked() else self._cast(default)

    def _is_asked(self) -> bool:
        return to_bool(self._render(self._details.get("when", True)))

    def _accept(self, value: Any) -> Any:
        answer = self._choose(self._cast(value))
        complaint = self._render(self._details.get("validator", ""), {self._name: answer}).strip()
        if complaint:
            raise AnswerError(complaint)
        return answer

    def _cast(self, value: Any) -> Any:
        kind = self._details.get("type", "str")
        try:
            return _CASTS[kind](value)
        except (TypeError, ValueError, OverflowError, yaml.YAMLError) as error:
            label = {"int": "a whole number", "float": "a number", "bool": "yes or no", "str": "text"}.get(kind, kind)
            shown = repr(value) if isinstance(value, str | int | float) else type(value).__name__
            raise AnswerError(f"The answer to {self._name}, {shown:.60}, is not {label}. Give {label}.") from error

    def _choose(self, answer: Any) -> Any:
        listed = _listed(self._details)
        if not listed:
            return answer
        offered = []
        for choice in listed:
            value, complaint = choice, ""
            if isinstance(choice, dict):
                value, complaint = choice["value"], self._render(choice.get("validator", ""))
            value = self._cast(value)
            if value == answer and complaint:
                raise AnswerError(complaint)
            if value == answer:
                return answer
            if not complaint:
                offered.append(str(value))
        raise AnswerError(f"{answer} is not a choice for {self._name}. Choose one of: {', '.join(offered)}.")

    def _render(self, value: Any, extra: Answers | None = None) -> Any:
        if not isinstance(value, str) or "{" not in value:
            return value
        return _compiled(self._environment, value).render({**self._answers, **(extra or {})})


@lru_cache(maxsize=8)
def _environment(options: tuple[tuple[str, Any], ...]) -> SandboxedEnvironment:
    return SandboxedEnvironment(**dict(options))


@lru_cache(maxsize=256)
def _compiled(environment: SandboxedEnvironment, text: str) -> jinja2.Template:
    """Questions are answered again for each level that is looked at, and to compile a validator takes milliseconds."""
    return environment.from_string(text)


def _to_str(value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise TypeError
    return str(value)


def to_bool(value: Any) -> bool:
    """A yes or no, however it is written.

    Raises:
        ValueError: It is neither.
    """
    words = {"y": True, "yes": True, "t": True, "true": True, "on": True, "1": True}
    words |= {"": False, "n": False, "no": False, "f": False, "false": False, "off": False, "0": False}
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in words:
        raise ValueError
    return words[word]


def _to_int(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return int(value)


_CASTS: Mapping[str, Callable[[Any], Any]] = {
    "str": _to_str,
    "int": _to_int,
    "float": float,
    "bool": to_bool,
    "yaml": lambda value: load_yaml(value) if isinstance(value, str) else value,
}
