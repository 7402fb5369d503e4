"""What an upgrade says of itself when something is not as it should be: nothing is done without a word."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import repositories
from repositories import Team, command, moved, restorable

from mlops_scaffold import git
from mlops_scaffold.readers import problem

small_root, small, base, team = repositories.small_root, repositories.small, repositories.base, repositories.team
templates_to = repositories.templates_to


def test_a_file_that_git_does_not_track_is_not_called_deleted(team: Team) -> None:
    team.git("rm", "--quiet", "--cached", "docs/guide.md")
    team.write(".gitignore", "docs/guide.md\n")
    team.git("add", ".gitignore")
    team.git("commit", "--quiet", "--message", "The guide is everybody's own")
    assert team.status()["untracked"] == ["docs/guide.md"]
    before = restorable(team)
    done = team.upgrade()
    assert (done.code, "Git does not track docs/guide.md" in done.err) == (3, True)
    seen = team.upgrade("--preview", "--json")
    assert (seen.code, len(seen.data["refusals"])) == (1, 1)
    assert restorable(team) == before
    (team.path / "docs/guide.md").unlink()
    assert moved(team)["kept_deletions"] == ["docs/guide.md"]


def test_lines_in_the_state_that_are_not_the_templates_are_named(team: Team) -> None:
    team.edit(
        ".mlops-scaffold/project.yml", "answers:\n", "# Ask Ada before you change this.\nanswers:\n  owner: Ada\n"
    )
    team.commit()
    assert team.status()["update_waits"] is False, "an answer that no question asks for is no newer template"
    seen = team.upgrade("--preview")
    assert "project.yml is the templates' alone; these lines of yours go" in seen.out
    assert moved(team)["dropped_state_lines"] == ["# Ask Ada before you change this.", "  owner: Ada"]


def test_an_answer_that_was_changed_by_hand_is_no_line_that_goes(team: Team) -> None:
    team.edit(".mlops-scaffold/project.yml", 'project_name: "Churn"', 'project_name: "Churn model"')
    team.commit()
    assert moved(team)["dropped_state_lines"] == []
    assert 'project_name: "Churn model"' in team.read(".mlops-scaffold/project.yml")


def test_a_clean_merge_that_can_not_be_read_is_named(team: Team) -> None:
    """The team has a table of a name that the level brings too."""
    text = team.read("pyproject.toml")
    team.write("pyproject.toml", text.replace("[project]\n", "[tool.tasks]\nours = 1\n\n[project]\n"))
    team.commit()
    data = moved(team, code=1)
    assert data["conflicts"] == []
    assert [found["path"] for found in data["unreadable"]] == ["pyproject.toml"]
    assert "tasks" in data["unreadable"][0]["why"]
    assert team.abort().code == 0
    done = team.upgrade()
    assert "can't be read any more: mend before you commit" in done.out
    assert done.code == 1


def test_a_file_that_could_not_be_read_before_is_not_our_business(team: Team) -> None:
    team.write("pyproject.toml", "[[[\n" + team.read("pyproject.toml"))
    team.commit()
    assert moved(team)["unreadable"] == []


@pytest.mark.parametrize(
    ("path", "text", "word"),
    [
        ("a.yml", "on: push\njobs:\n  one: 1\n  two: 2\n  one: 3\n", "the key 'one' is in lines 3 and 5"),
        ("a.yaml", "a: [1\n", "expected"),
        ("a.yaml", "list:\n  - a: 1\n    a: 2\n", "the key 'a' is in lines 2 and 3"),
        ("a.toml", "[a]\nb = 1\n[a]\n", "declare"),
        ("a.json", '{"a": 1,}', "property name"),
        ("a.ipynb", '{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' is there twice"),
        ("a.py", "def f(:\n", "invalid syntax"),
        ("a.toml", b"\xff", "decode"),
    ],
)
def test_what_can_not_be_read_has_a_reason(path: str, text: str | bytes, word: str) -> None:
    found = problem(path, text if isinstance(text, bytes) else text.encode())
    assert found is not None
    assert word in found


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.yml", "a: &x {b: 1}\nc:\n  <<: *x\n  <<: *x\nd: !own [1]\n---\na: 2\n"),
        ("a.yml", "&a [*a]\n"),
        ("a.yml", ""),
        ("a.json", "[" * 100_000 + "]" * 100_000),
        ("a.py", 'TEXT = "\\d"\n'),
    ],
)
def test_what_is_unusual_can_be_read(path: str, text: str, recwarn: pytest.WarningsRecorder) -> None:
    assert problem(path, text.encode()) is None
    assert not recwarn.list


def test_a_merge_driver_of_the_team_is_told_as_what_it_leaves(team: Team) -> None:
    team.git("config", "merge.mine.driver", "git merge-file -q --marker-size=%L %A %O %B")
    team.write(".gitattributes", "*.md merge=mine\n")
    team.edit("docs/guide.md", "Line 10 of level 1.\n", "Line 10 is ours.\n")
    team.commit()
    (conflict,) = team.upgrade("--json").data["conflicts"]  # the driver puts other names of files into each result
    assert conflict["what"] == "Both have changed the same lines."
    assert "Line 10 is ours." in conflict["hunks"][0]


def test_the_way_back_that_a_refusal_names_can_be_gone(team: Team) -> None:
    before = restorable(team)
    assert team.upgrade().code == 0
    team.edit("README.md", "Ask somebody.", "Ask Ada.")
    team.write("mine.txt", "mine\n")
    team.git("add", "--all")
    done = team.abort()
    assert (done.code, "README.md, mine.txt" in done.err) == (3, True)
    ways = [word for word in done.err.split("`") if word.startswith("git ")]
    assert len(ways) == 2
    for words in ways:
        subprocess.run(words.split(), cwd=team.path, check=True, capture_output=True)
    assert team.abort().code == 0
    (team.path / "mine.txt").unlink()
    after = restorable(team)
    kept = (".git/objects", ".git/refs", ".git/logs")
    assert {k: v for k, v in after.items() if not k.startswith(kept)} == {
        k: v for k, v in before.items() if not k.startswith(kept)
    }


def test_a_part_that_was_committed_is_not_all(team: Team) -> None:
    assert team.upgrade().code == 0
    team.git("commit", "--quiet", "--message", "A part", "--", "README.md")
    assert team.status()["unfinished_upgrade"]["phase"] == "applied"
    assert "applied and not committed" in team.upgrade("--to", "3").err
    assert "Another commit is checked out" in team.abort().err
    team.git("commit", "--quiet", "--message", "The rest")
    assert team.status()["unfinished_upgrade"] is None


def test_an_upgrade_that_goes_along_to_another_branch_is_still_there(team: Team) -> None:
    team.git("branch", "other")
    team.write("own.txt", "own\n")
    team.commit()
    assert team.upgrade().code == 0
    team.git("switch", "--quiet", "other")
    assert team.status()["unfinished_upgrade"]["phase"] == "applied"
    team.git("switch", "--quiet", "-")
    assert team.abort().code == 0


@pytest.mark.parametrize(("path", "hint"), [("2", "`--to 2`"), ("modls", "There is no modls here")])
@pytest.mark.parametrize("verb", ["upgrade", "update", "status"])
def test_a_path_that_is_not_there_is_wrong_usage(
    team: Team, path: str, hint: str, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(team.path)
    done = command(verb, path)
    assert (done.code, hint in done.err) == (2, True)


def test_a_change_of_answers_is_named_in_the_commit(team: Team) -> None:
    assert team.update("-d", "ci=gitlab", "--preview", "--json").data["commit_message"] == "Change ci"


def test_a_report_that_can_not_be_shown_does_not_make_an_upgrade_fail(team: Team, small: Path, tmp_path: Path) -> None:
    site = repositories.package_with(small, tmp_path / "site")
    words = [sys.executable, "-m", "mlops_scaffold", "upgrade", str(team.path), "--defaults", "--no-lock"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            words,
            env={**os.environ, "PYTHONPATH": str(site)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, "It is done, but the report can't be shown" in done.stderr) == (0, True)
    assert team.status()["level"] == 2


def test_git_speaks_english_whatever_the_locale(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sentences are read, and stand among ours."""
    monkeypatch.setenv("LANGUAGE", "de")
    assert git.output(["-c", "alias.say=!echo $LANGUAGE", "say"], team.path) == b"en\n"


