"""Render a project in memory, by Copier's rules.

`copier copy` of the exported template is the oracle: same answers, same bytes and modes. The rules that matter here:
files that end in `.jinja` are rendered and lose the suffix, others are copied; every part of a path is rendered; a part
that renders to nothing drops the file; beside `x.jinja` a plain `x` is ignored. Source:
https://copier.readthedocs.io/en/stable/creating/
"""

import re
import traceback
from collections.abc import Callable
from typing import Any

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from mlops_scaffold.errors import TemplateError
from mlops_scaffold.layers import SUFFIX, paths, plain_path, refined, split_layer, stack
from mlops_scaffold.questions import Answers, environment_options, read_questions
from mlops_scaffold.tree import File, Tree

FAILURES = (jinja2.TemplateError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError)
"""What a wrong template ends in."""


class LayeredEnvironment(SandboxedEnvironment):
    """A sandbox over template files in memory, in which `extends` means "the layer below".

    A refining file names the file it extends literally (`level1/project/README.md.jinja`). It is looked up by its path
    in the nearest lower layer, so that another layer can be put between the two.
    """

    def __init__(self, templates: Tree, layers: list[str], **options: Any) -> None:
        def source(name: str) -> tuple[str, str, None] | None:
            # The name stands for a file's, so that the trace of an error says in which template it is.
            return (templates[name].content.decode(), name, None) if name in templates else None

        super().__init__(loader=jinja2.FunctionLoader(source), cache_size=-1, **options)
        # The same answers must give the same bytes.
        del self.filters["random"], self.globals["lipsum"]
        self._templates = templates
        self._layers = layers

    def join_path(self, template: str, parent: str) -> str:
        """Resolve the name in an `extends` or `include` of the template called `parent`."""
        layer, path = split_layer(parent)
        if plain_path(template) == plain_path(parent) and layer in self._layers:
            return refined(self._templates, self._layers, layer, path) or template
        return template


class Compiled(jinja2.BytecodeCache):
    """Compiled templates, kept in memory for the next render: a template compiles the same in every stack of layers."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Hand out what was compiled before."""
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Keep what was compiled now."""
        self._code[bucket.key] = bucket.bytecode_to_string()


def environment(templates: Tree, layers: list[str], compiled: Compiled | None = None) -> LayeredEnvironment:
    """The environment that renders a stack of layers.

    Args:
        templates: All template files, `copier.yml` among them.
        layers: The stack, lowest first.
        compiled: What other renders of the same templates have compiled, to be shared with them.
    """
    options = environment_options(read_questions(templates))
    return LayeredEnvironment(templates, layers, bytecode_cache=compiled, **options)


def render(templates: Tree, answers: Answers) -> dict[str, File]:
    """Render the layers that the answers choose into one project.

    Args:
        templates: All template files, `copier.yml` among them.
        answers: Every variable of the templates, as `questions.resolve` returns them.

    Returns:
        Path → file, sorted by path. The same arguments give the same bytes.

    Raises:
        TemplateError: A template is wrong, or a path leaves the project.
    """
    rendering = Rendering(templates, answers)
    return {path: rendering.file(path) for path in rendering.origins}


class Rendering:
    """One project in the making, file by file.

    Attributes:
        origins: Which template gives each path, sorted by path.

    Raises:
        TemplateError: A path can't be rendered, or leaves the project.
    """

    def __init__(self, templates: Tree, answers: Answers, compiled: Compiled | None = None) -> None:
        self._templates = templates
        self._answers = answers
        layers = stack(templates, answers)
        self._jinja = environment(templates, layers, compiled)
        chosen: dict[str, str] = {}
        for layer in layers:
            chosen |= _destinations(templates, layer, _path_renderer(self._jinja, answers))
        self.origins = dict(sorted(chosen.items()))

    def file(self, path: str) -> File:
        """Render the file at a path.

        Raises:
            TemplateError: Its template is wrong.
        """
        return _render_file(self._jinja, self._templates, self.origins[path], self._answers)


def _destinations(templates: Tree, layer: str, render_part: Callable[[str], str]) -> dict[str, str]:
    """Destination path → template name, for one layer."""
    found: dict[str, str] = {}
    for path in paths(templates, layer):
        name = f"{layer}/{path}"
        if not path.endswith(SUFFIX) and name + SUFFIX in templates:
            continue
        try:
            parts = [render_part(part) for part in path.removesuffix(SUFFIX).split("/")]
        except FAILURES as error:
            raise TemplateError(f"The path of {name} can't be rendered: {error}.", template=name) from error
        if not all(parts):
            continue
        if any(part in (".", "..") or "/" in part or "\\" in part for part in parts):
            where = "/".join(parts)
            raise TemplateError(f"The template {name} would be written outside the project, to {where}.", template=name)
        if (destination := "/".join(parts)) in found:
            raise TemplateError(
                f"The templates {found[destination]} and {name} both write {destination}.", template=name
            )
        found[destination] = name
    return found


def _path_renderer(environment: LayeredEnvironment, answers: Answers) -> Callable[[str], str]:
    rendered: dict[str, str] = {}

    def render_part(part: str) -> str:
        if part not in rendered:
            rendered[part] = environment.from_string(part).render(answers) if "{" in part else part
        return rendered[part]

    return render_part


def _render_file(environment: LayeredEnvironment, templates: Tree, name: str, answers: Answers) -> File:
    source = templates[name]
    if not name.endswith(SUFFIX):
        return source
    try:
        text = _substitute(source.content.decode(), environment, answers)
        if text is None:
            text = environment.get_template(name).render(answers)
    except FAILURES as error:
        place, line = _place(error, templates, name)
        at = f" (line {line})" if line else ""
        why = (
            f"there is no template {str(error)!r:.200}"
            if isinstance(error, jinja2.TemplateNotFound)
            else str(error).rstrip(".")
        )
        message = f"The template {place}{at} can't be rendered: {why}."
        raise TemplateError(message, template=place, line=line) from error
    return File(mode=source.mode, content=text.encode())


def _place(error: Exception, templates: Tree, name: str) -> tuple[str, int | None]:
    """The template and the line of an error, which need not be in the one that was asked for."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        return error.name or name, error.lineno
    # Jinja rewrites the trace so that its frames name templates and their lines.
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in templates]
    return (frames[-1].filename, frames[-1].lineno) if frames else (name, None)


def _substitute(text: str, environment: LayeredEnvironment, answers: Answers) -> str | None:
    """The text with its variables filled in, or None when it holds more of Jinja's language than bare variables.

    Most templates hold nothing else, and compiling them took a fifth of the time of `new`.
    """
    start, end = environment.variable_start_string, environment.variable_end_string
    bare = re.compile(f"{re.escape(start)} (\\w+) {re.escape(end)}")
    others = (environment.block_start_string, environment.comment_start_string, start, "\r")
    if any(mark in bare.sub("", text) for mark in others) or any(name not in answers for name in bare.findall(text)):
        return None
    return bare.sub(lambda match: str(answers[match[1]]), text)
