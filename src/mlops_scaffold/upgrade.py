"""An upgrade before anything moves: what it would do, and what stands in its way.

Two pristine trees are rendered, the old one (base) and the wanted one (theirs), and git merges what differs between
them into the last commit (ours).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlops_scaffold import git
from mlops_scaffold.base import recover
from mlops_scaffold.checkout import Checkout, find_project, open_checkout
from mlops_scaffold.errors import AnswerError, RefusedError, ScaffoldError, UsageError
from mlops_scaffold.fast_import import workshop
from mlops_scaffold.history import order, templates_of
from mlops_scaffold.merge import Merge, Names, three_way
from mlops_scaffold.obstacles import in_the_way, under_way
from mlops_scaffold.project import (
    LOCK,
    MANIFEST,
    PROJECT,
    Project,
    maintained,
    read_project,
    with_manifest,
)
from mlops_scaffold.questions import TEMPLATE_VERSION, Answers, asked, read_questions, resolve
from mlops_scaffold.render import render
from mlops_scaffold.tree import File, Tree

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


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """What an upgrade does.

    Attributes:
        checkout: Where.
        before: Level, version and answers now.
        after: Those afterwards.
        merge: The merged files; None when there is nothing to do.
        author: Who makes the commit, as git writes that; None when nobody is configured.
        message: A message for the commit.
        lock_is_committed: Whether the team keeps the lock in git.
        locks: Whether the dependencies are locked again.
        refusals: Sentences, each a reason why it can't be applied as things are.
        guessed: Files whose old content could not be had, so that their merge is not exact.
    """

    checkout: Checkout
    before: Project
    after: Project
    merge: Merge | None = None
    author: bytes | None = None
    message: str
    lock_is_committed: bool = False
    locks: bool = False
    refusals: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()

    @property
    def lock_path(self) -> str:
        """Where the lock is, below the root of the work tree."""
        return f"{self.checkout.prefix}{LOCK}"

    @property
    def touched(self) -> list[str]:
        """Every path that it writes, removes or marks."""
        merged = self.merge.touched if self.merge else []
        return [*merged, *([self.lock_path] if self.locks else [])]


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


def settled_answers(project: Project, templates: Tree, *, level: int, given: Answers) -> dict[str, Any]:
    """The answers that nobody need be asked for: those of the repository, then those that are given now.

    Args:
        project: What the repository was made from.
        templates: The templates of this version.
        level: The wanted level.
        given: Answers from the command line.

    Raises:
        AnswerError: An answer is given that can't change any more.
        UsageError: The level is given as an answer.
    """
    if "level" in given:
        raise UsageError("The level is no answer here. Run `mlops-scaffold upgrade --to N`.")
    questions = asked(read_questions(templates))
    recorded = {name: answer for name, answer in project.answers.items() if name in questions}
    for name in SETTLED:
        if name in given and given[name] != recorded.get(name):
            raise AnswerError(
                f"{name} stays {recorded.get(name)}, because your own files in src/ were made for it and no upgrade "
                f"touches them. Leave out -d {name}."
            )
    return {**recorded, **given, "level": level}


def prepare(source: Source, templates: Tree, answers: Answers, *, look_only: bool, with_lock: bool = True) -> Upgrade:
    """Merge what the templates give now into the last commit, without moving anything.

    Args:
        source: The repository.
        templates: The templates of this version.
        answers: All answers of the next render.
        look_only: Whether it is for a preview only; then nothing at all is written to the repository.
        with_lock: Whether the dependencies may be locked again.

    Raises:
        RefusedError: The repository was made by a newer version.
    """
    checkout, before = source.checkout, source.project
    _refuse_newer(before, str(answers[TEMPLATE_VERSION]))
    theirs = with_manifest(render(templates, answers), answers)
    after = read_project(theirs[PROJECT].content)
    found = Upgrade(checkout=checkout, before=before, after=after, message=_message(before, after))
    waiting = under_way(checkout)
    if before == after and source.manifest == theirs[MANIFEST].content:
        return found
    base = recover(
        before,
        source.manifest,
        _rendered(before, templates, after.template_version),
        lambda: _render(templates, before) or {},
        checkout.blobs,
    )
    old, new = _placed(source, base.tree, maintained(theirs, after.answers["package_name"]) | _state(theirs))
    author = _author(checkout)
    names = _names(before, after)
    with workshop(checkout, keep=not look_only) as shop:
        merge = three_way(checkout, shop, base=old, theirs=new, names=names, message=found.message, author=author)
    has_lock = (checkout.top / found.lock_path).is_file()
    lock_is_committed = bool(checkout.entries("HEAD", [found.lock_path]))
    changes_packages = any(change.path.endswith("pyproject.toml") for change in merge.changes)
    found = replace(
        found,
        merge=merge,
        author=author,
        lock_is_committed=lock_is_committed,
        locks=with_lock and has_lock and changes_packages and not merge.conflicts,
        guessed=tuple(f"{checkout.prefix}{path}" for path in base.guessed),
    )
    # Nothing else may lie where it writes; but a lock that the team keeps out of git is its own to change.
    guarded = found.touched if lock_is_committed else merge.touched
    # What is under way changes files too, so that naming those would only confuse.
    refusals = [waiting] if waiting else in_the_way(checkout, guarded, look_only=look_only)
    return replace(found, refusals=tuple(refusals))


def nothing_to_do(source: Source) -> Upgrade:
    """An upgrade of a repository that is where it should be."""
    before = source.project
    return Upgrade(checkout=source.checkout, before=before, after=before, message=_message(before, before))


def _refuse_newer(before: Project, installed: str) -> None:
    recorded, own = order(before.template_version), order(installed)
    if recorded and own and recorded > own:
        raise RefusedError(
            f"This repository has the templates of mlops-scaffold {before.template_version}, and this is {installed}. "
            "Install that version or a newer one, then run this again."
        )


def _rendered(before: Project, templates: Tree, installed: str) -> Iterator[Tree]:
    """What the recorded version may have given: the installed templates when they are of that version, the released."""
    if before.template_version == installed and (tree := _render(templates, before)):
        yield tree
    released = templates_of(before.template_version)
    if released is not None and (tree := _render(released, before)):
        yield tree


def _render(templates: Tree, project: Project) -> Tree | None:
    """A project's files by some version's templates; None when those can't give them."""
    config = read_questions(templates)
    questions = {*asked(config), TEMPLATE_VERSION}
    given = {name: answer for name, answer in project.given.items() if name in questions}
    try:
        return render(templates, resolve(config, given, {}))
    except ScaffoldError:
        return None


