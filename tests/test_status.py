"""What `status` says of a repository, for people and for programs, and that looking changes nothing."""

import json
import os
import shutil
from pathlib import Path

import pytest
import repositories
from repositories import Team, assert_same, command, contents, copy_of, git, make, snapshot

from mlops_scaffold import __version__, journal
from mlops_scaffold.checkout import open_checkout
from mlops_scaffold.project import MANIFEST, PROJECT

small_root, small, base, team, templates_to = (
    repositories.small_root, repositories.small, repositories.base, repositories.team, repositories.templates_to,
)  # fmt: skip

TEN = "Line 10 of level 1.\n"
FILES = 10
"""Files of the small templates at level 1 that upgrades maintain, without the state."""


def said(team: Team) -> str:
    """What `status` prints; looking changes nothing, not even what git notes about times."""
    before = snapshot(team.path, objects=True)
    done = command("status", team.path)
    assert_same(before, snapshot(team.path, objects=True))
    assert (done.code, done.err) == (0, "")
    return done.out


def differences(team: Team) -> tuple[object, object, object]:
    found = team.status()
    return found["edited"], found["deleted"], found["renamed"]


def test_an_untouched_repository(team: Team) -> None:
    assert team.status() == {
        "path": str(team.path),
        "level": 1,
        "next_level": 2,
        "kit_problem": None,
        "template_version": __version__,
        "kit": None,
        "kit_at_hand": None,
        "installed_version": __version__,
        "files": FILES,
        "edited": [],
        "deleted": [],
        "renamed": {},
        "untracked": [],
        "update_waits": False,
        "made_by_newer_version": False,
        "unfinished_upgrade": None,
    }
    assert said(team).splitlines() == [
        f"Churn: level 1 of MLOps maturity, templates {__version__}",
        f"{FILES} files of the templates: {FILES} as they were given",
        "Nothing is left to do.",
        "Level 2 is next: `mlops-scaffold upgrade --preview` shows what it adds and asks.",
    ]


def test_at_the_highest_level_nothing_is_next(small: Path, tmp_path: Path) -> None:
    assert small.is_dir()
    assert "is next" not in said(make(tmp_path / "churn", "--level", 4))


@pytest.mark.parametrize("committed", [False, True])
def test_edited_deleted_and_renamed_files(team: Team, committed: bool) -> None:
    team.edit("docs/plan.md", "Plan one.", "Plan one is ours.")
    (team.path / "tools/run.sh").chmod(0o644)
    team.git("rm", "--quiet", "notes/two.md")
    team.git("mv", "docs/guide.md", "handbook.md")
    team.edit("handbook.md", "Line 2 of the guide.", "Line 2 is ours.")
    (team.path / "logo.bin").unlink()
    (team.path / "logo.bin").symlink_to("README.md")
    team.write("src/churn/model.py", "MODEL = 'ours'\n")
    team.write("ours.md", "Ours.\n")
    if committed:
        team.commit()
    assert differences(team) == (
        ["docs/plan.md", "logo.bin", "tools/run.sh"], ["notes/two.md"], {"docs/guide.md": "handbook.md"},
    )  # fmt: skip
    lines = said(team).splitlines()
    assert lines[1:7] == [
        f"{FILES} files of the templates: {FILES - 5} as they were given",
        "  edited   docs/plan.md",
        "  edited   logo.bin",
        "  edited   tools/run.sh",
        "  renamed  docs/guide.md → handbook.md",
        "  deleted  notes/two.md",
    ]
    assert "src/churn/model.py" not in "".join(lines)


def test_a_renamed_directory_is_one_line(team: Team) -> None:
    team.git("mv", "notes", "diary")
    team.commit()
    assert team.status()["renamed"] == {"notes/one.md": "diary/one.md", "notes/two.md": "diary/two.md"}
    assert "  renamed  notes/ → diary/ (2 files)" in said(team)


