"""What a team may have done to its repository, and what an upgrade then does: nothing of theirs is ever lost.

Each upgrade here runs through `repositories.moved`, which also holds the preview against it and takes it back once.
"""

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import repositories
from repositories import GUIDE, LOGO, Team, assert_same, contents, copy_of, git, make, moved, snapshot

from mlops_scaffold import __version__

small_root, small, base, team, templates_to = (
    repositories.small_root, repositories.small, repositories.base, repositories.team, repositories.templates_to,
)  # fmt: skip

ALL_OF_LEVEL_2 = {
    ".github/workflows/train.yml", "jobs/deep/down/settings.toml", "jobs/start.sh", "jobs/train.py",
}  # fmt: skip
CHANGED_BY_LEVEL_2 = {
    ".mlops-scaffold/manifest", ".mlops-scaffold/project.yml", "README.md", "docs/guide.md", "logo.bin",
    "notes/one.md", "notes/two.md", "pyproject.toml", "tools/run.sh",
}  # fmt: skip

TEN = "Line 10 of level 1.\n"


def paths(entries: list[dict[str, object]]) -> list[object]:
    return [entry["path"] for entry in entries]


# Edits


def test_an_untouched_repository(team: Team) -> None:
    data = moved(team)
    assert set(paths(data["files"]["added"])) == ALL_OF_LEVEL_2
    assert set(paths(data["files"]["changed"])) == CHANGED_BY_LEVEL_2
    assert not any(change["merged"] for change in data["files"]["changed"])
    assert (data["files"]["removed"], data["conflicts"], data["kept_deletions"]) == ([], [], [])
    assert {change[:2] for change in team.changes()} == {"A ", "M "}
    assert (team.path / "jobs/start.sh").stat().st_mode & 0o111


def test_an_edit_at_another_place_is_merged(team: Team) -> None:
    team.edit("README.md", "Ask somebody.", "Ask Ada.")
    team.edit("docs/guide.md", "Line 2 of the guide.\n", "Line 2 is ours.\nAnd one more.\n")
    team.write("ours/ideas.md", "Ours.\n")
    team.commit()
    data = moved(team)
    merged = {change["path"] for change in data["files"]["changed"] if change["merged"]}
    assert merged == {"README.md", "docs/guide.md"}
    assert "Level 2 is in." in team.read("README.md")
    assert "Ask Ada." in team.read("README.md")
    assert team.read("docs/guide.md").splitlines()[1:3] == ["Line 2 is ours.", "And one more."]
    assert "Line 10 of level 2." in team.read("docs/guide.md")
    assert team.read("ours/ideas.md") == "Ours.\n"


def test_the_teams_own_files_are_never_touched(team: Team) -> None:
    team.write("src/churn/model.py", "MODEL = 'ours'\n")
    team.write("src/churn/more.py", "MORE = 1\n")
    team.commit()
    before = contents(team.path / "src")
    moved(team)
    assert contents(team.path / "src") == before


def test_templates_that_change_a_file_of_the_team_do_not_reach_it(team: Team, templates_to: Path) -> None:
    """Files below src/ are given once."""
    repositories.put(templates_to / "level1/project/src/{= package_name =}/model.py", "MODEL = 'other'\n")
    repositories.put(templates_to / "level1/project/src/{= package_name =}/gone.py", "GONE = 1\n")
    repositories.put(templates_to / "level1/project/docs/plan.md", "Another plan.\n")
    before = contents(team.path / "src")
    data = moved(team, verb="update")
    assert team.read("docs/plan.md") == "Another plan.\n"
    assert [str(path) for kind in data["files"].values() for path in paths(kind) if "src" in str(path)] == []
    assert contents(team.path / "src") == before


def test_the_same_change_on_both_sides_is_no_conflict(team: Team) -> None:
    team.edit("docs/guide.md", TEN, "Line 10 of level 2.\n")
    team.write("jobs/train.py", "TRAIN = 2\n")
    team.commit()
    data = moved(team)
    assert "docs/guide.md" not in {*paths(data["files"]["changed"]), *paths(data["files"]["added"])}
    assert "jobs/train.py" not in {*paths(data["files"]["changed"]), *paths(data["files"]["added"])}


def conflicting(team: Team) -> None:
    team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    team.commit("Ours")


CONFLICT = (
    "<<<<<<< yours\nLine 10 is ours.\n||||||| level 1\n" + TEN + "=======\nLine 10 of level 2.\n>>>>>>> level 2\n"
)


def test_the_same_line_is_a_conflict_that_shows_all_three_texts(team: Team) -> None:
    conflicting(team)
    data = moved(team, code=1)
    assert data["conflicts"] == [
        {"path": "docs/guide.md", "what": "Both have changed the same lines.", "hunks": [CONFLICT]}
    ]
    assert team.read("docs/guide.md") == GUIDE.split("{%")[0] + CONFLICT + "".join(
        f"Line {n} of the guide.\n" for n in range(11, 20)
    )
    assert team.stages() == {"docs/guide.md": "123"}
    assert "UU docs/guide.md" in team.changes()
    assert "M  README.md" in team.changes()
    assert TEN in team.git("show", ":1:docs/guide.md")
    assert "Line 10 is ours." in team.git("show", ":2:docs/guide.md")
    assert "Line 10 of level 2." in team.git("show", ":3:docs/guide.md")


def test_git_knows_that_something_is_under_way_and_can_abort_it(team: Team) -> None:
    conflicting(team)
    before, head = contents(team.path), team.git("rev-parse", "HEAD")
    assert team.upgrade().code == 1
    assert "cherry-pick" in team.git("status")
    assert team.git("rev-parse", "HEAD") == head
    team.git("cherry-pick", "--abort")
    assert (contents(team.path), team.changes(), team.git("rev-parse", "HEAD")) == (before, [], head)
    assert team.abort().code == 3
    assert team.upgrade().code == 1


def test_the_commit_after_a_conflict_is_the_users_and_of_today(team: Team) -> None:
    conflicting(team)
    begun = datetime.now(tz=UTC).replace(microsecond=0)
    assert team.upgrade().code == 1
    assert "mergetool" in team.git("mergetool", "--tool-help")
    team.git("-c", "mergetool.take.cmd=cp \"$REMOTE\" \"$MERGED\"", "-c", "mergetool.take.trustExitCode=true",
             "mergetool", "--no-prompt", "--tool=take")  # fmt: skip
    (team.path / "docs/guide.md.orig").unlink(missing_ok=True)
    assert team.stages() == {}
    team.git("commit", "--quiet")
    name, author, committer, subject, body = team.git(
        "log", "-1", "--format=%an <%ae>%n%aI%n%cI%n%s%n%b."
    ).splitlines()  # fmt: skip
    assert name == "Ada Lovelace <ada@example.com>"
    for text in (author, committer):
        assert begun <= datetime.fromisoformat(text) <= datetime.now(tz=UTC)
    assert (subject, body) == ("Move to level 2 of MLOps maturity", ".")
    assert team.git("rev-list", "--parents", "-1", "HEAD").split()[1:] == [team.git("rev-parse", "HEAD~1").strip()]
    assert team.changes() == []
    status = team.status()
    assert (status["level"], status["unfinished_upgrade"], status["update_waits"]) == (2, None, False)
    assert team.update("--json").data["nothing_to_do"]


