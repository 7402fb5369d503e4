# ruff: noqa: INP001
"""Write the generated parts of the reference: `uv run python docs/generate.py`.

They stand in `reference/kit.md` between `<!-- generated: NAME -->` and `<!-- end -->`, and `reference/kit.schema.json`
is generated as a whole. `tests/test_reference.py` fails while one of them is not current.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlops_scaffold import bounded
from mlops_scaffold.kits import file, origin, paths, source
from mlops_scaffold.kits.schema import schema
from mlops_scaffold.questions import asked, choices, read_questions
from mlops_scaffold.templates import built_in
from mlops_scaffold.tree import Tree

REFERENCE = Path(__file__).with_name("reference")

PART = re.compile(r"(?<=<!-- generated: )(?P<name>\w+) -->\n.*?(?=<!-- end -->)", re.DOTALL)

BLOCKS: Mapping[str, Mapping[str, str]] = {
    "level1/github/.github/workflows/ci.yml": {
        "lint_steps": "more steps of the job Lint",
        "test_steps": "more steps of the job Test, for each version of Python",
        "build_steps": "more steps of the job Build, when the image is built and has answered",
        "jobs": "more jobs",
    },
    "level1/github/.github/CODEOWNERS": {"more": "more owners; the last line that matches a path wins"},
    "level1/github/.github/dependabot.yml": {"updates": "more that is to be kept up to date"},
    "level1/github/.github/pull_request_template.md": {"lines": "more lines of the list"},
    "level1/project/pyproject.toml": {
        "dev_dependencies": "more packages of the group `dev`",
        "uv": "tables for uv, such as `[[tool.uv.index]]`",
        "tools": "tables for other tools",
    },
    "level1/project/ops/pyproject.toml": {"dependencies": "more packages of the application"},
    "level1/project/Dockerfile": {"build": "more that the image needs while it is built, such as certificates"},
    "level1/project/.pre-commit-config.yaml": {"hooks": "more hooks"},
    "level1/project/.gitignore": {"more": "more that git ignores"},
    "level1/project/.dockerignore": {"more": "more that is no part of the image"},
    "level1/project/README.md": {"team": "a section before the last one"},
    "level1/project/SECURITY.md": {"more": "more rules"},
    "level1/compose/compose.yaml": {
        "environment": "more variables of the service",
        "services": "more services",
    },
}
"""The blocks that kits may rely on: to rename one, or to take it away, breaks kits."""

DERIVED = {
    "distribution_name": "the package's name with hyphens, as in `pyproject.toml`",
    "supported_pythons": "`python_version` and all newer ones, a list",
    "target": "the column that the demo predicts",
    "template_version": "the version of `mlops-scaffold`",
}
"""Variables that are no questions. The others of that kind are our own business."""


def generated(templates: Tree) -> dict[str, str]:
    """The generated parts of `kit.md`, by name."""
    return {
        "settings": _settings(json.loads(schema(templates))),
        "variables": _variables(templates),
        "blocks": _blocks(templates),
        "bounds": _bounds(),
    }


def files() -> dict[Path, str]:
    """What the generated files must be."""
    templates = built_in()
    parts = generated(templates)
    page = REFERENCE / "kit.md"
    text = PART.sub(lambda found: f"{found['name']} -->\n{parts[found['name']]}", page.read_text(encoding="utf-8"))
    return {page: text, REFERENCE / "kit.schema.json": schema(templates)}


def _settings(content: Mapping[str, Any]) -> str:
    """The tables of settings, out of the schema, so that the page and editors say the same."""
    settings, definitions = content["properties"], content["$defs"]
    top = {name: one for name, one in settings.items() if one.get("type") == "string"}
    both = "\n".join(f"- `[{name}]`: {settings[name]['description']}" for name in ("answers", "locked"))
    answers = [
        (f"`{name}`", _type(one), one["description"]) for name, one in settings["answers"]["properties"].items() if one
    ]
    question = definitions["KitQuestion"]
    lines = [
        *("", "### At the top", "", *_setting_rows(top, content["required"])),
        *("", "### `[levels]`", "", settings["levels"]["description"], ""),
        *_setting_rows(definitions["Levels"]["properties"], definitions["Levels"]["required"]),
        *("", "### `[answers]` and `[locked]`", "", both, ""),
        *_table(("answer", "type", "the question"), answers),
        *("", "### `[questions.NAME]`", "", question["description"], ""),
        *_setting_rows(question["properties"], question["required"]),
    ]
    return "\n".join([*lines, "", ""])


def _setting_rows(settings: Mapping[str, Any], required: Iterable[str]) -> list[str]:
    rows = [
        (f"`{name}`", _type(one), _default(one, is_required=name in required), one["description"])
        for name, one in settings.items()
    ]
    return _table(("setting", "type", "default", "what it is"), rows)


def _type(details: Mapping[str, Any]) -> str:
    if "anyOf" in details:
        return " or ".join(_type(one) for one in details["anyOf"])
    if "enum" in details:
        return ", ".join(f"`{json.dumps(value)}`" for value in details["enum"])
    kind = details["type"]
    if kind == "array":
        return f"list of: {_type(details['items'])}"
    name = {"string": "text", "integer": "whole number", "boolean": "true or false"}[kind]
    if "minimum" in details:
        name += f" from {details['minimum']} to {details['maximum']}"
    if "maxLength" in details:
        name += f" of at most {details['maxLength']} characters"
    if "pattern" in details:
        name += f", `{details['pattern']}`"
    return name.replace("|", "\\|")


def _default(details: Mapping[str, Any], *, is_required: bool) -> str:
    if is_required:
        return "*must be given*"
    default = details.get("default")
    return "none" if default in (None, "", []) else f"`{json.dumps(default)}`"


def _variables(templates: Tree) -> str:
    config = read_questions(templates)
    rows = []
    for name, question in config.items():
        if name in asked(config):
            listed = ", ".join(f"`{choice}`" for choice in choices(question))
            rows.append((f"`{name}`", listed or "text", str(question["help"]).splitlines()[0]))
        elif name in DERIVED:
            rows.append((f"`{name}`", "derived", DERIVED[name]))
    return "\n".join(["", *_table(("variable", "values", "what it is"), rows), "", ""])


def _blocks(templates: Tree) -> str:
    rows = []
    for path, described in BLOCKS.items():
        for block, what in described.items():
            filled = [name.split("/")[0].removeprefix("level") for name in _above(templates, path, block)]
            rows.append((f"`{path}`", f"`{block}`", what, f"from level {min(filled)} on" if filled else ""))
    return "\n".join(["", *_table(("file", "block", "place for", "has a text"), rows), "", ""])


def _above(templates: Tree, path: str, block: str) -> list[str]:
    """The built-in files of higher levels that fill a block."""
    ending = f"{path.partition('/')[2]}.jinja"
    begins = f"{{% block {block} %}}".encode()
    return [
        name
        for name, found in templates.items()
        if name.partition("/")[2] == ending and not name.startswith("level1/") and begins in found.content
    ]


def _bounds() -> str:
    rows = [
        ("files of a kit", f"{source.FILES:,}"),
        ("bytes of one file", f"{source.FILE_BYTES:,}"),
        ("bytes of all files", f"{source.BYTES:,}"),
        ("bytes of `kit.toml`", f"{file.BYTES:,}, with {file.LINE_CHARACTERS:,} characters in each line"),
        ("entries of each table of it", f"{file.ENTRIES}"),
        ("folders in each other", f"{paths.DEPTH}"),
        ("to fetch it", f"{source.FETCH.seconds} s, {source.FETCH.file or 0:,} bytes"),
        ("to render a repository, or to check", f"{bounded.BOUNDS.seconds} s, {bounded.BOUNDS.memory or 0:,} bytes"),
        ("bytes of a repository that it makes", f"{bounded.BYTES:,}"),
        ("bytes of each part of a path, and of all of it", f"{paths.NAME_BYTES}, {paths.PATH_BYTES}"),
        ("characters of a tag or branch", f"{origin.REF_CHARACTERS}"),
        ("characters of the name of a question", f"{file.NAME_CHARACTERS}"),
    ]
    return "\n".join(["", *_table(("bound", "at most"), rows), "", ""])


def _table(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    def line(cells: Iterable[str]) -> str:
        return " ".join(["|", " | ".join(cells), "|"])

    return [line(heading), "|" + "---|" * len(list(heading)), *map(line, rows)]


def main() -> None:
    """Write the generated files."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
