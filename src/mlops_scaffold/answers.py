"""Where answers come from besides a person: the command line, a file, the surroundings."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from mlops_scaffold import __version__, git
from mlops_scaffold.errors import AnswerError, UsageError
from mlops_scaffold.questions import TEMPLATE_VERSION, load_yaml


def from_command_line(*, level: int | None, data: Sequence[str], answers_file: Path | None) -> dict[str, Any]:
    """The given answers: the file's, then `-d`, then the options, the later one winning.

    Args:
        level: `--level`, or None.
        data: `KEY=VALUE` texts, as typed.
        answers_file: A YAML mapping of answers, or a repository's `project.yml`.

    Raises:
        UsageError: A text is not `KEY=VALUE`, or the file can't be read as YAML answers.
        AnswerError: A name is given that nobody may answer.
    """
    given = _from_file(answers_file) if answers_file else {}
    for text in data:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"-d {text} is not KEY=VALUE. Write for instance -d task=regression.")
        given[key.strip()] = value.strip()
    if level is not None:
        given["level"] = level
    if TEMPLATE_VERSION in given:
        raise AnswerError(f"{TEMPLATE_VERSION} is the version of mlops-scaffold itself and can't be set. Leave it out.")
    return {**given, TEMPLATE_VERSION: __version__}


def _from_file(path: Path) -> dict[str, Any]:
    try:
        content = load_yaml(path.read_bytes())
    except OSError as error:
        raise UsageError(f"The answers file {path} can't be read: {(error.strerror or str(error)).lower()}.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"The answers file {path} is not YAML. Write one `key: value` per line.") from error
    if not isinstance(content, dict):
        raise UsageError(f"The answers file {path} is not a mapping. Write one `key: value` per line.")
    if isinstance(content.get("answers"), dict):
        # A repository's own project.yml: its template version belongs to that repository.
        level = {"level": content["level"]} if "level" in content else {}
        return {**level, **content["answers"]}
    return {str(key): value for key, value in content.items()}


def suggestions(destination: Path) -> dict[str, str]:
    """Defaults from the surroundings: the directory's name, and who git says the author is."""
    folder = destination if destination.is_dir() else destination.absolute().parent
    folder = folder if folder.is_dir() else Path.cwd()
    user = git.configured_user(folder)
    words = re.sub(r"[-_\s]+", " ", destination.absolute().name).strip()
    found = {
        "project_name": words[:1].upper() + words[1:],
        "author_name": user.get("user.name"),
        "author_email": user.get("user.email"),
    }
    return {key: value for key, value in found.items() if value}