def test_git_remembers_how_a_conflict_was_resolved(team: Team) -> None:
    team.git("config", "rerere.enabled", "true")
    conflicting(team)
    assert team.upgrade().code == 1
    resolved = team.read("docs/guide.md").replace(CONFLICT, "Line 10 of us and of level 2.\n")
    team.write("docs/guide.md", resolved)
    team.git("add", "docs/guide.md")
    team.git("commit", "--quiet")
    team.git("reset", "--quiet", "--hard", "HEAD~1")
    assert team.upgrade().code == 1
    assert team.read("docs/guide.md") == resolved
    assert team.stages() == {"docs/guide.md": "123"}


def test_an_upgrade_that_was_taken_back_teaches_git_no_resolution(team: Team) -> None:
    team.git("config", "rerere.enabled", "true")
    conflicting(team)
    assert team.upgrade().code == 1
    assert team.abort().code == 0
    team.write("other.md", "Other.\n")
    team.commit()
    assert team.upgrade().code == 1
    assert CONFLICT in team.read("docs/guide.md")


def test_without_a_user_name_there_is_a_conflict_and_no_guessed_author(
    team: Team, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    conflicting(team)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(repositories.put(tmp_path / "nobody", "")))
    data = moved(team, code=1)
    assert paths(data["conflicts"]) == ["docs/guide.md"]
    assert team.stages() == {"docs/guide.md": "123"}
    assert not (team.path / ".git/CHERRY_PICK_HEAD").exists()
    team.git("checkout", "--theirs", "docs/guide.md")
    team.git("add", "docs/guide.md")
    team.git("-c", "user.name=Eve", "-c", "user.email=eve@example.com", "commit", "--quiet")
    assert team.git("log", "-1", "--format=%an, %s").strip() == "Eve, Move to level 2 of MLOps maturity"
    assert team.status()["unfinished_upgrade"] is None


# Renames and deletions


def test_a_renamed_file_gets_the_change(team: Team) -> None:
    team.git("mv", "docs/guide.md", "handbook.md")
    team.edit("handbook.md", "Line 3 of the guide.\n", "Line 3 is ours.\n")
    team.commit()
    data = moved(team)
    assert "Line 10 of level 2." in team.read("handbook.md")
    assert "Line 3 is ours." in team.read("handbook.md")
    assert not (team.path / "docs/guide.md").exists()
    assert [change["path"] for change in data["files"]["changed"] if change["merged"]] == ["handbook.md"]


def test_a_conflict_in_a_renamed_file(team: Team) -> None:
    team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    team.git("mv", "docs/guide.md", "handbook.md")
    team.commit()
    data = moved(team, code=1)
    (conflict,) = data["conflicts"]
    assert conflict["path"] == "handbook.md"
    marks = [line for line in team.read("handbook.md").splitlines() if line[:7] in {"<<<<<<<", "|||||||", ">>>>>>>"}]
    assert marks == ["<<<<<<< yours:handbook.md", "||||||| level 1:docs/guide.md", ">>>>>>> level 2:docs/guide.md"]


def test_a_renamed_directory_keeps_its_name(team: Team) -> None:
    team.git("mv", "notes", "diary")
    team.commit()
    moved(team)
    assert "Note of level 2." in team.read("diary/one.md")
    assert "Thought of level 2." in team.read("diary/two.md")
    assert not (team.path / "notes").exists()


def test_a_new_file_follows_a_renamed_directory_and_the_report_says_so(team: Team, templates_to: Path) -> None:
    repositories.put(templates_to / "level2/project/notes/three.md", "Three.\n")
    team.git("mv", "notes", "diary")
    team.commit()
    data = moved(team)
    assert data["followed"] == {"diary/three.md": "notes/three.md"}
    assert team.read("diary/three.md") == "Three.\n"
    assert not (team.path / "notes").exists()


def test_a_deleted_file_stays_deleted_and_is_told(team: Team) -> None:
    team.git("rm", "--quiet", "docs/guide.md", "notes/one.md", "docs/plan.md")
    team.commit()
    data = moved(team)
    assert data["kept_deletions"] == ["docs/guide.md", "notes/one.md"]
    assert not (team.path / "docs").exists()
    assert not (team.path / "notes/one.md").exists()
    assert {change[:2] for change in team.changes()} == {"A ", "M "}
    shown = copy_of(team, team.path.with_name("shown"))
    shown.git("reset", "--quiet", "--hard")
    said = shown.upgrade("--preview").out
    assert "2 that you deleted and the templates change: deleted they stay\n    docs/guide.md\n" in said


def test_a_deletion_stays_through_several_upgrades(team: Team) -> None:
    team.git("rm", "--quiet", "docs/guide.md")
    team.commit()
    for level, kept in ((2, ["docs/guide.md"]), (3, []), (4, ["docs/guide.md"])):
        data = moved(team)
        assert (data["to"]["level"], data["kept_deletions"]) == (level, kept)
        team.git("commit", "--quiet", "--message", "Up")
        assert not (team.path / "docs/guide.md").exists()


def test_templates_that_drop_an_edited_file_leave_it_to_the_team(team: Team, templates_to: Path) -> None:
    (templates_to / "level1/project/docs/plan.md").unlink()
    (templates_to / "level1/project/docs/guide.md.jinja").unlink()
    team.edit("docs/plan.md", "Plan two.", "Plan two is ours.")
    team.commit()
    data = moved(team, verb="update", code=1)
    assert paths(data["files"]["removed"]) == ["docs/guide.md"]
    (conflict,) = data["conflicts"]
    assert conflict["path"] == "docs/plan.md"
    assert "`git rm`" in conflict["what"]
    assert team.stages() == {"docs/plan.md": "12"}
    assert "Plan two is ours." in team.read("docs/plan.md")
    assert not (team.path / "docs/guide.md").exists()


def test_templates_that_rename_a_file_take_the_edits_along(team: Team, templates_to: Path) -> None:
    (templates_to / "level1/project/docs/plan.md").rename(templates_to / "level1/project/docs/roadmap.md")
    team.edit("docs/plan.md", "Plan two.", "Plan two is ours.")
    team.commit()
    moved(team, verb="update")
    assert not (team.path / "docs/plan.md").exists()
    assert "Plan two is ours." in team.read("docs/roadmap.md")