def test_renamed_files_are_found_whatever_a_person_has_set_for_git(team: Team) -> None:
    for setting in ("diff.renames=false", "diff.renameLimit=1", "diff.noprefix=true", "core.quotePath=true"):
        team.git("config", *setting.split("="))
    for name, new in {"notes/one.md": "Büro one.md", "notes/two.md": "two.txt", "docs/plan.md": "ours/plan.md"}.items():
        (team.path / new).parent.mkdir(exist_ok=True)
        team.git("mv", name, new)
        team.write(new, team.read(new) + "And a line of ours.\n")
    team.commit()
    assert team.status()["renamed"] == {
        "docs/plan.md": "ours/plan.md", "notes/one.md": "Büro one.md", "notes/two.md": "two.txt",
    }  # fmt: skip


def test_line_ends_of_a_check_out_are_no_edits(team: Team) -> None:
    for name in ("README.md", "docs/guide.md"):
        team.write(name, team.read(name).replace("\n", "\r\n"))
    assert differences(team) == ([], [], {})
    team.edit("README.md", "Ask somebody.", "Ask Ada.")
    assert differences(team) == (["README.md"], [], {})


def test_a_directory_in_the_place_of_a_file_is_an_edit(team: Team) -> None:
    (team.path / "docs/plan.md").unlink()
    team.write("docs/plan.md/part.md", "Ours.\n")
    assert differences(team)[0] == ["docs/plan.md"]


def test_a_repository_without_a_manifest_as_copier_makes_it(team: Team) -> None:
    team.git("rm", "--quiet", MANIFEST)
    team.commit()
    found = team.status()
    assert (found["files"], found["edited"], found["update_waits"]) == (None, [], True)
    assert "There is no manifest" in said(team)
    assert team.update().code == 0
    team.commit()
    assert (team.status()["files"], team.status()["update_waits"]) == (FILES, False)


def test_without_git_files_are_still_compared(team: Team) -> None:
    shutil.rmtree(team.path / ".git")
    team.edit("docs/plan.md", "Plan one.", "Plan one is ours.")
    (team.path / "docs/guide.md").rename(team.path / "handbook.md")
    assert differences(team) == (["docs/plan.md"], ["docs/guide.md"], {})
    assert "Nothing is left to do." in said(team)


def test_without_a_commit(team: Team) -> None:
    shutil.rmtree(team.path / ".git")
    team.git("init", "--quiet")
    assert differences(team) == ([], [], {})


def test_an_upgrade_that_is_applied_and_not_committed(team: Team) -> None:
    assert team.upgrade().code == 0
    found = team.status()
    assert (found["level"], found["edited"], found["update_waits"]) == (2, [], False)
    assert found["unfinished_upgrade"] == {
        "phase": "applied", "title": "Move to level 2 of MLOps maturity", "conflicts": [],
    }  # fmt: skip
    text = said(team)
    assert "Applied and not committed: Move to level 2 of MLOps maturity." in text
    assert "`git commit` finishes it." in text
    assert "Nothing is left" not in text
    team.git("commit", "--quiet", "--message", "Up")
    assert team.status()["unfinished_upgrade"] is None
    assert "Nothing is left to do." in said(team)


def test_conflicts_are_listed_until_each_is_resolved(team: Team) -> None:
    team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    team.edit("notes/one.md", "Note of level 1.", "Note is ours.")
    team.commit()
    assert team.upgrade().code == 1
    assert team.status()["unfinished_upgrade"]["conflicts"] == ["docs/guide.md", "notes/one.md"]
    assert "Not finished: Move to level 2 of MLOps maturity. In conflict:\n  docs/guide.md\n  notes/one.md" in said(
        team
    )
    team.git("checkout", "--ours", "docs/guide.md")
    team.git("add", "docs/guide.md")
    assert team.status()["unfinished_upgrade"]["conflicts"] == ["notes/one.md"]
    team.git("checkout", "--theirs", "notes/one.md")
    team.git("add", "notes/one.md")
    assert team.status()["unfinished_upgrade"]["conflicts"] == []
    team.git("commit", "--quiet")
    assert team.status()["unfinished_upgrade"] is None
    assert differences(team) == (["docs/guide.md"], [], {})


