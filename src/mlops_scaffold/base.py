"""The base of a merge: the files as the templates once gave them, exact wherever that can be known.

The templates of the recorded version are rendered with the recorded answers, and each file is held against the
manifest. Where it differs, or those templates can't be had, the manifest's blob is looked up in the repository's own
objects. Only what neither gives is a guess, and the guess is named: a wrong base makes lines look like the team's that
are not, or the other way round.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlops_scaffold.errors import RefusedError
from mlops_scaffold.project import PROJECT, Project, maintained, read_manifest
from mlops_scaffold.tree import File, Tree


@dataclass(frozen=True, kw_only=True)
class Base:
    """Pristine files.

    Attributes:
        tree: Path → file, without the team's own files, the manifest and the lock.
        guessed: Paths whose old content could not be had; a later version's stands for it, or none.
    """

    tree: Tree
    guessed: tuple[str, ...]


def recover(
    project: Project,
    manifest: bytes | None,
    rendered: Iterable[Tree],
    guess: Callable[[], Tree],
    blobs: Callable[[Sequence[str]], Mapping[str, bytes]],
) -> Base:
    """Find the files that a project was made of.

    Args:
        project: Level, version and answers.
        manifest: The manifest as committed; None when there is none, as after a plain `copier copy`.
        rendered: What the templates of the recorded version give, the best candidate first; it is read lazily.
        guess: What to take for the old files when nothing else gives them.
        blobs: Looks up contents in the repository's objects, by id.

    Raises:
        RefusedError: The old templates can't be read, and something would have to be guessed for that.
    """
    package = str(project.answers["package_name"])
    # The state is taken as it is committed, so its old text is not needed.
    wanted = {path: line for path, line in read_manifest(manifest or b"").items() if path != PROJECT}
    if not wanted:
        for tree in rendered:
            given = maintained(tree, package)
            # Without a manifest the version is taken at its word. One that was spoilt is no reason to trust the rest.
            return Base(tree=given, guessed=() if manifest is None else tuple(given))
        given = maintained(guess(), package)
        return Base(tree=given, guessed=tuple(given))
    found: dict[str, File] = {}
    unreadable = None
    try:
        for tree in rendered:
            candidate = maintained(tree, package)
            found |= {path: file for path, file in candidate.items() if _matches(file, wanted.get(path))}
            if found.keys() == wanted.keys():
                return Base(tree=dict(sorted(found.items())), guessed=())
    except RefusedError as error:
        unreadable = error  # The manifest's blobs may do without those templates.
    missing = [path for path in wanted if path not in found]
    contents = blobs([wanted[path][1] for path in missing])
    found |= {
        path: File(mode=wanted[path][0], content=contents[wanted[path][1]])
        for path in missing
        if wanted[path][1] in contents
    }
    guessed = [path for path in missing if path not in found]
    if guessed and unreadable:
        raise unreadable
    if guessed:
        later = maintained(guess(), package)
        found |= {path: later[path] for path in guessed if path in later}
        guessed = [path for path in guessed if path not in later or not _matches(later[path], wanted[path])]
    return Base(tree=dict(sorted(found.items())), guessed=tuple(guessed))


def _matches(file: File, line: tuple[str, str] | None) -> bool:
    return line == (file.mode, file.blob_id)