BOTH = "<<<<<<< yours\nOURS = 1\n||||||| level 1\n=======\nTRAIN = 2\n>>>>>>> level 2\n"


def test_a_file_that_both_have_added(team: Team) -> None:
    team.write("jobs/train.py", "OURS = 1\n")
    team.commit()
    data = moved(team, code=1)
    (conflict,) = data["conflicts"]
    assert (conflict["path"], team.stages()) == ("jobs/train.py", {"jobs/train.py": "23"})
    assert "Both have added this file" in conflict["what"]
    assert team.read("jobs/train.py") == BOTH


# Kinds of files


def test_a_binary_file_that_both_have_changed(team: Team) -> None:
    ours = b"\x00ours" + LOGO
    team.write("logo.bin", ours)
    team.commit()
    data = moved(team, code=1)
    (conflict,) = data["conflicts"]
    assert conflict["path"] == "logo.bin"
    assert "binary" in conflict["what"]
    assert (team.path / "logo.bin").read_bytes() == ours
    team.git("checkout", "--theirs", "logo.bin")
    assert (team.path / "logo.bin").read_bytes() == LOGO + b"\x00level 2"


def test_a_symbolic_link_in_the_place_of_a_file_stays_one(team: Team) -> None:
    (team.path / "docs/guide.md").unlink()
    (team.path / "docs/guide.md").symlink_to("plan.md")
    team.commit()
    data = moved(team, code=1)
    (conflict,) = data["conflicts"]
    assert conflict["path"] == "docs/guide.md"
    assert "another kind" in conflict["what"]
    assert data["kept_deletions"] == []
    assert team.stages() == {"docs/guide.md": "123"}
    assert (team.path / "docs/guide.md").readlink() == Path("plan.md")
    assert team.read("docs/plan.md") == repositories.NOTE.format("Plan", 1)
    assert "Line 10 of level 2." in team.git("show", ":3:docs/guide.md")
    assert "cherry-pick" in team.git("status")


def test_a_directory_that_became_a_link_is_not_written_through(team: Team) -> None:
    outside = team.path.parent / "outside"
    shutil.move(team.path / "notes", outside)
    (team.path / "notes").symlink_to(outside)
    team.commit()
    before = contents(outside)
    data = moved(team)
    assert data["kept_deletions"] == ["notes/one.md", "notes/two.md"]
    assert contents(outside) == before
    assert (team.path / "notes").is_symlink()


def test_execution_bits_of_both_sides_are_kept(team: Team) -> None:
    (team.path / "tools/run.sh").chmod(0o644)
    (team.path / "docs/guide.md").chmod(0o755)
    (team.path / "docs/plan.md").chmod(0o755)
    team.commit()
    moved(team)
    assert not (team.path / "tools/run.sh").stat().st_mode & 0o111
    assert "echo level 2" in team.read("tools/run.sh")
    assert (team.path / "docs/guide.md").stat().st_mode & 0o111
    assert "Line 10 of level 2." in team.read("docs/guide.md")
    assert (team.path / "docs/plan.md").stat().st_mode & 0o111


def test_a_file_with_crlf_keeps_its_line_ends(team: Team) -> None:
    team.edit("docs/guide.md", "Line 2 of the guide.\n", "Line 2 is ours.\n")
    for name in ("docs/guide.md", "README.md", "docs/plan.md"):
        team.write(name, team.read(name).replace("\n", "\r\n"))
    team.commit()
    data = moved(team)
    assert data["conflicts"] == []
    guide = team.read("docs/guide.md")
    assert "Line 2 is ours.\r\n" in guide
    assert "Line 10 of level 2.\r\n" in guide
    for name in ("docs/guide.md", "README.md"):
        assert team.read(name).count("\r\n") == team.read(name).count("\n")
        assert b"\r\n" in git_blob(team, name)
    assert "Level 2 is in.\r\n" in team.read("README.md")


def git_blob(team: Team, name: str) -> bytes:
    return git(team.path, "cat-file", "blob", f":{name}").encode()


def test_a_conflict_in_a_file_with_crlf_is_about_the_changed_line_only(team: Team) -> None:
    team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    team.write("docs/guide.md", team.read("docs/guide.md").replace("\n", "\r\n"))
    team.commit()
    data = moved(team, code=1)
    ((hunk,),) = (conflict["hunks"] for conflict in data["conflicts"])
    assert hunk.replace("\r", "") == CONFLICT


def test_a_file_with_mixed_line_ends_loses_none_of_its_lines(team: Team) -> None:
    lines = team.read("docs/guide.md").splitlines()
    text = "".join(f"{line}\r\n" if n % 2 else f"{line}\n" for n, line in enumerate(lines))
    team.write("docs/guide.md", text.replace("Line 2 of the guide.", "Line 2 is ours."))
    team.commit()
    moved(team, code=1 if "Line 10 of level 1.\r\n" in text else 0)
    assert "Line 2 is ours.\r\n" in team.read("docs/guide.md")
    assert "Line 10 of level 2." in team.read("docs/guide.md")


def test_mixed_line_ends_that_attributes_even_out_are_no_conflict(team: Team) -> None:
    lines = team.read("docs/guide.md").splitlines()
    text = "".join(f"{line}\n" if n % 2 else f"{line}\r\n" for n, line in enumerate(lines, start=1))
    team.write("docs/guide.md", text.replace("Line 2 of the guide.", "Line 2 is ours."))
    team.commit()
    team.write(".gitattributes", "* text=auto eol=lf\n")
    team.git("add", ".gitattributes")
    team.git("commit", "--quiet", "--message", "Attributes")
    moved(team)
    assert "Line 2 is ours." in team.read("docs/guide.md")
    assert "Line 10 of level 2." in team.read("docs/guide.md")


@pytest.mark.parametrize("attributes", ["", "* text=auto eol=lf\n", "* text=auto\n"])
def test_a_check_out_with_crlf(team: Team, attributes: str) -> None:
    """As on Windows: CRLF on the disk, LF in git."""
    if attributes:
        team.write(".gitattributes", attributes)
        team.commit("Attributes")
    team.git("config", "core.autocrlf", "true")
    shutil.rmtree(team.path / "docs")
    (team.path / "README.md").unlink()
    team.git("checkout", "--quiet", "--", ".")
    end = "\n" if "eol=lf" in attributes else "\r\n"
    assert team.read("README.md").endswith(f"words.{end}")
    team.edit("README.md", "Ask somebody.", "Ask Ada.")
    team.commit()
    moved(team)
    assert f"Ask Ada.{end}" in team.read("README.md")
    assert f"Level 2 is in.{end}" in team.read("README.md")
    assert b"\r" not in git_blob(team, "README.md")
    assert f"Line 10 of level 2.{end}" in team.read("docs/guide.md")
    assert {change[:2] for change in team.changes()} == {"A ", "M "}


