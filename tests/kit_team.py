"""A platform team with a kit: the folder `kits/harbour`, as a repository that is tagged and changed."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from repositories import git

from mlops_scaffold.tree import read_tree

HARBOUR = Path(__file__).with_name("kits") / "harbour"

FILES = frozenset(path for path in read_tree(HARBOUR) if path != "kit.toml")


@dataclass(frozen=True, kw_only=True)
class KitRepository:
    """A kit in a git repository.

    Attributes:
        path: Its work tree.
    """

    path: Path

    @property
    def url(self) -> str:
        """Where others get it from."""
        return self.path.as_uri()

    @property
    def head(self) -> str:
        return git(self.path, "rev-parse", "HEAD").strip()

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.path / name).read_text()
        assert old in text
        (self.path / name).write_text(text.replace(old, new))

    def release(self, version: str) -> str:
        """Commit what there is as a version of the kit, tag it, and return the commit."""
        text = (self.path / "kit.toml").read_text()
        lines = [f'version = "{version}"' if line.startswith("version = ") else line for line in text.splitlines()]
        (self.path / "kit.toml").write_text("\n".join(lines) + "\n")
        git(self.path, "add", "--all")
        git(self.path, "commit", "--quiet", "--allow-empty", "--message", f"Version {version}")
        git(self.path, "tag", f"v{version}")
        return self.head


def make_kit(path: Path, source: Path = HARBOUR) -> KitRepository:
    """A repository with a copy of a kit, released as version 1.0.0."""
    shutil.copytree(source, path)
    git(path, "init", "--quiet")
    kit = KitRepository(path=path)
    kit.release("1.0.0")
    return kit


@pytest.fixture
def harbour(tmp_path: Path, git_user: None) -> KitRepository:  # noqa: ARG001 - git needs a user
    """The kit, at version 1.0.0."""
    return make_kit(tmp_path / "harbour-kit")
