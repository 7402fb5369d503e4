"""What is shown of kits."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_scaffold.kits.blocks import Finding
from mlops_scaffold.kits.checking import Checked
from mlops_scaffold.kits.content import ADDS, EXTENDS, REPLACES, Content
from mlops_scaffold.kits.kit import Kit, Question
from mlops_scaffold.new import Created
from mlops_scaffold.project import KIT_FIELDS
from mlops_scaffold.report.creation import for_shell
from mlops_scaffold.report.records import kit_line


def started(made: Created) -> str:
    """What `kit init` ends with."""
    place = made.destination
    lines = [
        f"A kit is in {place}: {made.files} files. Its README.md says what each is for.",
        *(f"Note: {note}" for note in made.notes),
        "",
        "Next:",
        f"  mlops-scaffold kit check {for_shell(place)}    render every level and option with it",
        f"  mlops-scaffold new demo --kit {for_shell(place)}    make a repository with it",
    ]
    return "\n".join(lines)


def checked(found: Checked) -> str:
    """What was found in a kit, for people."""
    lines = [f"{_place(one)}: {'' if one.is_error else 'note: '}{one.what}" for one in found.findings]
    lines += [f"Note: {found.note}"] if found.note else []
    levels = ", ".join(map(str, found.kit.levels))
    looked = f"{found.kit.title}: {found.projects} projects were rendered, of level {levels}"
    if found.errors:
        return "\n".join([*lines, f"{looked}. To be mended: {found.errors}."])
    return "\n".join([*lines, f"{looked}. Nothing is wrong."])


def checked_data(found: Checked) -> dict[str, Any]:
    """The same for programs."""
    return {
        "name": found.kit.name,
        "version": found.kit.version,
        "levels": list(found.kit.levels),
        "projects": found.projects,
        "errors": found.errors,
        "findings": [
            {"file": one.file, "line": one.line, "what": one.what, "error": one.is_error} for one in found.findings
        ],
        "note": found.note,
    }


def shown(kit: Kit, content: Sequence[Content]) -> str:
    """What a kit holds, for people."""
    lines = [kit_line(kit.record), *([kit.description] if kit.description else []), ""]
    lines += [f"Levels: {', '.join(map(str, kit.levels))}"]
    lines += _table("Locks", {name: str(answer) for name, answer in kit.locked.items()})
    lines += _table("Suggests", {name: str(answer) for name, answer in kit.defaults.items()})
    lines += _table("Asks", {one.name: _question(one) for one in kit.questions if one.name not in kit.locked})
    for does, heading in ((EXTENDS, "Extends"), (REPLACES, "Replaces"), (ADDS, "Adds")):
        files: dict[str, str] = {}
        for one in content:
            if one.does == does:
                before = files.get(one.path)
                files[one.path] = f"{before}, again at {one.level}" if before else f"from level {one.level} on"
        lines += _table(heading, files)
    return "\n".join(lines)


def shown_data(kit: Kit, content: Sequence[Content]) -> dict[str, Any]:
    """The same for programs."""
    return {
        **{name: getattr(kit, name) for name in KIT_FIELDS},
        "description": kit.description,
        "levels": list(kit.levels),
        "locked": dict(kit.locked),
        "answers": dict(kit.defaults),
        "questions": [
            {
                "name": one.name,
                "type": one.kind,
                "help": one.help,
                "default": one.default,
                "choices": list(one.choices),
                "from_level": one.from_level,
            }
            for one in kit.questions
        ],
        "files": [{"file": one.file, "path": one.path, "level": one.level, "does": one.does} for one in content],
    }


def _place(finding: Finding) -> str:
    return finding.file if finding.line is None else f"{finding.file}:{finding.line}"


def _question(question: Question) -> str:
    listed = f" [{', '.join(map(str, question.choices))}]" if question.choices else ""
    level = f", from level {question.from_level} on" if question.from_level > 1 else ""
    return f"{question.help}{listed} (default: {question.default}{level})"


def _table(heading: str, rows: Mapping[str, str]) -> list[str]:
    if not rows:
        return []
    width = max(map(len, rows))
    return [heading, *(f"  {name:<{width}}  {text}" for name, text in rows.items())]