def test_crlf_in_git_under_attributes_that_want_lf(team: Team) -> None:
    team.edit("docs/guide.md", "Line 2 of the guide.\n", "Line 2 is ours.\n")
    team.write("docs/guide.md", team.read("docs/guide.md").replace("\n", "\r\n"))
    team.commit()
    team.write(".gitattributes", "* text=auto eol=lf\n")
    team.git("add", ".gitattributes")
    team.git("commit", "--quiet", "--message", "Attributes")
    data = moved(team)
    assert data["conflicts"] == []
    assert "Line 2 is ours." in team.read("docs/guide.md")
    assert "Line 10 of level 2." in team.read("docs/guide.md")


# Files and directories in each other's place


def test_a_directory_of_the_team_where_a_file_comes(team: Team) -> None:
    team.write("jobs/train.py/ours.py", "OURS = 1\n")
    team.commit()
    data = moved(team, code=1)
    (conflict,) = data["conflicts"]
    assert conflict["path"] == "jobs/train.py~theirs"
    assert team.read("jobs/train.py~theirs") == "TRAIN = 2\n"
    assert team.read("jobs/train.py/ours.py") == "OURS = 1\n"


def test_a_file_of_the_team_where_a_directory_comes(team: Team) -> None:
    team.write("jobs", "Our jobs.\n")
    team.commit()
    data = moved(team, code=1)
    (conflict,) = data["conflicts"]
    assert conflict["path"] == "jobs~yours"
    assert team.read("jobs~yours") == "Our jobs.\n"
    assert team.read("jobs/train.py") == "TRAIN = 2\n"


def test_a_file_of_the_team_with_the_name_that_a_conflict_would_get(team: Team) -> None:
    team.write("jobs", "Our jobs.\n")
    team.write("jobs~yours", "Something else of ours.\n")
    team.commit()
    data = moved(team, code=1)
    (conflict,) = data["conflicts"]
    assert team.read("jobs~yours") == "Something else of ours.\n"
    assert team.read(conflict["path"]) == "Our jobs.\n"


def test_a_file_that_became_a_directory(team: Team) -> None:
    (team.path / "docs/guide.md").unlink()
    team.write("docs/guide.md/part.md", "Ours.\n")
    team.commit()
    data = moved(team)
    assert data["kept_deletions"] == ["docs/guide.md"]
    assert team.read("docs/guide.md/part.md") == "Ours.\n"
    assert sorted(path.name for path in (team.path / "docs").iterdir()) == ["guide.md", "plan.md"]


def test_a_directory_that_became_a_file(team: Team) -> None:
    shutil.rmtree(team.path / "notes")
    team.write("notes", "Ours.\n")
    team.commit()
    data = moved(team)
    assert data["kept_deletions"] == ["notes/one.md", "notes/two.md"]
    assert team.read("notes") == "Ours.\n"


# Names


@pytest.mark.parametrize(
    "name",
    [
        "ein Büro/größe.md", "with space.md", "quo\"te 'single'.md", "back\\slash.md", "-dash.md", ":colon.md",
        "*star[a].md", "tab\there.md", "日本語.md", "ends with space ", "per%cent.md", "~theirs", "a~yours",
    ],
)  # fmt: skip
def test_odd_names_of_renamed_and_of_own_files(team: Team, name: str) -> None:
    team.write(f"own/{name}", "Own.\n")
    (team.path / name).parent.mkdir(exist_ok=True)
    (team.path / "docs/guide.md").rename(team.path / name)
    team.edit(name, "Line 3 of the guide.\n", "Line 3 is ours.\n")
    team.commit()
    data = moved(team)
    assert name in paths(data["files"]["changed"])
    assert "Line 10 of level 2." in team.read(name)
    assert "Line 3 is ours." in team.read(name)
    assert team.read(f"own/{name}") == "Own.\n"


def test_a_name_that_is_no_unicode(team: Team) -> None:
    name = os.fsdecode(b"caf\xe9.md")
    team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    (team.path / "docs/guide.md").rename(team.path / name)
    team.commit()
    assert team.upgrade("--preview").code == 1
    data = moved(team, code=1)
    assert paths(data["conflicts"]) == [name]
    assert b"Line 10 is ours." in (team.path / name).read_bytes()


# Places


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("prefix", ["services/churn", "Büro 1/mit 'quo\"te", ":top/*", "a/b/c/d", "-x"])
def test_a_project_in_a_directory_of_a_larger_repository(base: Team, prefix: str, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "mono")
    top = Team(path=tmp_path / "mono")
    for name in ("README.md", "docs/guide.md", "jobs/train.py"):
        top.write(name, f"{name} of the larger repository.\n")
    place = top.path / prefix
    shutil.copytree(base.path, place, ignore=shutil.ignore_patterns(".git"))
    top.commit()
    team = Team(path=place)
    team.edit("docs/guide.md", "Line 2 of the guide.\n", "Line 2 is ours.\n")
    team.edit("README.md", "The first words.", "Our first words.")
    team.git("mv", "notes", "diary")
    top.commit()
    before = {name: facts for name, facts in contents(top.path).items() if not name.startswith(f"{prefix}/")}
    data = moved(team)
    assert f"{prefix}/jobs/train.py" in paths(data["files"]["added"])
    assert "Line 2 is ours." in team.read("docs/guide.md")
    assert "Line 10 of level 2." in team.read("docs/guide.md")
    assert "Note of level 2." in team.read("diary/one.md")
    assert team.read("jobs/train.py") == "TRAIN = 2\n"
    assert {n: facts for n, facts in contents(top.path).items() if not n.startswith(f"{prefix}/")} == before


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("folder", ["a:b", '"quoted" and :', "per%cent $HOME 'x'", "Büro"])
def test_odd_names_of_the_directories_above_a_repository(base: Team, folder: str, tmp_path: Path) -> None:
    team = copy_of(base, tmp_path / folder / "churn")
    team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    team.commit()
    assert paths(moved(team, code=1)["conflicts"]) == ["docs/guide.md"]


def test_a_project_is_found_from_a_directory_in_it(team: Team) -> None:
    assert repositories.command("status", team.path / "docs", "--json").data["path"] == str(team.path)
    assert repositories.command("upgrade", team.path / "src/churn", "--defaults", "--no-lock").code == 0
    assert team.status()["level"] == 2
    assert repositories.command("update", team.path / "tools", "--abort").code == 0
    assert team.changes() == []


@pytest.mark.usefixtures("small")
def test_two_projects_in_one_repository(base: Team, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "mono")
    top = Team(path=tmp_path / "mono")
    one, two = (Team(path=top.path / name) for name in ("one", "two"))
    for team in (one, two):
        shutil.copytree(base.path, team.path, ignore=shutil.ignore_patterns(".git"))
    one.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    top.commit()
    data = moved(two)
    assert all(str(path).startswith("two/") for kind in data["files"].values() for path in paths(kind))
    refused = one.upgrade()
    assert (refused.code, "not committed" in refused.err) == (3, True)
    top.commit()
    data = moved(one, code=1)
    assert paths(data["conflicts"]) == ["one/docs/guide.md"]
    assert (one.status()["level"], two.status()["level"]) == (2, 2)


