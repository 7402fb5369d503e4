"""What can be said of a kit's templates without rendering them: their grammar, their variables, their blocks.

A block that no template below has is passed over by Jinja without a word, and a block that a higher level fills is lost
when the kit's does not begin with `{= super() =}`. Both would be noticed only by somebody who misses something.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import jinja2
from jinja2 import meta, nodes

from mlops_scaffold.kits.paths import GIVEN_ONCE
from mlops_scaffold.layers import KIT, SUFFIX, level_of, plain_path, refined, split_layer
from mlops_scaffold.questions import read_questions
from mlops_scaffold.render import environment
from mlops_scaffold.tree import Tree


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something about a kit that its authors should know.

    Attributes:
        file: The file of the kit.
        line: Where in it, counted from 1, or None.
        what: A sentence or two: what is so, and what to do.
        is_error: Whether it must be mended; else it is only said.
    """

    file: str
    line: int | None
    what: str
    is_error: bool = True


@dataclass(frozen=True, kw_only=True)
class _Block:
    line: int
    is_empty: bool
    calls_super: bool


@dataclass(frozen=True, kw_only=True)
class _Template:
    """What a template's syntax tree says."""

    extends: Mapping[str, int] = field(default_factory=dict)
    outside: tuple[int, ...] = ()
    uses: Mapping[str, int] = field(default_factory=dict)
    mentions: frozenset[str] = frozenset()
    blocks: Mapping[str, _Block] = field(default_factory=dict)
    assigns: frozenset[str] = frozenset()
    unknown: Mapping[str, int] = field(default_factory=dict)


