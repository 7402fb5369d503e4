"""What several test modules need: generating without the command line, and trees read back from disk."""

from pathlib import Path

from mlops_scaffold import __version__
from mlops_scaffold.project import with_manifest
from mlops_scaffold.questions import read_questions, resolve
from mlops_scaffold.render import render
from mlops_scaffold.templates import built_in
from mlops_scaffold.tree import File, Tree, read_tree, write_tree

OUTSIDE = (".mlops-scaffold/manifest", "uv.lock")
"""What `new` writes and `copier copy` does not."""


def answers_for(templates: Tree, **given: object) -> dict[str, object]:
    """All answers, defaults included."""
    return resolve(read_questions(templates), {**given, "template_version": __version__}, {})


def generate(destination: Path, **given: object) -> Path:
    """Write a repository's files, manifest included, to a new directory."""
    templates = built_in()
    answers = answers_for(templates, **given)
    destination.mkdir(parents=True)
    write_tree(with_manifest(render(templates, answers), answers), destination)
    return destination


def files_in(directory: Path) -> dict[str, File]:
    """The files on disk without git's own, the manifest and the lock."""
    return {
        path: file
        for path, file in read_tree(directory).items()
        if not path.startswith(".git/") and path not in OUTSIDE
    }


def text_tree(**texts: str) -> dict[str, File]:
    """A tree from texts; `__` in a name stands for `/`."""
    return {name.replace("__", "/"): File(content=text.encode()) for name, text in texts.items()}
