"""Build hook: the templates of every release, as one git bundle inside the wheel and the source distribution.

An upgrade renders a repository's old files with the templates of the version that made it, years later and offline. The
bundle holds one commit without parents per release tag; its tree is the tag's `templates/`. Everything is made in a
temporary repository that borrows the objects of the checkout, so nothing is written into the checkout.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLE = "history.bundle"

NUMBER = "(?:0|[1-9][0-9]*)"
TAG = re.compile(rf"v{NUMBER}\.{NUMBER}\.{NUMBER}(?:(?:a|b|rc){NUMBER})?(?:\.post{NUMBER})?")
"""A release tag: `v` and a version as `mlops_scaffold.history` accepts it."""

RELEASED = re.compile(r"^## \[([0-9][^\]]*)\]", re.MULTILINE)
"""A released version's heading in the changelog."""

IDENTITY = "mlops-scaffold <templates@mlops-scaffold.invalid> 0 +0000"
"""Fixed, like the message, so that the same tag gives the same commit on every machine."""

WITHOUT = "This build carries no templates of earlier releases: {}. Build releases from a full clone."


class Unavailable(Exception):  # noqa: N818 - it ends in a warning, not in a failed build
    """Why there is no history to pack."""


class TemplateHistoryHook(BuildHookInterface[BuilderConfig]):
    """Adds the bundle to what is built."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the bundle, unless the build is editable or starts from a source distribution, which brings its own."""
        root = Path(self.root)
        if version == "editable" or (root / "PKG-INFO").is_file():
            return
        # An attribute, because the file must be there until the build ends; a build that fails removes it too.
        self._place = tempfile.TemporaryDirectory(prefix="template-history-")
        try:
            bundle = self._bundle(root, Path(self._place.name))
        except Unavailable as reason:
            self.app.display_warning(WITHOUT.format(reason))
            return
        if bundle:
            folder = "mlops_scaffold" if self.target_name == "wheel" else "src/mlops_scaffold"
            build_data["force_include"][str(bundle)] = f"{folder}/{BUNDLE}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the temporary files."""
        if place := getattr(self, "_place", None):
            place.cleanup()

    def _bundle(self, root: Path, place: Path) -> Path | None:
        objects, shallow = checkout(root)
        tags = release_tags(root)
        changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
        untagged = [name for name in RELEASED.findall(changelog) if f"v{name}" not in tags]
        if shallow or untagged:
            lack = f"the tags of {', '.join(untagged)} are missing here" if untagged else "this is a shallow clone"
            self.app.display_warning(f"Templates of earlier releases may be left out: {lack}. Fetch all tags first.")
        trees = template_trees(root, tags)
        return pack(trees, objects, place) if trees else None


def checkout(root: Path) -> tuple[Path, bool]:
    """Where the objects of the checkout are, and whether it is a shallow clone.

    Raises:
        Unavailable: The directory is not the top of a work tree, or git can't tell.
    """
    words = ("--path-format=absolute", "--show-toplevel", "--git-path", "objects", "--is-shallow-repository")
    top, objects, shallow = os.fsdecode(git("rev-parse", *words, cwd=root)).splitlines()
    if not root.samefile(top):  # The tags of a repository around us are not ours.
        raise Unavailable(f"{root} is not a clone")
    return Path(objects), shallow == "true"


def release_tags(root: Path) -> list[str]:
    """The names of the release tags."""
    names = git("for-each-ref", "--format=%(refname:strip=2)", "refs/tags/v*", cwd=root).decode().splitlines()
    return [name for name in names if TAG.fullmatch(name)]


def template_trees(root: Path, tags: list[str]) -> dict[str, str]:
    """Tag → id of its `templates/`, where it has one."""
    names = "".join(f"refs/tags/{tag}:templates\n" for tag in tags)
    lines = git("cat-file", "--batch-check=%(objecttype) %(objectname)", cwd=root, stdin=names.encode())
    found = zip(tags, lines.decode().splitlines(), strict=True)
    return {tag: line.removeprefix("tree ") for tag, line in found if line.startswith("tree ")}


def pack(trees: Mapping[str, str], objects: Path, place: Path) -> Path:
    """Write the bundle.

    Args:
        trees: Tag → tree id.
        objects: The object directory that holds the trees.
        place: An empty directory for the bundle and the temporary repository.
    """
    repository, bundle = place / "repository", place / BUNDLE
    git("init", "--quiet", "--bare", "--template=", "--object-format=sha1", str(repository), cwd=place)
    (repository / "objects/info").mkdir(exist_ok=True)
    (repository / "objects/info/alternates").write_bytes(os.fsencode(objects) + b"\n")
    commits = (
        f'commit refs/templates/{tag}\ncommitter {IDENTITY}\ndata {len(tag)}\n{tag}\nM 040000 {tree} ""\n\n'
        for tag, tree in trees.items()
    )
    git("fast-import", "--quiet", cwd=repository, stdin="".join(commits).encode())
    # Deltas are looked for anew, by one thread: those of the clone differ from clone to clone.
    settings = ("-c", "pack.threads=1", "-c", "pack.window=250", "-c", "pack.compression=9")
    git(*settings, "repack", "-a", "-d", "-F", "-q", cwd=repository)
    git(*settings, "bundle", "create", "--quiet", "--version=2", str(bundle), "--all", cwd=repository)
    return bundle


def git(*words: str, cwd: Path, stdin: bytes = b"") -> bytes:
    """What a git command prints.

    Raises:
        Unavailable: There is no git, or it failed.
    """
    if shutil.which("git") is None:
        raise Unavailable("git was not found")
    # The build may run inside a git hook, whose variables point to another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(["git", *words], cwd=cwd, input=stdin, capture_output=True, env=environment, check=False)
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip().splitlines() or ["it gave no reason"]
        raise Unavailable(f"git says `{reason[0]}`")
    return done.stdout