def test_a_project_below_a_project(base: Team, team: Team) -> None:
    inner = Team(path=team.path / "inner")
    shutil.copytree(base.path, inner.path, ignore=shutil.ignore_patterns(".git"))
    team.commit()
    moved(inner)
    team.commit()
    moved(team)
    assert (inner.status()["level"], team.status()["level"]) == (2, 2)


def test_linked_worktrees_are_upgraded_each_by_itself(team: Team) -> None:
    conflicting(team)
    other = Team(path=team.path.with_name("other"))
    team.git("worktree", "add", "--quiet", "--detach", str(other.path), "HEAD~1")
    assert other.upgrade().code == 0
    assert (team.changes(), team.status()["unfinished_upgrade"]) == ([], None)
    assert team.upgrade().code == 1
    assert "cherry-pick" in team.git("status")
    assert "cherry-pick" not in other.git("status")
    assert other.status()["unfinished_upgrade"]["conflicts"] == []
    assert team.status()["unfinished_upgrade"]["conflicts"] == ["docs/guide.md"]
    assert other.abort().code == 0
    assert other.changes() == []
    assert team.stages() == {"docs/guide.md": "123"}
    other.git("checkout", "--quiet", "--detach", "main")
    assert other.upgrade().code == 1
    other.git("cherry-pick", "--abort")
    assert (other.changes(), team.abort().code, team.changes()) == ([], 0, [])


def test_a_detached_head_stays_where_it_is(team: Team) -> None:
    team.git("checkout", "--quiet", "--detach")
    head = (team.path / ".git/HEAD").read_text()
    moved(team)
    assert (team.path / ".git/HEAD").read_text() == head


@pytest.mark.parametrize("kind", ["shallow", "squashed", "orphan", "packed", "borrowed"])
def test_histories_without_the_first_commit(team: Team, kind: str) -> None:
    team.edit("docs/guide.md", "Line 2 of the guide.\n", "Line 2 is ours.\n")
    team.commit()
    clone = team.path.with_name(kind)
    if kind == "shallow":
        git(team.path, "clone", "--quiet", "--depth=1", team.path.as_uri(), str(clone))
    elif kind == "borrowed":
        git(team.path, "clone", "--quiet", "--shared", str(team.path), str(clone))
    else:
        shutil.move(team.path, clone)
    team = Team(path=clone)
    if kind == "squashed":
        team.git("reset", "--quiet", "--soft", "HEAD~1")
        team.git("commit", "--quiet", "--amend", "--no-edit")
    elif kind == "orphan":
        team.git("checkout", "--quiet", "--orphan", "new")
        team.git("commit", "--quiet", "--message", "New start")
    if kind in {"squashed", "orphan", "packed"}:
        team.git("reflog", "expire", "--expire=now", "--all")
        team.git("gc", "--quiet", "--prune=now")
    data = moved(team)
    assert data["guessed_base"] == []
    assert "Line 2 is ours." in team.read("docs/guide.md")
    assert "Line 10 of level 2." in team.read("docs/guide.md")
    if kind == "shallow":
        team.git("commit", "--quiet", "--message", "Up")
        team.git("fetch", "--quiet", "--unshallow")
    team.git("fsck", "--strict")


@pytest.mark.usefixtures("small")
def test_a_repository_with_sha256(base: Team, tmp_path: Path) -> None:
    team = Team(path=tmp_path / "churn")
    shutil.copytree(base.path, team.path, ignore=shutil.ignore_patterns(".git"))
    team.git("init", "--quiet", "--object-format=sha256")
    team.commit()
    team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    team.edit("README.md", "Ask somebody.", "Ask Ada.")
    team.git("rm", "--quiet", "notes/one.md")
    team.commit()
    data = moved(team, code=1)
    assert paths(data["conflicts"]) == ["docs/guide.md"]
    assert data["guessed_base"] == []
    assert data["kept_deletions"] == ["notes/one.md"]
    assert {change["path"] for change in data["files"]["changed"] if change["merged"]} == {"README.md"}
    assert CONFLICT in team.read("docs/guide.md")


def test_a_submodule_is_left_alone(team: Team) -> None:
    library = make(team.path.with_name("library"))
    team.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "vendor/library")
    team.commit()
    (team.path / "vendor/library/README.md").write_text("Changed in the submodule.\n")
    team.git("config", "submodule.recurse", "true")
    team.git("config", "diff.submodule", "log")
    moved(team)
    assert (team.path / "vendor/library/README.md").read_text() == "Changed in the submodule.\n"
    assert " M vendor/library" in team.changes()


def test_a_submodule_where_the_templates_have_a_directory(team: Team) -> None:
    library = make(team.path.with_name("library"))
    team.git("rm", "-r", "--quiet", "notes")
    team.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "notes")
    team.commit()
    before = contents(team.path / "notes")
    data = moved(team)
    assert data["kept_deletions"] == ["notes/one.md", "notes/two.md"]
    assert contents(team.path / "notes") == before
    assert team.git("ls-files", "--stage", "notes").startswith("160000 ")


FILTER = """import sys
text = sys.stdin.buffer.read()
a, b = (b"the guide", b"THE GUIDE") if sys.argv[1] == "smudge" else (b"THE GUIDE", b"the guide")
sys.stdout.buffer.write(text.replace(a, b))
"""


def test_a_filter_of_the_team_runs_and_git_holds_the_clean_text(team: Team, tmp_path: Path) -> None:
    program = repositories.put(tmp_path / "filter.py", FILTER)
    for way in ("clean", "smudge"):
        team.git("config", f"filter.loud.{way}", f"{sys.executable} '{program}' {way}")
    team.write(".gitattributes", "docs/*.md filter=loud\n")
    team.commit()
    (team.path / "docs/guide.md").unlink()
    team.git("checkout", "--quiet", "--", "docs/guide.md")
    team.edit("docs/guide.md", "Line 2 of THE GUIDE.", "Line 2 is ours.")
    team.commit()
    moved(team)
    assert "Line 3 of THE GUIDE." in team.read("docs/guide.md")
    assert "Line 3 of the guide." in team.git("show", ":docs/guide.md")
    assert "Line 2 is ours." in team.read("docs/guide.md")
    assert "Line 10 of level 2." in team.read("docs/guide.md")
    assert {change[:2] for change in team.changes()} == {"A ", "M "}


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{0}\nsize 1024\n"


