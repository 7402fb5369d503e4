"""Settings of git, clones and states that are rare, and that an upgrade must still get right."""

import shutil
import subprocess
from pathlib import Path

import pytest
import repositories
from repositories import Team, git, moved, put

from mlops_scaffold import __version__, history
from mlops_scaffold import git as git_module
from mlops_scaffold.base import recover
from mlops_scaffold.project import MANIFEST, Project, read_manifest
from mlops_scaffold.tree import File, Tree

small_root, small, base, team, templates_to = (
    repositories.small_root, repositories.small, repositories.base, repositories.team, repositories.templates_to,
)  # fmt: skip

OLD = "0.0.1"
"""A version that has no tag in the source checkout."""

PROJECT = Project(level=1, template_version=OLD, answers={"package_name": "churn"})


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history that was installed with the package, of one version whose templates are one file."""
    source = tmp_path / "released"
    put(source / "page.md", "A page.\n")
    git(source, "init", "--quiet")
    git(source, "add", "--all")
    git(source, "commit", "--quiet", "--message", "Released")
    git(source, "update-ref", f"refs/templates/v{OLD}", "HEAD")
    path = tmp_path / "history.bundle"
    git(source, "bundle", "create", "--quiet", "--version=2", str(path), f"refs/templates/v{OLD}")
    monkeypatch.setattr(history, "BUNDLE", path)
    return path


def of_old_version(team: Team) -> Team:
    """The repository says that another version has made it."""
    team.edit(".mlops-scaffold/project.yml", f'"{__version__}"', f'"{OLD}"')
    team.commit()
    return team


# The history


def test_a_user_may_forbid_to_find_bare_repositories(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bundle.is_file()
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.bareRepository")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "explicit")
    assert history.templates_of(OLD) == {"page.md": File(content=b"A page.\n")}


def test_a_damaged_history_is_no_obstacle_when_the_repository_has_the_old_files(team: Team, bundle: Path) -> None:
    bundle.write_bytes(b"damaged")
    of_old_version(team)
    assert moved(team)["guessed_base"] == []


def test_a_damaged_history_is_refused_rather_than_guessed_around(team: Team, bundle: Path) -> None:
    bundle.write_bytes(b"damaged")
    of_old_version(team)
    lines = team.read(MANIFEST).splitlines(keepends=True)
    spoilt = [line.replace(line[7:47], "1" * 40) if line.endswith("\tREADME.md\n") else line for line in lines]
    team.write(MANIFEST, "".join(spoilt))
    team.commit()
    done = team.upgrade()
    assert done.code == 3
    assert "Install mlops-scaffold again." in done.err


# A partial clone


@pytest.fixture
def partial(team: Team, tmp_path: Path) -> Team:
    """A clone that fetches blobs when they are needed; README.md is no longer as the templates gave it."""
    team.edit("README.md", "Ask somebody.", "Ask Ada.")
    team.commit()
    team.git("config", "uploadpack.allowFilter", "true")
    team.git("config", "uploadpack.allowAnySHA1InWant", "true")
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", f"file://{team.path}", "partial")
    return Team(path=tmp_path / "partial")


def test_a_partial_clone_fetches_what_it_lacks(partial: Team) -> None:
    old = partial.git("rev-parse", "HEAD~1:README.md").strip()
    assert b"Ask somebody." in git_module.blobs([old], partial.path)[old]


def test_what_a_partial_clone_cannot_fetch_is_left_out(partial: Team, team: Team) -> None:
    old = partial.git("rev-parse", "HEAD~1:README.md").strip()
    shutil.rmtree(team.path)
    found = git_module.blobs([old, "HEAD:README.md", "1" * 40], partial.path)
    assert set(found) == {"HEAD:README.md"}
    assert b"Ask Ada." in found["HEAD:README.md"]


def test_a_partial_clone_without_a_network_guesses_and_says_so(partial: Team, team: Team) -> None:
    of_old_version(partial)
    shutil.rmtree(team.path)
    # The templates that are installed differ from the old ones, so they can't stand for them.
    lines = partial.read(MANIFEST).splitlines(keepends=True)
    spoilt = [line.replace(line[7:47], "1" * 40) if line.endswith("\tREADME.md\n") else line for line in lines]
    partial.write(MANIFEST, "".join(spoilt))
    partial.commit()
    done = partial.upgrade("--preview", "--json")
    assert done.code in (0, 1), done.err
    assert done.data["guessed_base"] == ["README.md"]


# Writing


def test_the_objects_of_a_shared_repository_stay_writable_for_the_group(team: Team) -> None:
    team.git("config", "core.sharedRepository", "group")
    before = {path.name for path in (team.path / ".git/objects").iterdir()}
    assert team.upgrade().code == 0
    made = [path for path in (team.path / ".git/objects").iterdir() if path.name not in before]
    assert made
    assert {path.name: oct(path.stat().st_mode) for path in made if not path.stat().st_mode & 0o020} == {}


# Status


def edits(team: Team) -> tuple[list[str], list[str]]:
    status = team.status()
    return status["edited"], status["deleted"]


def checked_out_anew(team: Team, attributes: str) -> None:
    """Commit attributes, and let git write README.md again by them."""
    team.write(".gitattributes", attributes)
    team.commit()
    (team.path / "README.md").unlink()
    team.git("checkout", "--", "README.md")
    assert team.changes() == []


@pytest.mark.parametrize("attribute", ["filter=loud", "working-tree-encoding=UTF-16", "text eol=crlf"])
def test_what_git_makes_of_a_file_on_its_way_to_the_disk_is_no_edit(team: Team, attribute: str) -> None:
    team.git("config", "filter.loud.smudge", "tr a-z A-Z")
    team.git("config", "filter.loud.clean", "git show HEAD:README.md")
    given = team.read("README.md")
    checked_out_anew(team, f"README.md {attribute}\n")
    assert (team.path / "README.md").read_bytes() != given.encode()
    assert edits(team) == ([], [])
    team.write("notes/one.md", "Ours.\n")
    assert edits(team) == (["notes/one.md"], [])


def test_line_ends_that_are_committed_otherwise_are_no_edit(team: Team) -> None:
    team.write("notes/one.md", team.read("notes/one.md").replace("\n", "\r\n"))
    team.write("notes/two.md", team.read("notes/two.md").replace("\n", "\r\n") + "Ours.\r\n")
    assert edits(team) == (["notes/two.md"], [])
    team.commit()
    assert edits(team) == (["notes/two.md"], [])


def test_a_mode_that_was_changed_is_an_edit(team: Team) -> None:
    (team.path / "tools/run.sh").chmod(0o644)
    assert edits(team) == (["tools/run.sh"], [])
    team.commit()
    assert edits(team) == (["tools/run.sh"], [])


def test_what_a_sparse_checkout_leaves_out_is_not_deleted(team: Team) -> None:
    team.write("notes/one.md", "Ours.\n")
    team.git("rm", "--quiet", "notes/two.md")
    team.commit()
    team.git("sparse-checkout", "set", "docs")
    assert not (team.path / "notes").exists()
    assert not (team.path / MANIFEST).exists()
    assert edits(team) == (["notes/one.md"], ["notes/two.md"])


def test_status_writes_nothing_and_needs_no_git(team: Team) -> None:
    (team.path / "README.md").touch()
    team.write("notes/one.md", "Ours.\n")
    before = repositories.snapshot(team.top, objects=True)
    assert edits(team) == (["notes/one.md"], [])
    repositories.assert_same(before, repositories.snapshot(team.top, objects=True))
    shutil.rmtree(team.path / ".git")
    assert edits(team) == (["notes/one.md"], [])


def test_a_repository_with_other_ids_is_judged_by_its_contents(team: Team) -> None:
    shutil.rmtree(team.path / ".git")
    team.git("init", "--quiet", "--object-format=sha256")
    team.write("notes/one.md", "Ours.\n")
    team.commit()
    assert edits(team) == (["notes/one.md"], [])


# The manifest


ID = File(content=b"").blob_id


@pytest.mark.parametrize(
    "line",
    [f"100644 {ID}\t{path}" for path in ("", "/etc/passwd", "../x", "a/../x", ".git/config", "a/.GIT/x", "a//b", "./x")]
    + [f"{mode} {ID}\tx" for mode in ("120000", "160000", "040000", "100664", "x")],
)
def test_a_line_that_no_template_gives_is_left_out(line: str) -> None:
    good = f"100755 {ID}\tdocs/.github/x\n"
    assert read_manifest(f"{line}\n{good}".encode()) == {"docs/.github/x": ("100755", ID)}


def test_a_manifest_that_is_spoilt_counts_as_none_and_all_is_named(team: Team) -> None:
    tree: Tree = {"a.md": File(content=b"A.\n"), "src/churn/own.py": File(content=b"")}

    def found(manifest: bytes | None, *rendered: Tree) -> tuple[list[str], tuple[str, ...]]:
        base = recover(PROJECT, manifest, rendered, lambda: tree, lambda _: {})
        return list(base.tree), base.guessed

    assert found(b"<<<<<<< ours\n", tree) == (["a.md"], ("a.md",))
    assert found(b"<<<<<<< ours\n") == (["a.md"], ("a.md",))
    assert found(None, tree) == (["a.md"], ())
    team.write(MANIFEST, "<<<<<<< ours\n")
    team.commit()
    assert team.status()["files"] is None
    data = moved(team)
    assert "README.md" in data["guessed_base"]
    assert data["conflicts"] == []


def test_of_what_git_says_the_fatal_line_is_told() -> None:
    said = b"fatal: no such thing\nPlease make sure that it is there.\n"
    assert git_module.reason(subprocess.CompletedProcess([], 128, b"", said)) == "fatal: no such thing"
    said = b"error: the reason\nfatal: it failed\n"
    assert git_module.reason(subprocess.CompletedProcess([], 128, b"", said)) == "error: the reason"