def _state(tree: Tree) -> dict[str, File]:
    return {path: tree[path] for path in (PROJECT, MANIFEST)}


def _placed(source: Source, base: Tree, theirs: Tree) -> tuple[Tree, Tree]:
    """Both trees by their paths below the root of the work tree, with the line ends that the team has.

    The state directory always takes theirs: what is committed there counts as the base.
    """
    state = {path: File(content=content) for path, content in source.files.items()}
    old = {**{path: file for path, file in base.items() if path not in (PROJECT, MANIFEST)}, **state}
    prefix = source.checkout.prefix
    trees = [{f"{prefix}{path}": file for path, file in sorted(tree.items())} for tree in (old, theirs)]
    entries = source.checkout.entries("HEAD", trees[0])
    edited = {
        path: entry.id
        for path, entry in entries.items()
        if entry.kind == "blob" and entry.id != trees[0][path].blob_id and path.removeprefix(prefix) not in state
    }
    contents = source.checkout.blobs(sorted(set(edited.values())))
    crlf = {path for path, oid in edited.items() if _ends_lines_with_crlf(contents.get(oid, b""))}
    first, second = ({path: _as_crlf(file) if path in crlf else file for path, file in tree.items()} for tree in trees)
    return first, second


def _ends_lines_with_crlf(content: bytes) -> bool:
    return b"\r\n" in content and b"\0" not in content and b"\n" not in content.replace(b"\r\n", b"")


def _as_crlf(file: File) -> File:
    if b"\0" in file.content or b"\r\n" in file.content:
        return file
    return replace(file, content=file.content.replace(b"\n", b"\r\n"))


def _author(checkout: Checkout) -> bytes | None:
    """Who commits here, with the present time; None when nobody is configured, since nobody is guessed."""
    done = git.start(["-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT"], checkout.top)
    return done.stdout.rstrip(b"\n") if done.returncode == 0 else None


def _names(before: Project, after: Project) -> Names:
    def name(project: Project) -> str:
        parts = [f"level {project.level}"] if before.level != after.level else []
        if before.template_version != after.template_version or not parts:
            parts.append(f"templates {project.template_version}")
        return ", ".join(parts)

    return Names(base=name(before), theirs=name(after))


def _message(before: Project, after: Project) -> str:
    if before.level != after.level:
        return f"Move to level {after.level} of MLOps maturity"
    if before.template_version != after.template_version:
        return f"Update the templates from {before.template_version} to {after.template_version}"
    return f"Update the templates of {after.template_version}"
