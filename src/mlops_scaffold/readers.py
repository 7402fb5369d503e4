"""Whether a file of a known kind can be read, as the programs that need it read it."""

import ast
import json
import tomllib
import warnings
from collections.abc import Callable
from pathlib import PurePosixPath

import yaml


def problem(path: str, content: bytes) -> str | None:
    """Why a file of TOML, YAML, JSON or Python can't be read, or None; also None for a file of another kind."""
    if PurePosixPath(path).suffix not in READERS:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            READERS[PurePosixPath(path).suffix](content.decode())
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        return f"{line}{error.problem or error}"
    except (ValueError, SyntaxError, yaml.YAMLError) as error:
        return " ".join(str(error).split())
    except RecursionError:  # deeper than any reader of ours goes: not our business
        return None
    return None


def _read_json(text: str) -> None:
    json.loads(text, object_pairs_hook=_without_repeated_keys)


def _without_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} is there twice")
        found[key] = value
    return found


def _read_yaml(text: str) -> None:
    """PyYAML takes the last of equal keys, but the readers of workflows and compose files refuse them."""
    waiting = [node for node in yaml.compose_all(text, yaml.SafeLoader) if node is not None]
    seen: set[int] = set()  # an alias leads to the same node again
    while waiting:
        node = waiting.pop()
        if id(node) in seen or isinstance(node, yaml.ScalarNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            _refuse_repeated_keys(node)
            waiting += [value for _, value in node.value]
        else:
            waiting += node.value


def _refuse_repeated_keys(mapping: yaml.MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in mapping.value:
        if isinstance(key, yaml.ScalarNode) and key.value != "<<":
            line = key.start_mark.line + 1
            if key.value in lines:
                raise ValueError(f"the key {key.value!r} is in lines {lines[key.value]} and {line}")
            lines[key.value] = line


READERS: dict[str, Callable[[str], object]] = {
    ".ipynb": _read_json,
    ".json": _read_json,
    ".py": ast.parse,
    ".toml": tomllib.loads,
    ".yaml": _read_yaml,
    ".yml": _read_yaml,
}
"""How each kind of file is read; an error is a ValueError, a SyntaxError or one of YAML's."""
