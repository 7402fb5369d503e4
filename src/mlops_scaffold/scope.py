"""What of the last commit a merge gets to see: the project's own part.

Among all that ours has and base has not, git looks for files that were renamed. In a repository with several projects
it would find the same file of another one, and in `src/<package>/` files that no upgrade may touch. What git does not
see it can't take for a renamed file.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from mlops_scaffold.checkout import Checkout, Entry
from mlops_scaffold.fast_import import Stream
from mlops_scaffold.project import PROJECT, package_folder

DIRECTORY = "040000"
"""The mode that git has for a directory."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The project's part of the last commit.

    Attributes:
        commit: The tree of the whole commit.
        folder: The project's directory, below the root of the work tree; nothing when it is the root.
        tree: The tree of that directory.
        apart: What the merge does not see of it, directories as such where they can be left out as a whole.
    """

    commit: str
    folder: str
    tree: str
    apart: Mapping[str, Entry]

    @property
    def is_all(self) -> bool:
        """Whether a merge sees the whole commit."""
        return not self.folder and not self.apart

    def add_ours(self, stream: Stream, parent: int) -> None:
        """Add a commit of the part to a stream."""
        own = {self.folder: Entry(mode=DIRECTORY, kind="tree", id=self.tree)}
        stream.commit({}, message="ours", parent=parent, entries=own, without=self.apart)

    def add_whole(self, stream: Stream, merged: str) -> None:
        """Add a commit that has a merged tree of the project's directory in place of the old one."""
        own = {self.folder: Entry(mode=DIRECTORY, kind="tree", id=merged)}
        stream.commit({}, message="whole", tree=self.commit, entries={**own, **self.apart})


def scope_of(checkout: Checkout, *, package: str, templates: Collection[str]) -> Scope:
    """Find the part of the last commit that belongs to a project.

    Args:
        checkout: The team's repository.
        package: The name of the team's package.
        templates: Every path that a file of the templates has or had. What is at one stays in sight.
    """
    folder = checkout.prefix.rstrip("/")
    # Git lists either a directory or what is in it.
    own = checkout.entries("HEAD", [folder]) if folder else {}
    candidates = _outermost(not_ours(checkout, package))
    apart: dict[str, Entry] = {}
    for path, entry in checkout.entries("HEAD", candidates).items():
        if entry.kind != "tree":
            continue
        if _is_on_the_way(path, templates):
            apart |= {name: file for name, file in checkout.files("HEAD", path).items() if name not in templates}
        else:
            apart[path] = entry
    return Scope(commit=checkout.tree, folder=folder, tree=own[folder].id if folder else checkout.tree, apart=apart)


def not_ours(checkout: Checkout, package: str) -> list[str]:
    """The directories inside the project that are not for upgrades of it: other projects', and the team's package."""
    own = f"{checkout.prefix}{PROJECT}"
    found = checkout.names("ls-files", "-z", "--", f":(top,glob)**/{PROJECT}")
    others = [path.removesuffix(f"/{PROJECT}") for path in found if path != own and path.startswith(checkout.prefix)]
    return [*others, f"{checkout.prefix}{package_folder(package)}"]


def _outermost(folders: Iterable[str]) -> list[str]:
    found: list[str] = []
    for folder in sorted(folders):
        if not any(folder.startswith(f"{above}/") for above in found):
            found.append(folder)
    return found


def _is_on_the_way(folder: str, templates: Iterable[str]) -> bool:
    """Whether a path of the templates is the folder, in it, or above it."""
    return any(f"{path}/".startswith(f"{folder}/") or folder.startswith(f"{path}/") for path in templates)
