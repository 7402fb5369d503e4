"""Whether a file that git has merged by lines can still be read.

Git knows lines and no grammar. A clean merge can give a key twice, or an entry without its section.
"""

import ast
import json
import tomllib
import warnings
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

import yaml

from mlops_scaffold.checkout import Checkout
from mlops_scaffold.fast_import import Workshop


def spoilt(checkout: Checkout, workshop: Workshop, tree: str, paths: Sequence[str]) -> dict[str, str]:
    """The merged files that can't be read, and why, though the team's own can.

    Args:
        checkout: The team's repository.
        workshop: Where the objects of the merge are.
        tree: The merged tree.
        paths: Files that both sides have changed.
    """
    known = [path for path in paths if PurePosixPath(path).suffix in READERS]
    before, after = (checkout.entries(name, known, env=workshop.env) for name in ("HEAD", tree))
    contents = checkout.blobs([entry.id for entry in (*before.values(), *after.values())], env=workshop.env)
    found: dict[str, str] = {}
    for path in known:
        if path in before and path in after and problem(path, contents[before[path].id]) is None:
            reason = problem(path, contents[after[path].id])
            found |= {path: reason} if reason else {}
    return found


def problem(path: str, content: bytes) -> str | None:
    """Why a file of TOML, YAML, JSON or Python can't be read, or None."""
    try:
        with warnings.catch_warnings(action="ignore"):
            READERS[PurePosixPath(path).suffix](content.decode())
    except (ValueError, SyntaxError, yaml.YAMLError) as error:
        return " ".join(str(error).split())
    except RecursionError:  # deeper than any reader of ours goes: not our business
        return None
    return None


def _read_json(text: str) -> None:
    json.loads(text, object_pairs_hook=_without_repeated_keys)


def _without_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    for place, (key, _) in enumerate(pairs):
        if key in {name for name, _ in pairs[:place]}:
            raise ValueError(f"the key {key!r} is there twice")
    return dict(pairs)


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
