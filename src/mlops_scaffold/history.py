"""The templates of released versions: what an old repository was made from, also without a network.

A source checkout has them at its release tags. A wheel carries `history.bundle`, a git bundle that the build makes of
those tags (`hatch_build.py`): one reference `refs/templates/v<version>` per release, whose tree is its templates.
"""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mlops_scaffold import git
from mlops_scaffold.errors import GitError, RefusedError, TemplateError
from mlops_scaffold.templates import FOLDER, checkout
from mlops_scaffold.tree import EXECUTABLE, REGULAR, File

BUNDLE = Path(__file__).with_name("history.bundle")

TAGS = "refs/tags/v"
BUNDLED = "refs/templates/v"

NUMBER = "(0|[1-9][0-9]*)"
VERSION = re.compile(rf"{NUMBER}\.{NUMBER}\.{NUMBER}(?:(a|b|rc){NUMBER})?(?:\.post{NUMBER})?")


def templates_of(version: str) -> dict[str, File] | None:
    """The template files of a released version, as `templates.built_in` gives those of the installed one.

    Args:
        version: What a repository says it was made by; any text.

    Returns:
        Path → file, or None when the version is unknown here.

    Raises:
        RefusedError: The history that was installed with the package is damaged.
        TemplateError: The release holds something that is not a file.
        GitError: Git is missing.
    """
    if order(version) is None:
        return None
    found = _tagged(version)
    return _bundled(version) if found is None else found


def versions() -> list[str]:
    """The released versions whose templates are known here, ascending.

    Raises:
        RefusedError: The history that was installed with the package is damaged.
    """
    known = {*_tagged_versions(), *_bundled_commits()}
    ordered = sorted((place, version) for version in known if (place := order(version)))
    return [version for _, version in ordered]


def order(version: str) -> tuple[int, ...] | None:
    """A key that sorts versions (`1.2.0rc1` before `1.2.0` before `1.2.0.post1`); None for what is no release."""
    found = VERSION.fullmatch(version)
    if found is None:
        return None
    major, minor, patch, phase, trial, post = found.groups()
    before = ("a", "b", "rc", None).index(phase)
    return int(major), int(minor), int(patch), before, int(trial or 0), int(post or -1)


def is_final(version: str) -> bool:
    """Whether a version is a release and no trial of one (`1.2.0`, not `1.2.0rc1`)."""
    found = VERSION.fullmatch(version)
    return found is not None and found.group(4) is None


def is_newer(version: str, other: str) -> bool:
    """Whether a version is newer than another one; what is no release is not."""
    one, two = order(version), order(other)
    return bool(one and two and one > two)


def _tagged(version: str) -> dict[str, File] | None:
    repository = _repository()
    return _read(f"{TAGS}{version}:{FOLDER}", repository, version) if repository else None


def _tagged_versions() -> list[str]:
    repository = _repository()
    if repository is None:
        return []
    tags = git.references(f"{TAGS}*", repository)
    have = git.are_trees([f"{tag}:{FOLDER}" for tag in tags], repository)
    return [tag.removeprefix(TAGS) for tag, has in zip(tags, have, strict=True) if has]


def _repository() -> Path | None:
    """The source checkout, if it is a repository of its own: the tags of one around it are not ours."""
    root = checkout()
    top = git.top_level(root) if root else None
    return root if root and top and top.samefile(root) else None


def _bundled(version: str) -> dict[str, File] | None:
    commit = _bundled_commits().get(version)
    if commit is None:
        return None
    with tempfile.TemporaryDirectory(prefix="mlops-scaffold-", ignore_cleanup_errors=True) as name:
        place = Path(name).absolute()
        git.init_bare(place)
        try:
            git.unbundle(BUNDLE, place)
            return _read(commit, place, version, {"GIT_DIR": str(place)})
        except GitError as error:
            raise _damaged() from error


def _bundled_commits() -> dict[str, str]:
    """Version → commit: the head of a bundle is text (https://git-scm.com/docs/gitformat-bundle)."""
    if not BUNDLE.is_file():
        return {}
    head, separator, _ = BUNDLE.read_bytes().partition(b"\n\n")
    signature, *lines = head.split(b"\n")
    if signature != b"# v2 git bundle" or not separator:
        raise _damaged()
    pairs = (line.decode(errors="replace").partition(" ") for line in lines)
    return {name.removeprefix(BUNDLED): commit for commit, _, name in pairs if name.startswith(BUNDLED)}


def _read(tree: str, repository: Path, version: str, env: Mapping[str, str] | None = None) -> dict[str, File] | None:
    files = git.files_of(tree, repository, env)
    if files is None:
        return None
    for mode, path, _ in files:
        if mode not in {REGULAR, EXECUTABLE}:
            raise TemplateError(
                f"The templates of version {version} hold {path}, which is not a file. Report this bug."
            )
    # In the order of `read_tree`.
    files.sort(key=lambda file: Path(file[1]))
    return {path: File(mode=mode, content=content) for mode, path, content in files}


def _damaged() -> RefusedError:
    return RefusedError(f"The templates of earlier versions in {BUNDLE} are damaged. Install mlops-scaffold again.")
