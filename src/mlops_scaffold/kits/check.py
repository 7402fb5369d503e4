"""Check a kit: render every level and option with it, and look at what comes out. Runs in the worker."""

import itertools
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from mlops_scaffold import __version__
from mlops_scaffold.bounded import BYTES
from mlops_scaffold.errors import ScaffoldError, TemplateError
from mlops_scaffold.kits.blocks import Finding, Templates, as_data
from mlops_scaffold.kits.installs import PYPROJECT
from mlops_scaffold.kits.kit import FILE
from mlops_scaffold.kits.paths import check_paths
from mlops_scaffold.layers import KIT, OPTIONS, stack
from mlops_scaffold.project import PROJECT, maintained, read_project
from mlops_scaffold.questions import TEMPLATE_VERSION, asked, choices, only_asked, read_questions, resolve
from mlops_scaffold.readers import problem
from mlops_scaffold.render import Compiled, Rendering
from mlops_scaffold.tree import File, Tree

TEXT = "It's a: b # c, [d]"
"""A text as people may answer, and as unquoted YAML or Python is not."""

CODES = frozenset(("author_email", "package_name"))
"""Answers that have a form of their own."""

ADDRESS = re.compile(rb" at 0x[0-9a-f]{6,}>")
"""What a function or an object of Python's is written as."""

WORKFLOWS = ".github/workflows"

LOCKED_FIELDS = {
    "python_version": "requires-python",
    "license": "license",
    "description": "description",
    "author_name": "authors",
    "author_email": "authors",
    "package_name": "name",
}
"""Where the built-in `pyproject.toml` says what is answered."""


