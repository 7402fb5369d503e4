"""An upgrade before anything moves: what it would do, and what stands in its way.

Two pristine trees are rendered, the old one (base) and the wanted one (theirs), and git merges what differs between
them into the last commit (ours).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from mlops_scaffold import git
from mlops_scaffold.base import recover
from mlops_scaffold.checkout import Checkout
from mlops_scaffold.errors import RefusedError, ScaffoldError
from mlops_scaffold.fast_import import workshop
from mlops_scaffold.history import is_newer, templates_of
from mlops_scaffold.kits.installs import unseen
from mlops_scaffold.kits.kit import Kit, Kits, overlay
from mlops_scaffold.kits.rendering import give
from mlops_scaffold.merge import Merge, three_way
from mlops_scaffold.names import message, sides
from mlops_scaffold.obstacles import in_the_way, under_way
from mlops_scaffold.project import (
    KIT_FIELDS,
    LOCK,
    MANIFEST,
    PROJECT,
    Project,
    maintained,
    read_manifest,
    read_project,
)
from mlops_scaffold.questions import TEMPLATE_VERSION, Answers, asked, only_asked, read_questions, resolve
from mlops_scaffold.scope import scope_of
from mlops_scaffold.source import Source
from mlops_scaffold.tree import File, Tree


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
        lock_is_outdated: Whether there is a lock that does not fit the result.
        locks: Whether the dependencies are locked again.
        not_read: Why they are not, when a kit tells uv what nobody has read yet.
        refusals: Sentences, each a reason why it can't be applied as things are.
        base: What the templates have given before, as far as that is known.
        guessed: Files whose old content could not be had, so that their merge is not exact.
        dropped: Lines of the team's in `project.yml` that are not in its next text.
        newer_kit: The tag of a newer version of the kit, which is not taken.
    """

    checkout: Checkout
    before: Project
    after: Project
    merge: Merge | None = None
    author: bytes | None = None
    message: str
    lock_is_committed: bool = False
    lock_is_outdated: bool = False
    locks: bool = False
    not_read: str | None = None
    refusals: tuple[str, ...] = ()
    base: Tree = field(default_factory=dict)
    guessed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    newer_kit: str | None = None

    @property
    def needs_a_person(self) -> bool:
        """Whether it can't be applied, or leaves something to decide or to mend."""
        return bool(self.refusals or (self.merge and (self.merge.conflicts or self.merge.spoilt)))

    @property
    def lock_path(self) -> str:
        """Where the lock is, below the root of the work tree."""
        return f"{self.checkout.prefix}{LOCK}"


def prepare(
    source: Source,
    templates: Tree,
    answers: Answers,
    kits: Kits,
    *,
    look_only: bool,
    with_lock: bool | None = None,
) -> Upgrade:
    """Merge what the templates give now into the last commit, without moving anything.

    Args:
        source: The repository.
        templates: The built-in templates of this version.
        answers: All answers of the next render.
        kits: What lies on top of the templates.
        look_only: Whether it is for a preview only; then nothing at all is written to the repository.
        with_lock: Whether the dependencies are locked again; None leaves it to what the kit tells uv.

    Raises:
        RefusedError: The repository was made by a newer version.
    """
    checkout, before = source.checkout, source.project
    _refuse_newer(before, str(answers[TEMPLATE_VERSION]))
    theirs = give(templates, kits.after, answers)
    after = read_project(theirs[PROJECT].content)
    found = Upgrade(
        checkout=checkout,
        before=before,
        after=after,
        message=message(before, after),
        newer_kit=kits.newer,
    )
    if before == after and source.manifest == theirs[MANIFEST].content:
        return found
    waiting = under_way(checkout)
    found = _merged(found, source, templates, kits, theirs, look_only=look_only)
    not_read = unseen(kits.after, theirs, found.base, templates, answers) if with_lock is None else None
    found = _about_the_lock(found, with_lock=with_lock is not False, not_read=not_read)
    # What is under way changes files too, so that naming those would only confuse.
    refusals = [waiting] if waiting else _in_the_way(found, look_only=look_only)
    return replace(found, refusals=tuple(refusals))


