"""A repository before its upgrade: what it was made from, and which answers are settled."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_scaffold.checkout import Checkout, find_project, open_checkout
from mlops_scaffold.errors import AnswerError, RefusedError, UsageError
from mlops_scaffold.kits.kit import Kit
from mlops_scaffold.project import MANIFEST, PROJECT, Project, read_project
from mlops_scaffold.questions import Answers, only_asked

SETTLED = ("package_name", "task")
"""Answers that the team's own files were made from. No merge touches those files, so nothing may change these."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A repository before its upgrade.

    Attributes:
        checkout: Where it is.
        project: What it was made from, as committed.
        files: `project.yml` and the manifest, as committed, by path.
    """

    checkout: Checkout
    project: Project
    files: Mapping[str, bytes]

    @property
    def manifest(self) -> bytes | None:
        """The manifest with the line ends that it was written with, or None when there is none."""
        return self.files[MANIFEST].replace(b"\r\n", b"\n") if MANIFEST in self.files else None


def read_source(path: Path) -> Source:
    """Find a project and read what it was made from, as the last commit has it.

    Raises:
        RefusedError: It is no project, not in git, not committed, or its state can't be understood.
    """
    checkout = open_checkout(find_project(path))
    names = {f"HEAD:{checkout.prefix}{name}": name for name in (PROJECT, MANIFEST)}
    files = {names[name]: content for name, content in checkout.blobs(list(names)).items()}
    if PROJECT not in files:
        raise RefusedError(
            f"{checkout.prefix}{PROJECT} is in no commit yet, and a merge needs one. Commit the project, then run this "
            "again."
        )
    return Source(checkout=checkout, project=read_project(files[PROJECT]), files=files)


def target_level(project: Project, to: int | None, highest: int) -> int:
    """The level to go to: the wanted one, else the next one that there is.

    Args:
        project: What the repository is.
        to: What the person wants, or None.
        highest: The highest level of the installed templates.

    Raises:
        UsageError: The wanted level is below the present one.
    """
    level = project.level
    if to is not None and to < level:
        raise UsageError(f"It is at level {level}, and levels only go up. Give --to a higher one.")
    return to if to is not None else max(level, min(level + 1, highest))


def settled_answers(
    project: Project, config: Mapping[str, Any], *, level: int, given: Answers, kit: Kit | None = None
) -> dict[str, Any]:
    """The answers that nobody need be asked for: those of the repository, then those that are given now.

    Args:
        project: What the repository was made from.
        config: The questions of this version and of the kit.
        level: The wanted level.
        given: Answers from the command line.
        kit: The kit that the repository gets, which may lock answers.

    Raises:
        AnswerError: An answer is given that can't change any more, or that the kit does not allow.
        RefusedError: The kit has no repositories of that level.
        UsageError: The level is given as an answer.
    """
    if "level" in given:
        raise UsageError("The level is no answer here. Run `mlops-scaffold upgrade --to N`.")
    if kit is not None and level not in kit.levels:
        raise _no_level(kit, level, is_there=level == project.level)
    if kit is not None:
        kit.refuse_early(given, level)
        given = {name: answer for name, answer in kit.with_locked({**given, "level": level}).items() if name != "level"}
    recorded = only_asked(config, project.answers)
    for name in SETTLED:
        if name in given and given[name] != recorded.get(name):
            if kit is not None and name in kit.locked:
                raise AnswerError(
                    f"The kit {kit.title} locks {name} to {kit.locked[name]}, and this repository was made for "
                    f"{recorded.get(name)}. Its own files in src/ stay as they are, so it can't have this kit."
                )
            raise AnswerError(
                f"{name} stays {recorded.get(name)}, because your own files in src/ were made for it and no upgrade "
                f"touches them. Leave out -d {name}."
            )
    return {**recorded, **given, "level": level}


def _no_level(kit: Kit, level: int, *, is_there: bool) -> RefusedError:
    has = f"The kit {kit.title} has repositories of level {kit.listed_levels} only"
    if is_there:
        return RefusedError(
            f"{has}, and this one is at level {level}. Stay with the version of the kit that it has (--kit @TAG), or "
            "go on without the kit by --no-kit."
        )
    return RefusedError(f"{has}. Ask those who keep the kit for level {level}, or go on without it by --no-kit.")