def test_a_file_that_the_team_has_moved_to_large_file_storage(team: Team) -> None:
    """Git holds a pointer; what comes from the templates is the content. A person must say which one counts."""
    pointer = POINTER.format("a" * 64)
    team.write("logo.bin", pointer)
    team.write("model.bin", POINTER.format("b" * 64))
    team.commit()
    team.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    team.git("config", "filter.lfs.clean", "cat")
    team.git("config", "filter.lfs.smudge", "cat")
    team.git("config", "filter.lfs.required", "true")
    team.commit()
    data = moved(team, code=1)
    assert paths(data["conflicts"]) == ["logo.bin"]
    assert pointer in team.git("show", ":2:logo.bin")
    assert pointer in team.read("logo.bin") or (team.path / "logo.bin").read_bytes().startswith(LOGO)
    assert team.read("model.bin") == POINTER.format("b" * 64)


# Settings and surroundings

BROKEN_HOOKS = (
    "pre-commit", "post-checkout", "post-index-change", "reference-transaction", "post-merge", "pre-merge-commit",
    "prepare-commit-msg", "commit-msg", "pre-applypatch", "post-rewrite", "pre-auto-gc", "fsmonitor-watchman",
)  # fmt: skip


@pytest.mark.parametrize("place", ["repository", "person"])
@pytest.mark.parametrize("code", [0, 1])
def test_no_hook_of_the_team_runs(team: Team, place: str, code: int, tmp_path: Path) -> None:
    conflicting(team)
    witness = tmp_path / "a hook ran"
    hooks = team.path / ".git/hooks" if place == "repository" else tmp_path / "hooks"
    for name in BROKEN_HOOKS:
        repositories.put(hooks / name, f"#!/bin/sh\necho {name} >> '{witness}'\nexit {code}\n").chmod(0o755)
    if place == "person":
        settings = Path(os.environ["GIT_CONFIG_GLOBAL"]).read_text() + f"[core]\n\thooksPath = {hooks}\n"
        os.environ["GIT_CONFIG_GLOBAL"] = str(repositories.put(tmp_path / "settings", settings))
    team.git("config", "core.fsmonitor", str(hooks / "fsmonitor-watchman"))
    witness.unlink(missing_ok=True)
    assert team.upgrade("--preview").code == 1
    assert team.upgrade().code == 1
    assert team.status()["level"] == 2
    assert team.abort().code == 0
    assert not witness.exists()


@pytest.fixture(autouse=True)
def settings_of_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test sets for git is gone after it."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.environ["GIT_CONFIG_GLOBAL"])


HOSTILE = """
[user]
    name = Ada Lovelace
    email = ada@example.com
    signingKey = nobody
[commit]
    gpgSign = true
    template = /nowhere
    cleanup = verbatim
[gpg]
    program = /bin/false
[merge]
    conflictStyle = merge
    renames = {renames}
    directoryRenames = {directories}
    renormalize = false
    renameLimit = 1
    default = union
    ff = only
    log = true
    tool = vimdiff
    autoStash = true
[diff]
    noprefix = true
    mnemonicPrefix = true
    external = /bin/false
    renames = copies
    renameLimit = 1
    algorithm = {algorithm}
    orderFile = /nowhere
    ignoreSubmodules = all
    relative = true
    wordRegex = .
    colorMoved = zebra
    interHunkContext = 9
[core]
    quotePath = true
    abbrev = {abbrev}
    pager = /bin/false
    editor = /bin/false
    commentChar = ";"
    fsmonitor = /bin/false
    untrackedCache = true
    splitIndex = {split}
    preloadIndex = true
    bigFileThreshold = 1k
    compression = 9
    whitespace = trailing-space,cr-at-eol
    looseCompression = 0
[index]
    version = 4
[status]
    short = true
    branch = true
    showUntrackedFiles = no
    relativePaths = true
[submodule]
    recurse = true
[rerere]
    enabled = true
    autoUpdate = true
[color]
    ui = always
[log]
    showSignature = true
    date = relative
[grep]
    lineNumber = true
[advice]
    mergeConflict = false
[checkout]
    defaultRemote = x
    workers = 4
    thresholdForParallelism = 1
[feature]
    manyFiles = true
[fetch]
    recurseSubmodules = true
[safe]
    bareRepository = explicit
[init]
    defaultObjectFormat = sha256
    templateDir = /nowhere
[fastimport]
    unpackLimit = 1
[receive]
    fsckObjects = true
[transfer]
    fsckObjects = true
[gc]
    auto = 1
    pruneExpire = now
[i18n]
    commitEncoding = ISO-8859-1
    logOutputEncoding = ISO-8859-1
[extensions]
    worktreeConfig = true
[alias]
    diff = !false
"""


@pytest.mark.parametrize("kind", [0, 1])
def test_settings_of_a_person_do_not_change_the_result(team: Team, kind: int, tmp_path: Path) -> None:
    team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    team.edit("README.md", "Ask somebody.", "Ask Ada.")
    team.git("mv", "notes", "diary")
    team.edit("diary/one.md", "Note one.", "Note one is ours.")
    team.edit("diary/two.md", "Thought one.", "Thought one is ours.")
    team.git("mv", "docs/guide.md", "handbook.txt")
    team.git("mv", "tools/run.sh", "go")
    team.edit("go", "# Two.", "# Two, ours.")
    team.git("rm", "--quiet", "pyproject.toml")
    team.commit()
    other = copy_of(team, tmp_path / "elsewhere" / "churn")
    expected = {**moved(other, code=1), "project": str(team.path)}
    words: dict[str, object] = [
        {"renames": "false", "directories": "false", "algorithm": "patience", "abbrev": 4, "split": "true"},
        {"renames": "copies", "directories": "conflict", "algorithm": "minimal", "abbrev": 40, "split": "false"},
    ][kind]
    os.environ["GIT_CONFIG_GLOBAL"] = str(repositories.put(tmp_path / "settings", HOSTILE.format(**words)))
    assert moved(team, code=1) == expected
    assert contents(team.path) == contents(other.path)
    os.environ["GIT_CONFIG_GLOBAL"] = str(repositories.put(tmp_path / "plain", ""))
    assert team.git("ls-files", "--stage") == other.git("ls-files", "--stage")


def test_attributes_of_a_person_lose_nothing(team: Team, tmp_path: Path) -> None:
    """Who tells git to merge no texts, gets a conflict without marks."""
    attributes = repositories.put(tmp_path / "attributes", "* merge=binary\n")
    team.git("config", "core.attributesFile", str(attributes))
    team.edit("README.md", "Ask somebody.", "Ask Ada.")
    team.commit()
    data = moved(team, code=1)
    assert paths(data["conflicts"]) == ["README.md"]
    assert "Ask Ada." in team.read("README.md")
    assert "Level 2 is in." in team.git("show", ":3:README.md")


