"""Which kit a repository has, as people and programs read it."""

from mlops_scaffold.project import KIT_FIELDS, KitRecord

SHORT = 12
"""Characters of a commit that people read."""


def kit_line(kit: KitRecord) -> str:
    """Which kit it is, and from where."""
    where = f"{kit.source}@{kit.ref}" if kit.ref else kit.source
    commit = f"commit {kit.commit[:SHORT]}" if kit.commit else "of no commit"
    return f"{kit.name} {kit.version}, {where} ({commit})"


def kit_data(kit: KitRecord | None) -> dict[str, str | None] | None:
    """The same for programs."""
    return {name: getattr(kit, name) for name in KIT_FIELDS} if kit else None
