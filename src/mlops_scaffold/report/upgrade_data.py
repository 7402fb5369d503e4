"""What `upgrade` and `update` tell programs."""

from collections.abc import Iterable, Sequence
from typing import Any

from mlops_scaffold.levels import Level
from mlops_scaffold.project import Project
from mlops_scaffold.report.records import kit_data
from mlops_scaffold.upgrade import Upgrade


def as_data(
    upgrade: Upgrade, levels: Sequence[Level], *, is_applied: bool, notes: Iterable[str] = ()
) -> dict[str, Any]:
    """What an upgrade would do, or did.

    Args:
        upgrade: What was prepared.
        levels: The levels on the way.
        is_applied: Whether it was done.
        notes: What is to be known besides.
    """
    merge = upgrade.merge
    changes = merge.changes if merge else ()

    def listed(kind: str) -> list[dict[str, Any]]:
        return [
            {"path": change.path, "plus": change.plus, "minus": change.minus, "merged": change.merged}
            for change in changes
            if change.kind == kind
        ]

    return {
        "project": str(upgrade.checkout.project),
        "from": _side(upgrade.before),
        "to": _side(upgrade.after),
        "newer_kit": upgrade.newer_kit,
        "nothing_to_do": merge is None,
        "applied": is_applied and merge is not None,
        "files": {kind: listed(kind) for kind in ("added", "changed", "removed")},
        "conflicts": [
            {"path": conflict.path, "what": conflict.what, "hunks": list(conflict.hunks)}
            for conflict in (merge.conflicts if merge else ())
        ],
        "kept_deletions": list(merge.kept_deletions) if merge else [],
        "followed": dict(merge.followed) if merge else {},
        "unreadable": [{"path": path, "why": why} for path, why in (merge.spoilt if merge else {}).items()],
        "guessed_base": list(upgrade.guessed),
        "dropped_state_lines": list(upgrade.dropped),
        "locks_dependencies": upgrade.locks,
        "refusals": list(upgrade.refusals),
        "notes": list(notes),
        "commit_message": upgrade.message,
        "levels": [
            {
                "level": level.number,
                "name": level.name,
                "adds": list(level.adds),
                "asks": {role: list(sentences) for role, sentences in level.asks.items()},
                "success": [{"sign": criterion.sign, "ids": list(criterion.ids)} for criterion in level.success],
                "first": [{"run": command.run, "does": command.does} for command in level.first],
            }
            for level in levels
        ],
    }


def _side(project: Project) -> dict[str, Any]:
    return {"level": project.level, "template_version": project.template_version, "kit": kit_data(project.kit)}