def test_lines_in_the_state_are_named_beside_an_answer_that_is_none_any_more(team: Team) -> None:
    team.edit(".mlops-scaffold/project.yml", 'platform: "compose"', 'platform: "moon" # Ada asked for it')
    team.write(".mlops-scaffold/project.yml", team.read(".mlops-scaffold/project.yml") + "# Ask Ada.\n")
    team.commit()
    assert team.upgrade().code == 2
    assert moved(team, "-d", "platform=bare")["dropped_state_lines"] == ["# Ask Ada."]


@pytest.mark.parametrize("streams", [">&-", ">/dev/full 2>/dev/full", ">&- 2>&-"])
def test_nobody_has_to_listen(team: Team, small: Path, tmp_path: Path, streams: str) -> None:
    site = repositories.package_with(small, tmp_path / "site")
    words = f'"$0" -m mlops_scaffold upgrade "$1" --defaults --no-lock {streams}'
    shell = ["sh", "-c", words, sys.executable, str(team.path)]
    done = subprocess.run(shell, env={**os.environ, "PYTHONPATH": str(site)}, check=False)
    assert (done.returncode, team.status()["level"]) == (0, 2)


def test_an_upgrade_in_a_sparse_checkout_can_be_taken_back(team: Team) -> None:
    """Everything that is there is on the disk; what the level adds outside of the cone is not."""
    folders = [path.name for path in team.path.iterdir() if path.is_dir() and path.name != ".git"]
    team.git("sparse-checkout", "set", "--cone", *folders)
    before = team.changes()
    done = team.upgrade()
    assert (done.code, "jobs/train.py" in done.out.partition("Note: ")[2]) == (0, True)
    assert not (team.path / "jobs").exists()
    assert team.status()["unfinished_upgrade"]["phase"] == "applied"
    assert team.abort().code == 0
    assert team.changes() == before


def test_a_directory_of_the_templates_that_became_a_submodule(team: Team, base: Team, tmp_path: Path) -> None:
    other = repositories.copy_of(base, tmp_path / "other")
    team.git("rm", "-r", "--quiet", "tools")
    team.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.path), "tools")
    team.write("tools/run.sh", "of the submodule\n")
    team.git("commit", "--quiet", "--message", "The tools of all teams")
    done = team.upgrade("--preview", "--json")
    assert done.data["refusals"] == []
