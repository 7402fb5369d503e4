"""Tools that bring a newer template into a living repository, each fed with the same files in its own form.

A template here is versions by name (`v1`, `v2`, …), each a tree of files. Copier and cruft get it as a git repository
with a tag for each version. Our own tool gets it in a copy of this package, whose templates it takes the place of.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_scaffold import __version__
from mlops_scaffold.layers import SUFFIX
from mlops_scaffold.template import LAYERS
from mlops_scaffold.template import PROJECT as EXPORTED
from mlops_scaffold.templates import built_in
from mlops_scaffold.tree import File, Tree, read_tree, write_tree

BIN = Path(sys.executable).parent

PROJECT = "churn"
"""The directory that every tool's `make` writes."""

ANSWERS_FILE = "{{ _copier_answers|to_nice_yaml -}}\n"

FOLDER = "{= cookiecutter.distribution_name =}{# {{ }} #}"
"""The folder of a cookiecutter template whose delimiters are ours; cruft looks for its own in the name."""

OUR_STATE = re.compile(r"copier\.yml|level\d+/level\.yml|level\d+/project/\.mlops-scaffold/.*")
"""Of our templates, what is about the tool and not about the project."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool that makes a project from a template and later brings a newer version of the template into it.

    Attributes:
        label: What people type.
        templates: The repository or checkout that the templates are in.
        make: The command that writes `PROJECT` into the directory that it runs in, from `v1`.
        bring: Version → the command that brings it into the project that it runs in.
        back: The command that undoes an interrupted run, where there is one.
    """

    label: str
    templates: Path
    make: list[str]
    bring: Mapping[str, list[str]]
    back: list[str] | None = None

    def make_repository(self, folder: Path) -> Path:
        """Make a project in a new directory and commit it."""
        folder.mkdir(parents=True)
        done = subprocess.run(self.make, cwd=folder, capture_output=True, check=False)
        if done.returncode:
            sys.exit(f"`{' '.join(self.make)}` failed:\n{(done.stdout + done.stderr).decode(errors='replace')}")
        project = folder / PROJECT
        git(project, "init", "--quiet")
        commit_all(project, "chore: start")
        return project


def isolate(folder: Path) -> None:
    """Let every process of this run see one git user, no settings of the machine's, and a home that is thrown away."""
    home = folder / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n"
        "[advice]\n\tdetachedHead = false\n"
    )
    for name in [name for name in os.environ if name.startswith(("GIT_", "XDG_"))]:
        del os.environ[name]
    # Byte code is cached, as it is for people.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ |= {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "NO_COLOR": "1", "COLUMNS": "200"}