class Templates:
    """The templates of a kit on top of the built-in ones."""

    def __init__(self, templates: Tree, stacks: Mapping[int, Sequence[Sequence[str]]]) -> None:
        """Take templates with a kit on top.

        Args:
            templates: All of them.
            stacks: Level → the stacks of layers that its options make, each lowest first.
        """
        self._templates = templates
        self._stacks = stacks
        self._jinja = environment(templates, [])
        config = {name: one for name, one in read_questions(templates).items() if not name.startswith("_")}
        self._known = {*config, *self._jinja.globals}
        self._variables = sorted(config.keys() - {"reserved_names"})
        # Only the kit's own questions have an expression there.
        self._late = {name for name, one in config.items() if isinstance(one.get("when"), str)}
        self._parsed: dict[str, _Template] = {}

    def findings(self) -> Iterator[Finding]:
        """What is to be said of each template of the kit."""
        for name in sorted(self._templates):
            if name.startswith(KIT):
                yield from self._about(name)

    def _about(self, name: str) -> Iterator[Finding]:
        file = name.removeprefix(KIT)
        if name.endswith(SUFFIX):
            try:
                self._jinja.compile(self._templates[name].content.decode(), name, name)
                template = self._parse(name)
            except UnicodeDecodeError:
                yield Finding(file=file, line=None, what=f"It is not UTF-8 text. Save it as such, or without {SUFFIX}.")
                return
            except jinja2.TemplateSyntaxError as error:
                yield Finding(file=file, line=error.lineno, what=f"It is no template: {error.message}.")
                return
            except RecursionError:
                yield Finding(file=file, line=None, what="It is no template: it is nested too deeply.")
                return
        else:
            template = _Template()
            if name + SUFFIX in self._templates:
                yield Finding(file=file, line=None, what=f"It is passed over, because {file}{SUFFIX} is beside it.")
        below = {level: self._below(name, stacks) for level, stacks in self._stacks.items()}
        assigned = {variable for lower in below.values() for one in lower for variable in self._parse(one).assigns}
        for variable, line in template.unknown.items():
            if variable not in assigned:
                what = f"There is no variable {variable}. There are: {', '.join(self._variables)}."
                yield Finding(file=file, line=line, what=what)
        path = plain_path(name)
        yield from self._about_outside(file, path, template)
        yield from self._about_way(file, path, template)
        if template.extends:
            yield from self._about_blocks(name, template, below)
        elif not any(path in mentioned for mentioned in template.mentions):
            yield from self._about_replacing(name, below)

    def _about_outside(self, file: str, path: str, template: _Template) -> Iterator[Finding]:
        """What an extending file says outside of blocks is lost, and another file's text is hardly what is meant."""
        for other, line in template.extends.items():
            if plain_path(other) != path:
                what = f"It extends {other}, which is another file. Name the built-in file at its own path."
                yield Finding(file=file, line=line, what=what)
        for line in template.outside[:1]:
            what = "This is outside of blocks, and a file that extends another one gives blocks only. Put it into one."
            yield Finding(file=file, line=line, what=what)

    def _about_way(self, file: str, path: str, template: _Template) -> Iterator[Finding]:
        """What is given once must not depend on the level: a repository that moved up would have another text."""
        if GIVEN_ONCE.match(path):
            for variable in sorted({"level", *self._late} & template.uses.keys()):
                what = f"It is given once, by new, and depends on {variable}, which changes from level to level."
                yield Finding(file=file, line=template.uses[variable], what=f"{what} Leave that out.")

    def _about_blocks(self, name: str, template: _Template, below: Mapping[int, Sequence[str]]) -> Iterator[Finding]:
        file, own = name.removeprefix(KIT), level_of(name)
        for block, details in template.blocks.items():
            filled = {level: self._block(block, lower) for level, lower in below.items()}
            if not any(filled.values()):
                known = sorted({one for lower in below.values() for low in lower for one in self._parse(low).blocks})
                there = f"There are: {', '.join(known)}" if known else "There are none, so it can only be replaced"
                what = f"No file below has a block {block}, so this text would be left out. {there}."
                yield Finding(file=file, line=details.line, what=what)
            elif not details.calls_super and ((first := filled.get(own)) is None or first.is_empty):
                hidden = [level for level, one in filled.items() if level > own and one and not one.is_empty]
                if hidden and not self._has_own(name, own, min(hidden)):
                    what = (
                        f"From level {min(hidden)} on the block {block} has a text, and this one hides it. Begin it "
                        "with {= super() =}, and go on in the same line."
                    )
                    yield Finding(file=file, line=details.line, what=what)

    def _about_replacing(self, name: str, below: Mapping[int, Sequence[str]]) -> Iterator[Finding]:
        """A whole file in the place of a built-in one hides what higher levels do to that."""
        file, own = name.removeprefix(KIT), level_of(name)
        built_in = {level: [one for one in lower if not one.startswith(KIT)] for level, lower in below.items()}
        levels = {level_of(one) for lower in built_in.values() for one in lower}
        higher = sorted(level for level in levels if level > own and not self._has_own(name, own, level))
        if higher:
            listed = " and ".join(map(str, higher))
            what = (
                f"It stands in place of a built-in file that level {listed} changes, and hides that. Extend the file, "
                f"or look at what level {higher[0]} does."
            )
            yield Finding(file=file, line=None, what=what, is_error=False)

    def _has_own(self, name: str, above: int, up_to: int) -> bool:
        """Whether the kit has the same path again at a higher level, and so has thought of it."""
        path = split_layer(name)[1]
        others = [one for one in self._templates if one.startswith(KIT) and split_layer(one)[1] == path]
        return any(above < level_of(one) <= up_to for one in others)

    def _below(self, name: str, stacks: Sequence[Sequence[str]]) -> list[str]:
        """The templates that a template refines in some stack, each once, the nearest first."""
        found: dict[str, None] = {}
        layer, path = split_layer(name)
        for layers in stacks:
            at, step = layer, path
            while at in layers and (lower := refined(self._templates, layers, at, step)):
                found[lower] = None
                at, step = split_layer(lower)
        return list(found)

    def _block(self, block: str, lower: Sequence[str]) -> _Block | None:
        """The nearest text of a block in the templates below."""
        return next((one for name in lower if (one := self._parse(name).blocks.get(block))), None)

    def _parse(self, name: str) -> _Template:
        if name not in self._parsed:
            self._parsed[name] = _Template()
            # What is no template is said of itself, and not of each one above it.
            with suppress(UnicodeDecodeError, jinja2.TemplateSyntaxError, RecursionError):
                self._parsed[name] = self._read(name) if name.endswith(SUFFIX) else _Template()
        return self._parsed[name]

    def _read(self, name: str) -> _Template:
        tree = self._jinja.parse(self._templates[name].content.decode(), name, name)
        undeclared = meta.find_undeclared_variables(tree) - self._known
        lines: dict[str, int] = {}
        for variable in tree.find_all(nodes.Name):
            if variable.ctx == "load":
                lines.setdefault(variable.name, variable.lineno)
        extends = {
            str(one.template.value): one.lineno
            for one in tree.find_all(nodes.Extends)
            if isinstance(one.template, nodes.Const)
        }
        includes = [one.template for one in tree.find_all(nodes.Include)]
        return _Template(
            extends=extends,
            outside=tuple(_lines_outside(tree)) if extends else (),
            uses=lines,
            mentions=frozenset(str(one.value) for one in includes if isinstance(one, nodes.Const)),
            blocks={block.name: _block(block) for block in tree.find_all(nodes.Block)},
            assigns=frozenset(name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"),
            unknown={name: line for name, line in lines.items() if name in undeclared},
        )


def _lines_outside(tree: nodes.Template) -> Iterator[int]:
    """Where a template has text that is in no block."""
    for output in tree.body:
        for part in output.nodes if isinstance(output, nodes.Output) else ():
            if not isinstance(part, nodes.TemplateData):
                yield part.lineno
            elif text := part.data.strip():
                yield part.lineno + part.data[: part.data.index(text[0])].count("\n")


def _block(block: nodes.Block) -> _Block:
    calls = [call.node for call in block.find_all(nodes.Call)]
    data = [part for output in block.body if isinstance(output, nodes.Output) for part in output.nodes]
    blank = all(isinstance(part, nodes.TemplateData) and not part.data.strip() for part in data)
    return _Block(
        line=block.lineno,
        is_empty=blank and all(isinstance(one, nodes.Output) for one in block.body),
        calls_super=any(isinstance(node, nodes.Name) and node.name == "super" for node in calls),
    )


def as_data(finding: Finding) -> list[Any]:
    """A finding as JSON can say it."""
    return [finding.file, finding.line, finding.what, finding.is_error]
