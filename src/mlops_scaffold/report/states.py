"""What `status` shows."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from mlops_scaffold import journal
from mlops_scaffold.report.records import kit_data, kit_line
from mlops_scaffold.status import Status


def status(found: Status) -> str:
    """Where a repository stands, for people."""
    project = found.project
    name = project.answers.get("project_name", found.path.name)
    lines = [f"{name}: level {project.level} of MLOps maturity, templates {project.template_version}"]
    if project.kit:
        lines.append(f"Kit: {kit_line(project.kit)}")
    if found.unfinished == journal.APPLYING:
        return "\n".join([*lines, *_waiting(found)])
    lines += _files(found)
    waiting = _waiting(found)
    if found.kit_problem:
        lines.append(f"What is new in the kit can't be told. {found.kit_problem}")
    lines += waiting or (["Nothing is left to do."] if found.knows_kit and not found.kit_problem else [])
    if not found.knows_kit and not found.unfinished:
        lines.append("What is new in the kit is not looked up here: `mlops-scaffold update --preview` asks for it.")
    if found.next_level is not None:
        lines.append(
            f"Level {found.next_level} is next: `mlops-scaffold upgrade --preview` shows what it adds and asks."
        )
    return "\n".join(lines)


def as_data(found: Status) -> dict[str, Any]:
    """The same for programs."""
    return {
        "path": str(found.path),
        "level": found.project.level,
        "next_level": found.next_level,
        "template_version": found.project.template_version,
        "kit": kit_data(found.project.kit),
        "kit_problem": found.kit_problem,
        "kit_at_hand": found.knows_kit if found.project.kit else None,
        "installed_version": found.installed,
        "files": found.files,
        "edited": list(found.edited),
        "deleted": list(found.deleted),
        "renamed": dict(found.renamed),
        "untracked": list(found.untracked),
        "update_waits": found.update,
        "made_by_newer_version": found.is_newer,
        "unfinished_upgrade": {"phase": found.unfinished, "title": found.title, "conflicts": list(found.conflicts)}
        if found.unfinished
        else None,
    }


def _files(found: Status) -> list[str]:
    if found.files is None:
        return [
            "There is no manifest (made by `copier copy`?), so edits can't be told. `mlops-scaffold update` adds one."
        ]
    same = found.files - len(found.edited) - len(found.deleted) - len(found.renamed)
    lines = [f"{found.files} files of the templates: {same} as they were given"]
    lines += [f"  edited   {path}" for path in found.edited]
    lines += [f"  renamed  {line}" for line in _renamed(found.renamed)]
    lines += [f"  deleted  {path}" for path in found.deleted]
    lines += [f"  not in git  {path}" for path in found.untracked]
    return lines


def _renamed(renamed: Mapping[str, str]) -> list[str]:
    """A line for each file, or for each directory out of which several went to another one under their own names."""
    moves: dict[tuple[PurePosixPath, PurePosixPath], list[str]] = {}
    for path, new in renamed.items():
        before, after = PurePosixPath(path), PurePosixPath(new)
        if before.name == after.name:
            moves.setdefault((before.parent, after.parent), []).append(path)
    several = {move: paths for move, paths in moves.items() if len(paths) > 1}
    grouped = {path for paths in several.values() for path in paths}
    lines = [f"{before}/ → {after}/ ({len(paths)} files)" for (before, after), paths in several.items()]
    return sorted([*lines, *(f"{path} → {new}" for path, new in renamed.items() if path not in grouped)])


def _waiting(found: Status) -> list[str]:
    if found.unfinished == journal.APPLYING:
        return [f"Interrupted: {found.title}. `mlops-scaffold upgrade --abort` puts everything back as it was."]
    if found.unfinished == journal.APPLIED and found.conflicts:
        return [f"Not finished: {found.title}. In conflict:", *(f"  {path}" for path in found.conflicts)]
    if found.unfinished == journal.APPLIED:
        return [f"Applied and not committed: {found.title}. Stage it, if it is not, and `git commit` finishes it."]
    if found.is_newer:
        return [f"It has newer templates than this mlops-scaffold {found.installed}. Install a newer version."]
    if found.update:
        kit = ", or of the kit," if found.project.kit and found.knows_kit else ""
        return [
            f"An update to the templates of {found.installed}{kit} waits: `mlops-scaffold update --preview` shows it."
        ]
    return []