def git(path: Path, *words: str) -> str:
    """What a git command prints; it must succeed."""
    done = subprocess.run(["git", *words], cwd=path, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"`git {' '.join(words)}` in {path} failed: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="surrogateescape")


def commit_all(path: Path, message: str) -> None:
    """Commit everything that is not ignored."""
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--no-verify", "--no-gpg-sign", "--allow-empty", "--message", message)


def tagged(root: Path, versions: Mapping[str, Tree]) -> Path:
    """A repository whose tags hold the versions, each in the commit after the one before."""
    root.mkdir(parents=True)
    git(root, "init", "--quiet")
    for name, tree in versions.items():
        for path in root.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        write_tree(tree, root)
        git(root, "add", "--all", "--force")
        git(root, "commit", "--quiet", "--message", name)
        git(root, "tag", name)
    return root


def texts(**files: str) -> dict[str, File]:
    """A tree from texts by path."""
    return {path: File(content=text.encode()) for path, text in files.items()}


def copier_tool(folder: Path, versions: Mapping[str, Tree]) -> Tool:
    """Copier over versions that are Copier templates."""
    repository = tagged(folder, versions)
    copier = str(BIN / "copier")
    return Tool(
        label="copier update",
        templates=repository,
        make=[copier, "copy", "--quiet", "--defaults", "--vcs-ref", "v1", str(repository), PROJECT],
        bring={name: [copier, "update", "--quiet", "--defaults", "--vcs-ref", name] for name in versions},
    )


def cruft_tool(folder: Path, versions: Mapping[str, Tree]) -> Tool:
    """Cruft over versions that are cookiecutter templates."""
    repository = tagged(folder, versions)
    cruft = str(BIN / "cruft")
    return Tool(
        label="cruft update",
        templates=repository,
        make=[cruft, "create", str(repository), "--checkout", "v1", "--no-input", "--output-dir", "."],
        bring={name: [cruft, "update", "--skip-apply-ask", "--checkout", name] for name in versions},
    )


def plain_copier(files: Tree) -> dict[str, File]:
    """Finished files as a Copier template that renders none of them."""
    own = {"copier.yml": "_subdirectory: template\n", "template/{{ _copier_conf.answers_file }}.jinja": ANSWERS_FILE}
    return texts(**own) | {f"template/{path}": file for path, file in files.items()}


def plain_cookiecutter(files: Tree) -> dict[str, File]:
    """Finished files as a cookiecutter template that renders none of them."""
    context = json.dumps({"distribution_name": PROJECT, "_copy_without_render": ["*"]})
    folder = "{{ cookiecutter.distribution_name }}"
    return texts(**{"cookiecutter.json": context}) | {f"{folder}/{path}": file for path, file in files.items()}


def cookiecutter_form(export: Tree, answers: Mapping[str, Any]) -> dict[str, File]:
    """An exported template, whose answers are all constants, for cookiecutter.

    Its delimiters are set to ours, the variables stand below its name, and what the files extend is in `templates/`.
    """
    names = "|".join(map(re.escape, answers))
    plain, files = [], {}

    def qualified(tag: re.Match[str]) -> str:
        if re.search(r"\b(extends|block)\b", tag[0]):
            return tag[0]
        return re.sub(rf"(?<![\w.'\"-])({names})(?![\w'\"])", lambda name: f"cookiecutter.{known(name[1])}", tag[0])

    def known(name: str) -> str:
        # Cookiecutter takes a list for a choice, unless its name says that nobody is asked.
        return f"_{name}" if isinstance(answers[name], list) else name

    for path, file in export.items():
        top, _, inside = path.partition("/")
        text = re.sub(r"{[=%].*?[=%]}", qualified, file.content.decode(), flags=re.DOTALL)
        if top == EXPORTED:
            target = re.sub(r"{=.*?=}", qualified, inside.removesuffix(SUFFIX))
            if not inside.endswith(SUFFIX):
                plain.append(target)
                text = file.content.decode()
            files[f"{FOLDER}/{target}"] = File(mode=file.mode, content=text.encode())
        elif top == LAYERS:
            files[f"templates/{path}"] = File(mode=file.mode, content=text.encode())
    delimiters = {"variable_start_string": "{=", "variable_end_string": "=}"}
    settings = {"_jinja2_env_vars": {**delimiters, "trim_blocks": True, "lstrip_blocks": True}}
    values = {known(name): value if isinstance(value, list) else str(value) for name, value in answers.items()}
    context = json.dumps({**values, **settings, "_copy_without_render": plain})
    return texts(**{"cookiecutter.json": context}) | files


def our_tool(folder: Path, versions: Mapping[str, Tree]) -> Tool:
    """This package with finished files for templates.

    Level 1 is `v1`, and level 2 adds and changes what `v2` does, so `upgrade` brings `v2`. A level takes no file away,
    but a release can: `v3` is level 1 of a second release, which `update` brings. The checkout has a tag for each.
    """
    source = Path(__file__).parents[1]
    package = {f"src/mlops_scaffold/{path}": file for path, file in read_tree(source / "src/mlops_scaffold").items()}
    package["pyproject.toml"] = File(content=(source / "pyproject.toml").read_bytes())
    state = {path: file for path, file in built_in().items() if OUR_STATE.fullmatch(path)}
    first, second, third = (versions[name] for name in ("v1", "v2", "v3"))
    levels = {1: first, 2: {path: file for path, file in second.items() if first.get(path) != file}}
    releases = {"0.1.0": levels, "0.2.0": {**levels, 1: third}}
    trees = {}
    for version, of_levels in releases.items():
        layers = {f"level{n}/project/{path}": file for n, files in of_levels.items() for path, file in files.items()}
        templates = {f"templates/{path}": file for path, file in (state | layers).items()}
        name = "src/mlops_scaffold/__init__.py"
        literal = File(content=package[name].content.replace(__version__.encode(), version.encode()))
        trees[f"v{version}"] = {**package, name: literal, **templates}
    (folder / "first").mkdir(parents=True)
    write_tree(trees["v0.1.0"], folder / "first")
    checkout = tagged(folder / "second", trees)

    def words(place: Path, *arguments: str) -> list[str]:
        return ["env", f"PYTHONPATH={place / 'src'}", sys.executable, "-m", "mlops_scaffold", *arguments]

    quiet = ("--defaults", "--no-lock")
    return Tool(
        label="mlops-scaffold upgrade",
        templates=checkout,
        make=words(folder / "first", "new", PROJECT, *quiet, "--no-git", "--level", "1"),
        bring={
            "v2": words(folder / "first", "upgrade", *quiet),
            "v3": words(checkout, "update", *quiet),
        },
        back=words(folder / "first", "upgrade", "--abort"),
    )
