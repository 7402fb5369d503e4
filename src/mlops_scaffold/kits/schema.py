"""The JSON schema of `kit.toml`, for editors: what `file.py` accepts, as far as a schema can say it."""

import json
from collections.abc import Mapping
from typing import Any

from mlops_scaffold.kits.file import NAME_CHARACTERS, VARIABLE, KitFile
from mlops_scaffold.questions import asked, choices, read_questions
from mlops_scaffold.tree import Tree


def schema(templates: Tree) -> str:
    """The JSON schema of `kit.toml`, for editors: with the questions that there are, and what may be answered.

    Args:
        templates: The built-in templates.
    """
    config = read_questions(templates)
    content: dict[str, Any] = _without_titles(KitFile.model_json_schema())
    properties = {name: _property(question) for name, question in asked(config).items() if name != "level"}
    for table in ("answers", "locked"):
        content["properties"][table]["properties"] = {"level": False, **properties}
    (levels, _) = content["properties"]["levels"].pop("anyOf")
    content["properties"]["levels"] |= levels
    del content["properties"]["levels"]["default"]
    content["properties"]["questions"]["propertyNames"] = {"pattern": VARIABLE, "maxLength": NAME_CHARACTERS}
    known = choices(config["level"])
    content["$defs"]["Levels"]["properties"]["allowed"]["items"] = {"enum": known}
    from_level = content["$defs"]["KitQuestion"]["properties"]["from_level"]
    content["$defs"]["KitQuestion"]["properties"]["from_level"] = {
        "enum": known,
        **{name: from_level[name] for name in ("default", "description")},
    }
    content = {"$schema": "https://json-schema.org/draft/2020-12/schema", **content}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _without_titles(content: Any) -> Any:
    """A schema without the titles that pydantic makes of names."""
    if isinstance(content, dict):
        return {key: _without_titles(value) for key, value in content.items() if key != "title"}
    return [_without_titles(value) for value in content] if isinstance(content, list) else content


def _property(question: Mapping[str, Any]) -> dict[str, Any]:
    details: dict[str, Any] = {"description": str(question["help"]).splitlines()[0]}
    if listed := choices(question):
        details["enum"] = listed
    else:
        details["type"] = {"str": "string", "int": "integer", "bool": "boolean"}[question["type"]]
    return details