def _merged(found: Upgrade, source: Source, templates: Tree, kits: Kits, theirs: Tree, *, look_only: bool) -> Upgrade:
    """Find the base and merge."""
    checkout, before, after = found.checkout, found.before, found.after
    package = after.answers["package_name"]
    base = recover(
        before,
        source.manifest,
        _rendered(before, templates, kits.before, after.template_version),
        lambda: _render(templates, before, kits.before) or {},
        checkout.blobs,
    )
    old, new = _placed(source, base.tree, maintained(theirs, package) | _state(theirs))
    author = _author(checkout)
    scope = scope_of(checkout, package=package, templates={*old, *new})
    with workshop(checkout, keep=not look_only) as shop:
        merge = three_way(
            checkout,
            shop,
            scope,
            base=old,
            theirs=new,
            names=sides(before, after),
            message=found.message,
            author=author,
        )
    return replace(
        found,
        merge=merge,
        author=author,
        base=base.tree,
        guessed=tuple(f"{checkout.prefix}{path}" for path in base.guessed),
        dropped=_dropped(source, overlay(templates, kits.after), theirs),
    )


def _about_the_lock(found: Upgrade, *, with_lock: bool, not_read: str | None) -> Upgrade:
    """Uv makes the lock again where what it is made from has changed, and can be read."""
    checkout, merge = found.checkout, found.merge
    names_packages = merge is not None and any(path.endswith("pyproject.toml") for path in merge.touched)
    is_outdated = names_packages and (checkout.top / found.lock_path).is_file()
    return replace(
        found,
        lock_is_committed=bool(checkout.entries("HEAD", [found.lock_path])),
        lock_is_outdated=is_outdated,
        locks=with_lock and is_outdated and not not_read and not found.needs_a_person,
        not_read=not_read if is_outdated else None,
    )


def _in_the_way(found: Upgrade, *, look_only: bool) -> list[str]:
    if found.merge is None:
        return []
    # Nothing else may lie where it writes; but a lock that the team keeps out of git is its own to change.
    lock = [found.lock_path] if found.locks and found.lock_is_committed else []
    return in_the_way(found.checkout, [*found.merge.touched, *lock], found.merge.kept_deletions, look_only=look_only)


def nothing_to_do(source: Source) -> Upgrade:
    """An upgrade of a repository that is where it should be."""
    before = source.project
    return Upgrade(checkout=source.checkout, before=before, after=before, message=message(before, before))


def _refuse_newer(before: Project, installed: str) -> None:
    if is_newer(before.template_version, installed):
        raise RefusedError(
            f"This repository has the templates of mlops-scaffold {before.template_version}, and this is {installed}. "
            "Install that version or a newer one, then run this again."
        )


def _rendered(before: Project, templates: Tree, kit: Kit | None, installed: str) -> Iterator[Tree]:
    """What the recorded version may have given: the installed templates when they are of that version, the released."""
    if before.template_version == installed and (tree := _render(templates, before, kit)):
        yield tree
    released = templates_of(before.template_version)
    if released is not None and (tree := _render(released, before, kit)):
        yield tree


def _render(templates: Tree, project: Project, kit: Kit | None) -> Tree | None:
    """A project's files by some version's templates; None when those can't give them.

    Without the kit that it has, the files that the kit has no part in are as they were.
    """
    config = read_questions(overlay(templates, kit))
    given = {**only_asked(config, project.given), TEMPLATE_VERSION: project.template_version}
    try:
        return give(templates, kit, resolve(config, given, {}))
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


def _dropped(source: Source, templates: Tree, theirs: Tree) -> tuple[str, ...]:
    """Lines that somebody has written into `project.yml`: its next text is the templates' alone."""
    text = source.files[PROJECT].replace(b"\r\n", b"\n")
    listed = read_manifest(source.manifest or b"").get(PROJECT)
    if listed and listed[1] == File(content=text).blob_id:
        return ()
    keys = {*asked(read_questions(templates)), TEMPLATE_VERSION, "answers", "kit", *KIT_FIELDS}
    known = {line.strip() for line in _lines(theirs[PROJECT].content)}
    return tuple(
        line
        for line in _lines(text)
        if line.strip() and line.strip() not in known and line.partition(":")[0].strip() not in keys
    )


def _lines(content: bytes) -> list[str]:
    return content.decode(errors="replace").splitlines()


def _author(checkout: Checkout) -> bytes | None:
    """Who commits here, with the present time; None when nobody is configured, since nobody is guessed."""
    done = git.start(["-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT"], checkout.top)
    return done.stdout.rstrip(b"\n") if done.returncode == 0 else None
