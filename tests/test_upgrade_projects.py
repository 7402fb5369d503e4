"""Several projects in one repository, and the team's own package: nobody else's file is taken for a renamed one."""

import shutil
from pathlib import Path

import pytest
import repositories
from repositories import Facts, Team, command, contents, git, moved, restorable

small_root, small, base, team = repositories.small_root, repositories.small, repositories.base, repositories.team


@pytest.fixture
def two(base: Team, small: Path, tmp_path: Path) -> tuple[Team, Team]:  # noqa: ARG001
    """Two projects of the same files, side by side in one repository."""
    git(tmp_path, "init", "--quiet", "mono")
    teams = Team(path=tmp_path / "mono/one"), Team(path=tmp_path / "mono/two")
    for team in teams:
        shutil.copytree(base.path, team.path, ignore=shutil.ignore_patterns(".git"))
    teams[0].git("-C", "..", "add", "--all")
    teams[0].git("commit", "--quiet", "--message", "Start")
    return teams


def outside(team: Team) -> Facts:
    """All files of the repository that are not the project's."""
    name = f"{team.path.name}/"
    return {path: facts for path, facts in contents(team.top).items() if not path.startswith(name)}


def test_what_one_project_has_deleted_does_not_change_in_the_other(two: tuple[Team, Team]) -> None:
    one, _ = two
    one.git("rm", "--quiet", "-r", "docs/guide.md", "tools", "notes")
    one.commit("Without guide, tools and notes")
    before = outside(one)
    data = moved(one)
    assert outside(one) == before
    deleted = ["docs/guide.md", "notes/one.md", "notes/two.md", "tools/run.sh"]
    assert data["kept_deletions"] == [f"one/{path}" for path in deleted]
    assert data["followed"] == {}
    one.git("commit", "--quiet", "--no-edit")
    status = one.status()
    assert (status["deleted"], status["renamed"]) == (deleted, {})


def test_a_file_that_was_moved_out_of_the_project_is_not_followed(two: tuple[Team, Team]) -> None:
    """GitHub reads workflows at the root only. There those of two projects are too much alike."""
    one, other = two
    for team in two:
        (team.top / "guides").mkdir(exist_ok=True)
        team.git("mv", "docs/guide.md", f"../guides/{team.path.name}.md")
    one.edit("../guides/one.md", "Line 1 of the guide.\n", "Line 1 of our guide.\n")
    one.commit("The guides are read at the root")
    before = outside(one)
    assert moved(one)["kept_deletions"] == ["one/docs/guide.md"]
    assert outside(one) == before
    one.git("commit", "--quiet", "--no-edit")
    assert (one.status()["deleted"], other.status()["deleted"]) == (["docs/guide.md"], ["docs/guide.md"])
    assert one.status()["renamed"] == {}


def test_a_project_inside_is_not_touched(base: Team, team: Team) -> None:
    inner = Team(path=team.path / "models/inner")
    shutil.copytree(base.path, inner.path, ignore=shutil.ignore_patterns(".git"))
    team.git("rm", "--quiet", "docs/guide.md")
    team.commit()
    before = contents(inner.path)
    assert moved(team)["kept_deletions"] == ["docs/guide.md"]
    assert contents(inner.path) == before
    team.git("commit", "--quiet", "--no-edit")
    assert (team.status()["level"], inner.status()["level"]) == (2, 1)
    assert (team.status()["deleted"], team.status()["renamed"]) == (["docs/guide.md"], {})


def test_a_file_that_was_moved_into_the_package_is_the_teams_from_then_on(team: Team) -> None:
    team.git("mv", "tools/run.sh", "src/churn/run.sh")
    team.commit("Run it from the package")
    before = contents(team.path / "src")
    assert moved(team)["kept_deletions"] == ["tools/run.sh"]
    assert contents(team.path / "src") == before


def test_a_file_that_was_moved_within_the_project_is_followed(two: tuple[Team, Team]) -> None:
    one, _ = two
    one.git("mv", "docs/guide.md", "handbook.md")
    one.commit("A handbook")
    assert moved(one)["kept_deletions"] == []
    assert "Line 10 of level 2." in one.read("handbook.md")


def test_what_is_under_way_in_the_other_project_is_named(two: tuple[Team, Team]) -> None:
    one, other = two
    before = restorable(one)
    assert other.upgrade().code == 0
    assert one.status()["unfinished_upgrade"]["title"] == "Move to level 2 of MLOps maturity, in two/"
    refused = one.upgrade()
    assert (refused.code, "level 2 of MLOps maturity, in two/) is applied and not committed" in refused.err) == (
        3,
        True,
    )
    back = one.abort()
    assert (back.code, "is the upgrade of another project, two/." in back.err) == (3, True)
    assert other.status()["level"] == 2
    back = other.abort()
    assert (back.code, "Taken back: Move to level 2 of MLOps maturity, in two/." in back.out) == (0, True)
    assert restorable(one) == before


def test_an_upgrade_can_be_taken_back_from_the_root(two: tuple[Team, Team]) -> None:
    one, other = two
    before = restorable(one)
    assert other.upgrade().code == 0
    assert command("upgrade", one.top, "--abort").code == 0
    assert restorable(one) == before


def test_a_path_that_is_not_there_takes_nothing_back(two: tuple[Team, Team]) -> None:
    one, other = two
    assert other.upgrade().code == 0
    staged = other.tree()
    for path in (other.top / "twoo", other.top / "one/deeper", other.path / "jobs/none"):
        done = command("upgrade", path, "--abort")
        assert (done.code, "There is no " in done.err) == (2, True)
    assert other.tree() == staged
    shutil.rmtree(other.path)
    assert command("upgrade", other.path, "--abort").code == 3, "all files of it were deleted since"
    one.git("checkout", "--quiet", staged, "--", "../two")
    assert command("upgrade", other.path, "--abort").code == 0
    assert one.changes() == []


def test_a_project_inside_a_directory_of_the_templates_is_not_touched(base: Team, team: Team) -> None:
    """Level 2 adds to `jobs/`, where the team has another project."""
    inner = Team(path=team.path / "jobs")
    shutil.copytree(base.path, inner.path, ignore=shutil.ignore_patterns(".git"))
    team.git("rm", "--quiet", "docs/guide.md", "notes/one.md")
    team.commit()
    before = contents(inner.path)
    assert moved(team)["kept_deletions"] == ["docs/guide.md", "notes/one.md"]
    assert {path: facts for path, facts in contents(inner.path).items() if path in before} == before
    assert (team.path / "jobs/train.py").is_file()
