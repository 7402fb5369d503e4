"""What the two sides of an upgrade and its commit are called."""

from mlops_scaffold.project import Project
from mlops_scaffold.repair import Names


def sides(before: Project, after: Project) -> Names:
    """What a conflict calls the old files and the new ones: by what differs between them."""
    shows_level = before.level != after.level
    shows_kit = before.kit != after.kit
    shows_version = before.template_version != after.template_version or not (shows_level or shows_kit)

    def name(project: Project) -> str:
        parts = [f"level {project.level}"] * shows_level + [f"templates {project.template_version}"] * shows_version
        if shows_kit:
            parts.append(f"kit {project.kit.name} {project.kit.version}" if project.kit else "no kit")
        return ", ".join(parts)

    return Names(base=name(before), theirs=name(after))


def message(before: Project, after: Project) -> str:
    """A message for the commit."""
    if before.level != after.level:
        return f"Move to level {after.level} of MLOps maturity"
    if before.template_version != after.template_version:
        return f"Update the templates from {before.template_version} to {after.template_version}"
    if before.kit != after.kit:
        return _about_the_kit(before, after)
    changed = [name for name in after.answers if after.answers[name] != before.answers.get(name)]
    return f"Change {', '.join(changed)}" if changed else f"Update the templates of {after.template_version}"


def _about_the_kit(before: Project, after: Project) -> str:
    old, new = before.kit, after.kit
    if new is None:
        return f"Leave the kit {old.name}" if old else "Leave the kit"
    if old is None or old.name != new.name:
        return f"Take the kit {new.name} {new.version}"
    if old.version != new.version:
        return f"Update the kit {new.name} from {old.version} to {new.version}"
    return f"Update the kit {new.name} {new.version}"