def check(
    templates: Tree, *, levels: Sequence[int], locked: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Check a kit on top of the built-in templates.

    Args:
        templates: The templates, the kit among them.
        levels: The levels that it allows.
        locked: The answers that it locks.
        defaults: The answers that it suggests.

    Returns:
        `findings`, as `blocks.as_data` gives them; `projects`, how many were rendered; `workflows`, the different
        ones that it gives, each as the kit's file, the path, the content and what was chosen.
    """
    found = _Check(templates, levels, locked, defaults)
    found.run()
    return {
        "findings": [as_data(finding) for finding in found.findings.values()],
        "projects": found.projects,
        "workflows": [list(workflow) for workflow in found.workflows.values()],
    }


class _Check:
    def __init__(
        self, templates: Tree, levels: Sequence[int], locked: Mapping[str, Any], defaults: Mapping[str, Any]
    ) -> None:
        self._templates = templates
        self._built_in = {name: file for name, file in templates.items() if not name.startswith(KIT)}
        self._config = read_questions(templates)
        self._levels = levels
        self._locked = locked
        self._defaults = defaults
        self._compiled = Compiled()
        self._seen: set[tuple[str, bytes]] = set()
        self.findings: dict[tuple[str, int | None, str], Finding] = {}
        self.workflows: dict[tuple[str, bytes], tuple[str, str, str, str]] = {}
        self.projects = 0

    def run(self) -> None:
        options = list(self._options())
        stacks = {
            level: [stack(self._templates, {**option, "level": level}) for option in options] for level in self._levels
        }
        for finding in Templates(self._templates, stacks).findings():
            self._add(finding)
        trees = {}
        for level in self._levels:
            for option in options:
                trees[level, json.dumps(option)] = self._project({**option, "level": level})
        for variation in self._variations():
            self._project({**options[0], "level": self._levels[-1], **variation})
        for option in options:
            self._moves(option, {level: trees[level, json.dumps(option)] for level in self._levels})

    def _options(self) -> Iterator[dict[str, Any]]:
        """Each combination of the options that choose folders."""
        listed = [[self._locked[name]] if name in self._locked else choices(self._config[name]) for name in OPTIONS]
        for values in itertools.product(*listed):
            yield dict(zip(OPTIONS, values, strict=True))

    def _variations(self) -> Iterator[dict[str, Any]]:
        """Every other answer that can be chosen, one at a time."""
        for name, question in asked(self._config).items():
            if name not in (*OPTIONS, *self._locked, "level"):
                values = [True, False] if question.get("type") == "bool" else choices(question)
                yield from ({name: value} for value in values)
        yield {
            name: TEXT
            for name, question in asked(self._config).items()
            if question.get("type") == "str" and not choices(question) and name not in {*self._locked, *CODES}
        }

    def _project(self, chosen: Mapping[str, Any]) -> dict[str, File]:
        """Render one project and look at what the kit gives to it. What can't be rendered is left out."""
        self.projects += 1
        tree: dict[str, File] = {}
        given = {**self._locked, **chosen, TEMPLATE_VERSION: __version__}
        try:
            answers = resolve(self._config, given, self._defaults)
            rendering = Rendering(self._templates, answers, self._compiled)
            kits = {path: name.removeprefix(KIT) for path, name in rendering.origins.items() if name.startswith(KIT)}
            check_paths(rendering.origins, kits, answers["package_name"])
        except ScaffoldError as error:
            self._failed(error, chosen)
            return tree
        left = BYTES
        for path, name in rendering.origins.items():
            try:
                tree[path] = rendering.file(path)
                left -= len(tree[path].content)
            except TemplateError as error:
                self._failed(error, chosen)
            if left < 0:
                what = f"It makes the project larger than {BYTES:,} bytes. Leave out what is no convention."
                self._add(Finding(file=name.removeprefix(KIT), line=None, what=what))
                return {}
        for path, name in kits.items():
            if path in tree:
                self._look_at(path, name, tree[path], chosen)
        self._locks_hold(rendering, tree, answers)
        return tree

    def _failed(self, error: ScaffoldError, chosen: Mapping[str, Any]) -> None:
        name = getattr(error, "template", None) or getattr(error, "file", None) or FILE
        if any(known[:2] == (name.removeprefix(KIT), getattr(error, "line", None)) for known in self.findings):
            return  # said already, without having rendered it
        what = f"{str(error).replace(KIT, '')} ({_words(chosen)})"
        self._add(Finding(file=name.removeprefix(KIT), line=getattr(error, "line", None), what=what))

    def _look_at(self, path: str, name: str, file: File, chosen: Mapping[str, Any]) -> None:
        if (path, file.content) in self._seen:
            return
        self._seen.add((path, file.content))
        if ADDRESS.search(file.content):
            what = f"What it gives, {path}, holds an address in memory, which is another one each time. Leave it out."
            self._add(Finding(file=name, line=None, what=what))
        if reason := problem(path, file.content):
            what = f"What it gives, {path}, can't be read: {reason} ({_words(chosen)})."
            self._add(Finding(file=name, line=None, what=what))
        elif PurePosixPath(path).parent.as_posix() == WORKFLOWS:
            workflow = (name, path, file.content.decode(errors="replace"), _words(chosen))
            self.workflows.setdefault((path, file.content), workflow)

    def _locks_hold(self, rendering: Rendering, tree: Tree, answers: Mapping[str, Any]) -> None:
        """What is locked must stand in `pyproject.toml` as it does without the kit."""
        if not rendering.origins.get(PYPROJECT, "").startswith(KIT) or PYPROJECT not in tree:
            return
        without = Rendering(self._built_in, answers, self._compiled).file(PYPROJECT)
        said, wanted = (_project_table(file) for file in (tree[PYPROJECT], without))
        for name in self._locked:
            field = LOCKED_FIELDS.get(name)
            if field and said is not None and wanted and said.get(field) != wanted[field]:
                what = (
                    f"{name} is locked to {self._locked[name]}, and {PYPROJECT} says {field} = {said.get(field)!r}. "
                    f"Leave {field} to the built-in file."
                )
                self._add(Finding(file=rendering.origins[PYPROJECT].removeprefix(KIT), line=None, what=what))

    def _moves(self, option: Mapping[str, Any], trees: Mapping[int, Tree]) -> None:
        """A repository that moves up must get what a new one gets: from its recorded answers, byte for byte."""
        for low, high in itertools.pairwise(self._levels):
            if PROJECT not in trees[low] or PROJECT not in trees[high]:
                continue
            recorded = read_project(trees[low][PROJECT].content)
            package = str(recorded.answers["package_name"])
            given = {**only_asked(self._config, recorded.answers), **self._locked, **option, "level": high}
            answers = resolve(self._config, {**given, TEMPLATE_VERSION: __version__}, self._defaults)
            rendering = Rendering(self._templates, answers, self._compiled)
            moved = {path: rendering.file(path) for path in rendering.origins if path in trees[high]}
            self._compare(f"moved up from level {low} to {high}", rendering, maintained(moved, package), trees[high])
            own = {path: file for path, file in trees[low].items() if path not in maintained(trees[low], package)}
            self._compare(f"at level {low} and made at level {high}", rendering, own, trees[high])

    def _compare(self, how: str, rendering: Rendering, tree: Tree, new: Tree) -> None:
        for path, file in tree.items():
            if path in new and new[path] != file:
                name = rendering.origins[path].removeprefix(KIT)
                what = f"{path} is not the same in a repository {how} as in a new one: its text depends on the way."
                self._add(Finding(file=name, line=None, what=what))

    def _add(self, finding: Finding) -> None:
        self.findings.setdefault((finding.file, finding.line, finding.what.partition(" (")[0]), finding)


def _project_table(file: File) -> dict[str, Any] | None:
    """The table `[project]` of a `pyproject.toml`; None for one that can't be read, which is said elsewhere."""
    try:
        table = tomllib.loads(file.content.decode()).get("project")
    except ValueError:
        return None
    return table if isinstance(table, dict) else {}


def _words(chosen: Mapping[str, Any]) -> str:
    """What was chosen, for people: `level 2, classification, github, compose`."""
    if TEXT in chosen.values():
        return f"with texts such as {TEXT}"
    return ", ".join(f"{name} {value}" if name not in OPTIONS else str(value) for name, value in _first(chosen))


def _first(chosen: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(chosen.items(), key=lambda pair: (pair[0] != "level", pair[0] not in OPTIONS))