def test_the_variables_of_a_hook_that_calls_it_do_not_lead_it_astray(team: Team, tmp_path: Path) -> None:
    other = make(tmp_path / "other")
    before = snapshot(other.path)
    expected = {**moved(copy_of(team, tmp_path / "elsewhere" / "churn")), "project": str(team.path)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_DIR", str(other.path / ".git"))
        patch.setenv("GIT_WORK_TREE", str(other.path))
        patch.setenv("GIT_INDEX_FILE", str(other.path / ".git/index"))
        patch.setenv("GIT_OBJECT_DIRECTORY", str(other.path / ".git/objects"))
        patch.setenv("GIT_PREFIX", "docs/")
        patch.setenv("GIT_LITERAL_PATHSPECS", "1")
        patch.setenv("GIT_REFLOG_ACTION", "commit")
        patch.setenv("GIT_EXTERNAL_DIFF", "/bin/false")
        patch.setenv("GIT_DIFF_OPTS", "--unified=0")
        assert team.upgrade("--json").data == expected
    assert snapshot(other.path) == before
    assert "A  jobs/train.py" in team.changes()


# Refusals: each says what is the matter and what to do, and changes nothing


def refused(team: Team, *words: str, place: Path | None = None, code: int = 3, options: tuple[object, ...] = ()) -> str:
    """Run an upgrade that must be refused with a report that has these words in it; what it says."""
    root = place or team.path
    before = snapshot(root)
    done = repositories.command("upgrade", team.path, "--defaults", "--no-lock", *options)
    assert_same(before, snapshot(root))
    assert (done.code, done.out) == (code, ""), done.err
    assert done.err.startswith("mlops-scaffold: ")
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err, done.err
    return done.err


def refused_and_shown(team: Team, *words: str, place: Path | None = None) -> None:
    """The same, and a preview tells it beforehand, in text and in JSON."""
    report = refused(team, *words, place=place)
    sentences = [line.removeprefix("mlops-scaffold: ") for line in report.splitlines()]
    assert sentences.pop() == "Nothing was changed."
    done = team.upgrade("--preview", "--json")
    assert (done.code, done.data["refusals"]) == (1, sentences)
    shown = team.upgrade("--preview")
    assert shown.code == 1
    for sentence in sentences:
        assert f"  - {sentence}" in shown.out


def test_refused_outside_of_git(team: Team) -> None:
    shutil.rmtree(team.path / ".git")
    refused(team, "is not in a git work tree", "`git init`")


def test_refused_without_a_commit(team: Team) -> None:
    shutil.rmtree(team.path / ".git")
    team.git("init", "--quiet")
    refused(team, "Nothing is committed", "Commit")


def test_refused_without_a_project(team: Team) -> None:
    team.git("rm", "-r", "--quiet", ".mlops-scaffold")
    team.git("commit", "--quiet", "--message", "Without")
    refused(team, ".mlops-scaffold/project.yml", "`mlops-scaffold new`")


def test_refused_when_the_state_is_only_taken_off_the_disk(team: Team) -> None:
    shutil.rmtree(team.path / ".mlops-scaffold")
    refused(team, "Not committed: .mlops-scaffold/manifest, .mlops-scaffold/project.yml.")


def test_refused_when_the_project_is_not_committed(team: Team) -> None:
    team.git("rm", "-r", "--quiet", "--cached", ".mlops-scaffold")
    team.git("commit", "--quiet", "--message", "Without")
    refused(team, ".mlops-scaffold/project.yml is in no commit yet", "Commit the project")


BROKEN: dict[str, str | bytes] = {
    "empty": "",
    "a list": "- 1\n",
    "no YAML": "level: [1\n",
    "a conflict": "<<<<<<< HEAD\nlevel: 1\n=======\nlevel: 2\n>>>>>>> x\n",
    "no answers": 'level: 1\ntemplate_version: "0.1.0"\n',
    "answers that are none": 'level: 1\ntemplate_version: "0.1.0"\nanswers: none\n',
    "no level": 'template_version: "0.1.0"\nanswers: {package_name: churn}\n',
    "no number": 'level: one\ntemplate_version: "0.1.0"\nanswers: {package_name: churn}\n',
    "no package": 'level: 1\ntemplate_version: "0.1.0"\nanswers: {task: classification}\n',
    "level 0": 'level: 0\ntemplate_version: "0.1.0"\nanswers: {package_name: churn, task: classification}\n',
    "bytes": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_refused_when_the_state_can_not_be_understood(team: Team, kind: str) -> None:
    team.write(".mlops-scaffold/project.yml", BROKEN[kind])
    team.commit()
    refused(team, "project.yml can't be understood", "`git log -- .mlops-scaffold/project.yml`")


def test_refused_when_something_is_staged(team: Team) -> None:
    team.write("own.md", "Own.\n")
    team.git("add", "own.md")
    refused_and_shown(team, "There are staged changes.", "`git restore --staged .`")


def branches(team: Team) -> None:
    """Two branches that are in conflict about a file of the team."""
    team.write("own.md", "One.\n")
    team.commit()
    team.git("checkout", "--quiet", "-b", "other", "HEAD~1")
    team.write("own.md", "Two.\n")
    team.commit()
    team.git("checkout", "--quiet", "main")


@pytest.mark.parametrize(
    ("begin", "what", "end"),
    [
        (["merge", "other"], "merge", "git merge --abort"),
        (["rebase", "other"], "rebase", "git rebase --abort"),
        (["cherry-pick", "other"], "cherry-pick", "git cherry-pick --abort"),
        (["revert", "HEAD~1"], "revert", "git revert --abort"),
        (["bisect", "start", "HEAD", "HEAD~1"], "bisect", "git bisect reset"),
        (["am", "patch"], "am", "git am --abort"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_refused_while_git_is_in_the_middle_of_something(team: Team, begin: list[str], what: str, end: str) -> None:
    branches(team)
    if what == "revert":
        team.write("own.md", "Three.\n")
        team.commit()
    (team.path / ".git/patch").write_text(team.git("format-patch", "-1", "--stdout", "other"))
    begin = [".git/patch" if word == "patch" else word for word in begin]
    team.git(*begin, code=None)
    refused_and_shown(team, what, f"`{end}`")
    team.git(*end.split()[1:])
    if team.path.joinpath(".git/BISECT_LOG").exists():
        pytest.fail("the advice does not end it")
    assert team.upgrade().code == 0


def test_refused_while_an_earlier_upgrade_is_not_committed(team: Team) -> None:
    assert team.upgrade().code == 0
    before = team.changes()
    report = refused(team, "Move to level 2 of MLOps maturity", "not committed", "`mlops-scaffold upgrade --abort`")
    assert "staged changes" not in report
    assert team.changes() == before
    assert team.abort().code == 0
    assert team.changes() == []


def test_refused_when_a_file_that_is_touched_has_uncommitted_changes(team: Team) -> None:
    team.edit("docs/guide.md", "Line 2 of the guide.", "Line 2 is not committed.")
    (team.path / "notes/one.md").unlink()
    refused_and_shown(team, "Not committed: docs/guide.md, notes/one.md.", "Commit or stash it first.")


@pytest.mark.parametrize("name", [":guide.md", "*[a-z]?.md", ":(top)guide.md", "!guide.md", "Büro.md"])
def test_refused_when_a_file_with_an_odd_name_has_uncommitted_changes(team: Team, name: str) -> None:
    (team.path / "docs/guide.md").rename(team.path / name)
    team.commit()
    team.edit(name, "Line 2 of the guide.", "Line 2 is not committed.")
    refused_and_shown(team, f"Not committed: {name}.")


def test_refused_when_only_the_mode_or_the_kind_has_changed(team: Team) -> None:
    (team.path / "docs/guide.md").chmod(0o755)
    (team.path / "logo.bin").unlink()
    (team.path / "logo.bin").symlink_to("README.md")
    refused_and_shown(team, "Not committed: docs/guide.md, logo.bin.")


def test_uncommitted_changes_elsewhere_are_left_alone(team: Team) -> None:
    team.edit("docs/plan.md", "Plan one.", "Plan one, not committed.")
    team.edit("src/churn/model.py", "1", "2")
    team.write("scratch.md", "Not tracked.\n")
    team.write("jobs/mine.py", "# Not tracked, beside files that come.\n")
    moved(team)
    for name in ("docs/plan.md", "src/churn/model.py"):
        assert f" M {name}" in team.changes()
    assert team.read("docs/plan.md").startswith("Plan one, not committed.")
    assert (team.read("scratch.md"), team.read("jobs/mine.py")[:5]) == ("Not tracked.\n", "# Not")


def test_files_that_have_only_been_looked_at_are_no_changes(team: Team) -> None:
    for name in contents(team.path):
        os.utime(team.path / name, (2_000_000_000, 2_000_000_000))
    assert team.upgrade().code == 0


@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize(
    ("name", "named"),
    [("jobs/train.py", "jobs/train.py"), ("jobs", "jobs"), ("jobs/deep", "jobs/deep"),
     ("jobs/train.py/notes.md", "jobs/train.py/notes.md")],
)  # fmt: skip
def test_refused_when_an_untracked_file_is_in_the_way(team: Team, name: str, named: str, ignored: bool) -> None:
    if ignored:
        team.write(".gitignore", "jobs\n*.py\n")
        team.commit()
    team.write(name, "Local, and nowhere else.\n")
    refused_and_shown(team, "git does not track", f"{named}.", "Move it away or commit it first.")


@pytest.mark.parametrize("name", ["jobs/train.py", "jobs"])
@pytest.mark.parametrize("target", ["nowhere", "outside"])
def test_refused_when_an_untracked_link_is_in_the_way(team: Team, name: str, target: str) -> None:
    outside = team.path.parent / "outside"
    outside.mkdir()
    (team.path / name).parent.mkdir(exist_ok=True)
    (team.path / name).symlink_to(team.path.parent / target)
    refused_and_shown(team, "git does not track", f"{name}.", place=team.path.parent)


def test_a_tracked_directory_that_is_a_link_on_the_disk_is_not_written_through(team: Team) -> None:
    outside = team.path.parent / "outside"
    shutil.move(team.path / "docs", outside)
    (team.path / "docs").symlink_to(outside)
    refused(team, place=team.path.parent)


def test_an_empty_directory_is_not_in_the_way(team: Team) -> None:
    (team.path / "jobs/train.py").mkdir(parents=True)
    (team.path / "jobs/deep/inner").mkdir(parents=True)
    moved(team)
    assert team.read("jobs/train.py") == "TRAIN = 2\n"
    assert (team.path / "jobs/deep/inner").is_dir()


@pytest.mark.parametrize("flag", ["--skip-worktree", "--assume-unchanged"])
def test_refused_when_git_is_told_to_look_away_from_a_touched_file(team: Team, flag: str) -> None:
    team.git("update-index", flag, "docs/guide.md", "docs/plan.md")
    team.edit("docs/guide.md", "Line 2 of the guide.", "Line 2 is local.")
    refused_and_shown(team, "docs/guide.md", "look away", "git update-index")
    team.git("update-index", flag.replace("--", "--no-"), "docs/guide.md")
    team.git("checkout", "--", "docs/guide.md")
    assert team.upgrade().code == 0


@pytest.mark.parametrize("cone", ["--cone", "--no-cone"])
def test_refused_in_a_sparse_check_out_without_touched_files(team: Team, cone: str) -> None:
    team.git("sparse-checkout", "set", cone, "src" if cone == "--cone" else "/src/")
    refused_and_shown(team, "sparse checkout", "`git sparse-checkout disable`")
    team.git("sparse-checkout", "disable")
    assert team.upgrade().code == 0


def test_a_sparse_check_out_that_has_all_touched_files(team: Team) -> None:
    team.write("large/data.txt", "Large.\n")
    team.commit()
    team.git("sparse-checkout", "set", "--no-cone", "/*", "!/large/")
    assert not (team.path / "large").exists()
    moved(team)
    assert not (team.path / "large").exists()


def test_refused_when_a_newer_version_made_it(team: Team) -> None:
    team.edit(".mlops-scaffold/project.yml", f'"{__version__}"', '"99.0.0"')
    team.commit()
    refused(team, "99.0.0", __version__, "Install that version or a newer one")
    assert team.update().code == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--to", 0], ["at level 1", "only go up"]),
        (["--to", -1], ["only go up"]),
        (["--to", 9], ["9 is not a choice for level"]),
        (["--to", "high"], ["high", "--help"]),
        (["-d", "level=2"], ["`mlops-scaffold upgrade --to N`"]),
        (["-d", "package_name=other"], ["package_name stays churn", "Leave out"]),
        (["-d", "task=regression"], ["task stays classification"]),
        (["-d", "nobody=1"], ["There is no question called nobody", "review_days"]),
        (["-d", "review_days=soon", "--to", 3], ["review_days", "a whole number"]),
        (["-d", "platform=moon"], ["moon is not a choice for platform"]),
        (["-d", "nothing"], ["is not KEY=VALUE"]),
        (["-d", "template_version=1"], ["template_version"]),
        (["--nothing"], ["--nothing", "--help"]),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_wrong_usage(team: Team, options: list[object], words: list[str]) -> None:
    report = refused(team, *words, code=2, options=tuple(options))
    if "-d" in options:
        assert "The repository has another answer" not in report


def test_answers_that_stay_may_be_repeated(team: Team) -> None:
    assert team.upgrade("-d", "package_name=churn", "-d", "task=classification").code == 0


def test_update_can_not_move_to_another_level(team: Team) -> None:
    assert team.update("-d", "level=2").code == 2
    assert team.update("--to", "2").code == 2
    assert team.changes() == []
