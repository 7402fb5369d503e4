"""Check a kit from outside: start the worker, then the programs that judge what the worker has made."""

from dataclasses import dataclass

from mlops_scaffold import processes
from mlops_scaffold.bounded import as_json, call
from mlops_scaffold.kits import workflows
from mlops_scaffold.kits.blocks import Finding
from mlops_scaffold.kits.kit import Kit, overlay
from mlops_scaffold.tree import Tree


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What is known of a kit after a check.

    Attributes:
        kit: The kit.
        projects: How many were rendered.
        findings: What was found, by file and line.
        note: What could not be judged here, and how to change that; or None.
    """

    kit: Kit
    projects: int
    findings: tuple[Finding, ...]
    note: str | None

    @property
    def errors(self) -> int:
        """How many findings must be mended."""
        return sum(finding.is_error for finding in self.findings)


def check_kit(kit: Kit, templates: Tree) -> Checked:
    """Render every level and option with a kit, and judge what comes out.

    Args:
        kit: The kit.
        templates: The built-in templates.

    Raises:
        KitError: It could not be rendered within bounds.
    """
    request = {
        "templates": as_json(overlay(templates, kit)),
        "levels": list(kit.levels),
        "locked": dict(kit.locked),
        "defaults": dict(kit.defaults),
    }
    result = call("check", request)
    found = [Finding(file=file, line=line, what=what, is_error=bad) for file, line, what, bad in result["findings"]]
    found += workflows.judge(result["workflows"])
    judged = processes.program(workflows.ACTIONLINT) is not None or not result["workflows"]
    return Checked(
        kit=kit,
        projects=result["projects"],
        findings=tuple(sorted(set(found), key=lambda one: (not one.is_error, one.file, one.line or 0, one.what))),
        note=None if judged else workflows.MISSING,
    )
