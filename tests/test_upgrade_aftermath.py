"""After an upgrade was applied: git's own commands in between, other gits at work, and what `--abort` then does."""

import os
import subprocess
from pathlib import Path

import pytest
import repositories
from repositories import Team, assert_same, command, contents, make, restorable

small_root, small, base, team = repositories.small_root, repositories.small, repositories.base, repositories.team

TEN = "Line 10 of level 1.\n"


@pytest.mark.parametrize("unstage", [["reset", "--quiet"], ["restore", "--staged", "."]])
def test_an_upgrade_that_was_only_unstaged_can_be_taken_back(team: Team, unstage: list[str]) -> None:
    before = contents(team.path)
    assert team.upgrade().code == 0
    team.git(*unstage)
    assert team.status()["unfinished_upgrade"]["phase"] == "applied"
    again = team.upgrade()
    assert (again.code, "applied and not committed" in again.err) == (3, True)
    assert team.abort().code == 0
    assert_same(before, contents(team.path))
    assert team.changes() == []


def test_work_on_an_unstaged_upgrade_is_not_taken_back(team: Team) -> None:
    assert team.upgrade().code == 0
    team.git("reset", "--quiet")
    team.edit("README.md", "Ask somebody.", "Ask Ada.")
    (team.path / "jobs/train.py").unlink()
    before = restorable(team)
    done = team.abort()
    assert done.code == 3
    assert "Changed since the upgrade: README.md, jobs/train.py." in done.err
    assert_same(before, restorable(team))


def test_an_upgrade_in_the_stash_can_be_taken_back_when_it_comes_out(team: Team) -> None:
    before = restorable(team)
    assert team.upgrade().code == 0
    team.git("stash", "--quiet")
    assert team.status()["unfinished_upgrade"] is None
    assert team.abort().code == 3
    team.edit("README.md", "Ask somebody.", "Ask Ada.")
    assert team.status()["unfinished_upgrade"] is None
    team.edit("README.md", "Ask Ada.", "Ask somebody.")
    team.git("stash", "pop", "--quiet", "--index")
    assert team.abort().code == 0
    after = restorable(team)
    objects = (".git/objects", ".git/refs", ".git/logs", ".git/AUTO_MERGE")
    kept = [{path: facts for path, facts in found.items() if not path.startswith(objects)} for found in (before, after)]
    assert_same(*kept)


def test_what_was_staged_after_the_upgrade_is_not_taken_back(team: Team) -> None:
    assert team.upgrade().code == 0
    team.edit("README.md", "Ask somebody.", "Ask Ada.")
    team.git("add", "README.md")
    done = team.abort()
    assert (done.code, "Changed since the upgrade: README.md." in done.err) == (3, True)
    assert "Ask Ada." in team.read("README.md")


def test_the_lock_of_another_git_is_left_alone(team: Team) -> None:
    lock = team.path / ".git/index.lock"
    lock.touch()
    before = restorable(team)
    done = team.upgrade()
    assert (done.code, str(lock) in done.err) == (3, True)
    assert_same(before, restorable(team))


@pytest.mark.parametrize("words", [["--preview"], ["--to", 2], ["--json"], ["-d", "ci=gitlab"], ["--defaults"]])
def test_abort_goes_with_no_other_option(team: Team, words: list[object]) -> None:
    assert team.upgrade().code == 0
    before = restorable(team)
    done = command("upgrade", team.path, "--abort", *words)
    assert (done.code, done.err.startswith("mlops-scaffold: --abort goes with no other option")) == (2, True)
    assert_same(before, restorable(team))


def test_an_answer_that_an_upgrade_would_not_use_is_refused(team: Team) -> None:
    done = team.upgrade("--to", 1, "-d", "project_name=Other")
    assert (done.code, "`mlops-scaffold update -d KEY=VALUE`" in done.err) == (2, True)


@pytest.mark.parametrize("text", ["", "{}", '{"title": 1}', "[1]"])
def test_a_journal_that_can_not_be_read_is_named(team: Team, text: str) -> None:
    assert team.upgrade().code == 0
    (team.path / ".git/mlops-scaffold/journal.json").write_text(text)
    for done in (team.abort(), team.upgrade(), command("status", team.path)):
        assert done.code == 3
        assert f"{team.path}/.git/mlops-scaffold" in done.err


def test_abort_finds_the_project_from_a_repository_inside_it(team: Team) -> None:
    before = restorable(team)
    assert team.upgrade().code == 0
    inner = team.path / "docs/nest"
    subprocess.run(["git", "init", "--quiet", str(inner)], check=True)
    assert command("upgrade", inner, "--abort").code == 0
    assert team.git("status", "--porcelain") == "?? docs/nest/\n"
    subprocess.run(["rm", "-r", str(inner)], check=True)
    assert_same(before, restorable(team))


def test_a_path_with_a_line_break_is_refused(team: Team, tmp_path: Path) -> None:
    place = tmp_path / "two\nlines"
    team.path.rename(place)
    done = command("upgrade", place)
    assert (done.code, "line break" in done.err) == (3, True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a directory away")
def test_a_repository_of_another_user_is_refused_in_the_words_of_git(team: Team) -> None:
    subprocess.run(["chown", "--recursive", "1000:1000", str(team.path)], check=True)
    done = team.upgrade()
    assert done.code == 3
    assert "dubious ownership" in done.err
    assert "git init" not in done.err


@pytest.mark.parametrize("name", ["-x", ":x", ":(top)x", "a*b?[c]"])
def test_the_commands_that_finish_a_conflict_can_be_run_as_they_are(team: Team, name: str) -> None:
    team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    team.git("mv", "--", "docs/guide.md", f"./{name}")
    team.commit()
    done = team.upgrade()
    assert done.code == 1
    (line,) = [line.strip() for line in done.out.splitlines() if line.strip().startswith("git add ")]
    subprocess.run(["sh", "-c", line], cwd=team.path, check=True)
    assert team.git("ls-files", "--unmerged") == ""


def test_the_preview_names_the_command_that_does_what_it_shows(tmp_path: Path, small: Path) -> None:  # noqa: ARG001
    team = make(tmp_path / "a team")
    done = command("upgrade", team.path, "--preview", "--to", 3, "-d", "review_days=7", "--no-lock", "--defaults")
    again = f"`mlops-scaffold upgrade '{team.path}' --to 3 -d review_days=7 --defaults --no-lock`"
    assert again in done.out
    assert f"`mlops-scaffold upgrade '{team.path}' --abort`" in done.out


def test_a_manifest_that_points_outside_names_nothing(team: Team) -> None:
    line = f"100644 {'a' * 40}\t"
    odd = [f"{line}{path}\n" for path in ("/etc/hosts", "../other", ".git/config", "a//b", "")]
    odd.append(f"999999 {'b' * 40}\tREADME.md.old\n")
    team.write(".mlops-scaffold/manifest", team.read(".mlops-scaffold/manifest") + "".join(odd))
    team.commit()
    assert team.status()["deleted"] == []
    done = team.upgrade("--json")
    assert (done.code, done.data["guessed_base"]) == (0, [])