def test_an_interrupted_upgrade_says_how_to_take_it_back(team: Team) -> None:
    """The journal is what a killed upgrade leaves behind; half of the files are written."""
    tree = team.git("rev-parse", "HEAD^{tree}").strip()
    journal.begin(
        open_checkout(team.path), title="Move to level 2", tree=tree, theirs=tree, touched=["docs/guide.md", PROJECT]
    )
    team.write("docs/guide.md", "Line 1")
    team.write(PROJECT, "lev")
    found = team.status()
    assert found["level"] == 1
    assert found["unfinished_upgrade"] == {"phase": "applying", "title": "Move to level 2", "conflicts": []}
    assert "Interrupted: Move to level 2. `mlops-scaffold upgrade --abort` puts everything back" in said(team)
    assert team.upgrade().code == 3
    assert team.abort().code == 0
    assert differences(team) == ([], [], {})
    assert team.changes() == []


def test_an_update_that_waits(team: Team, templates_to: Path) -> None:
    plan = templates_to / "level1/project/docs/plan.md"
    plan.write_text(plan.read_text() + "Later.\n")
    assert team.status()["update_waits"]
    assert f"An update to the templates of {__version__} waits: `mlops-scaffold update --preview` shows it." in said(
        team
    )
    assert team.update().code == 0
    team.commit()
    assert not team.status()["update_waits"]
    assert team.read("docs/plan.md").endswith("Later.\n")


def test_a_change_for_a_higher_level_is_no_update(team: Team, templates_to: Path) -> None:
    (templates_to / "level2/project/jobs/train.py").write_text("TRAIN = 22\n")
    assert not team.status()["update_waits"]


def test_a_repository_of_a_newer_version(team: Team) -> None:
    team.edit(PROJECT, f'"{__version__}"', '"99.0.0"')
    team.commit()
    found = team.status()
    assert (found["made_by_newer_version"], found["update_waits"]) == (True, False)
    assert f"It has newer templates than this mlops-scaffold {__version__}. Install a newer version." in said(team)


def test_a_project_in_a_larger_repository(base: Team, small: Path, tmp_path: Path) -> None:
    assert small.is_dir()
    git(tmp_path, "init", "--quiet", "mono")
    team = Team(path=tmp_path / "mono/a b/churn")
    shutil.copytree(base.path, team.path, ignore=shutil.ignore_patterns(".git"))
    team.commit()
    team.git("mv", "docs/guide.md", "handbook.md")
    team.edit("docs/plan.md", "Plan one.", "Plan one is ours.")
    assert differences(team) == (["docs/plan.md"], [], {"docs/guide.md": "handbook.md"})
    assert json.loads(command("status", team.path / "docs", "--json").out) == team.status()


def test_a_second_project_does_not_hide_the_upgrade_of_the_first(base: Team, team: Team) -> None:
    inner = Team(path=team.path / "inner")
    shutil.copytree(base.path, inner.path, ignore=shutil.ignore_patterns(".git"))
    team.commit()
    assert inner.upgrade().code == 0
    assert inner.status()["unfinished_upgrade"]["phase"] == "applied"
    assert (inner.status()["level"], team.status()["level"]) == (2, 1)


@pytest.mark.parametrize("content", ["", "- 1\n", "level: 1\n"])
def test_a_state_that_can_not_be_understood_is_refused(team: Team, content: str) -> None:
    team.write(PROJECT, content)
    done = command("status", team.path)
    assert (done.code, done.out) == (3, "")
    assert "project.yml can't be understood" in done.err


def test_outside_of_a_project(tmp_path: Path) -> None:
    done = command("status", tmp_path)
    assert done.code == 3
    assert "`mlops-scaffold new`" in done.err


def test_looking_does_not_refresh_what_git_notes(team: Team, tmp_path: Path) -> None:
    other = copy_of(team, tmp_path / "other")
    for name in contents(other.path):
        os.utime(other.path / name, (2_000_000_000, 2_000_000_000))
    (other.path / "docs/guide.md").rename(other.path / "handbook.md")
    assert "  deleted  docs/guide.md" in said(other)
