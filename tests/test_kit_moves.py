"""A kit stays with its repositories: through upgrades, through its own versions, and when it can't be had any more."""

import os
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml
from kit_team import HARBOUR, KitRepository, harbour, make_kit
from repositories import Team, command, git
from support import LEVELS, files_in

__all__ = ["harbour"]

CHANGED = "level1/project/docs/harbour.md.jinja"


def make(path: Path, kit: object, *words: object) -> Team:
    """A repository with a kit, or with none."""
    with_kit = ("--kit", kit) if kit else ()
    done = command("new", path, *with_kit, "--defaults", "--no-lock", "-d", "project_name=Churn model", *words)
    assert done.code == 0, done.err
    return Team(path=path)


def move(team: Team, verb: str, *words: object, code: int = 0) -> dict[str, Any]:
    """Move a repository, commit what came of it, and return the report."""
    done = command(verb, team.path, "--json", "--no-lock", *words)
    assert done.code == code, done.err or done.out
    if code == 0 and not done.data["nothing_to_do"]:
        assert done.data["conflicts"] == []
        assert done.data["guessed_base"] == []
        git(team.path, "commit", "--quiet", "--message", done.data["commit_message"])
    return done.data


def kit_of(team: Team) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(team.read(".mlops-scaffold/project.yml"))["kit"]
    return content


def second_version(harbour: KitRepository) -> str:
    """Version 2: another text, a newer Python, a question more, other first files."""
    harbour.edit(CHANGED, "The platform team reviews workflows.", "The platform team and security review workflows.")
    harbour.edit("kit.toml", 'python_version = "3.12"', 'python_version = "3.13"')
    harbour.edit(
        "kit.toml",
        "[questions.data_class]",
        '[questions.region]\nhelp = "Where?"\ndefault = "eu"\n\n[questions.data_class]',
    )
    harbour.edit("level1/project/src/{= package_name =}/features.py.jinja", "Harbour", "Harbour Ltd")
    return harbour.release("2.0.0")


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_moved_up_it_is_what_a_new_one_is(task: str, harbour: KitRepository, tmp_path: Path) -> None:
    origin = f"{harbour.url}@v1.0.0"
    team = make(tmp_path / "moved", origin, "--level", 1, "-d", f"task={task}")
    for low, high in pairwise(LEVELS):
        report = move(team, "upgrade")
        assert (report["from"]["level"], report["to"]["level"]) == (low, high)
        new = make(tmp_path / f"new{high}", origin, "--level", high, "-d", f"task={task}")
        assert files_in(team.path) == files_in(new.path)
        assert team.read(".mlops-scaffold/manifest") == new.read(".mlops-scaffold/manifest")


def test_the_edits_of_a_team_stay_from_level_1_to_4(harbour: KitRepository, tmp_path: Path) -> None:
    team = make(tmp_path / "churn", f"{harbour.url}@v1.0.0", "-d", "cost_centre=4711")
    team.edit("README.md", "Cost centre 4711", "Cost centre 4711 (Ada knows)")
    team.edit("config/data.toml", "delay_days = 1", "delay_days = 3")
    team.edit(".github/workflows/ci.yml", "harbour-data-class", "harbour-class")
    team.edit("src/churn_model/features.py", "# SPDX-FileCopyrightText: Harbour", "# SPDX-FileCopyrightText: Ada")
    team.edit("pyproject.toml", '"skops>=0.16,<1",\n', '"skops>=0.16,<1",\n    "xgboost>=4,<5",\n')
    git(team.path, "mv", "docs/harbour.md", "docs/house.md")
    team.commit()
    for _ in LEVELS[1:]:
        move(team, "upgrade")
    assert "Cost centre 4711 (Ada knows), data class internal." in team.read("README.md")
    assert "delay_days = 3" in team.read("config/data.toml")
    assert "harbour-class" in team.read(".github/workflows/ci.yml")
    assert team.read("src/churn_model/features.py").startswith("# SPDX-FileCopyrightText: Ada\n")
    assert '"xgboost>=4,<5"' in team.read("pyproject.toml")
    assert "Models are registered under the cost centre 4711." in team.read("docs/house.md"), "it follows the rename"
    assert not (team.path / "docs/harbour.md").exists()
    assert "Nobody is called at night" in team.read("docs/on-call.md")
    assert kit_of(team)["commit"] == harbour.head
    assert (team.path / "docs/incidents.md").exists()


def test_an_upgrade_keeps_the_version_that_it_has(harbour: KitRepository, tmp_path: Path) -> None:
    first = harbour.head
    team = make(tmp_path / "churn", harbour.url)
    second_version(harbour)
    move(team, "upgrade")
    assert kit_of(team)["commit"] == first
    assert "The platform team reviews" in team.read("docs/harbour.md")


def test_a_new_version_reaches_it_and_its_edits_stay(harbour: KitRepository, tmp_path: Path) -> None:
    team = make(tmp_path / "churn", f"{harbour.url}@v1.0.0", "--level", 2)
    team.edit("docs/harbour.md", "# How we work at Harbour", "# How we work")
    team.edit("README.md", "Cost centre 0000", "Cost centre 0000, for now")
    team.commit()
    features = team.read("src/churn_model/features.py")
    commit = second_version(harbour)
    offered = command("update", team.path, "--no-lock")
    assert offered.out.splitlines() == [
        "Churn model: level 2 of MLOps maturity, templates 0.1.0, kit harbour 1.0.0",
        "The kit has a newer version, v2.0.0: `mlops-scaffold update --kit @v2.0.0`.",
        "Otherwise there is nothing to do.",
    ]
    report = move(team, "update", "--kit", "@v2.0.0")
    assert report["from"]["kit"]["version"] == "1.0.0"
    assert report["to"]["kit"] == {
        "name": "harbour",
        "version": "2.0.0",
        "source": harbour.url,
        "ref": "v2.0.0",
        "commit": commit,
    }
    assert report["commit_message"] == "Update the kit harbour from 1.0.0 to 2.0.0"
    text = team.read("docs/harbour.md")
    assert text.startswith("# How we work\n")
    assert "The platform team and security review workflows." in text
    assert "Cost centre 0000, for now" in team.read("README.md")
    assert 'requires-python = ">=3.13"' in team.read("pyproject.toml")
    assert '  region: "eu"\n' in team.read(".mlops-scaffold/project.yml")
    assert team.read("src/churn_model/features.py") == features, "a team's own files are given once"
    assert command("update", team.path, "--no-lock").out.endswith("`mlops-scaffold status` says what waits.\n")
    new = make(tmp_path / "new", f"{harbour.url}@v2.0.0", "--level", 2)
    assert team.read(".mlops-scaffold/manifest") == new.read(".mlops-scaffold/manifest")


def test_where_both_changed_the_same_line_git_has_a_conflict(harbour: KitRepository, tmp_path: Path) -> None:
    team = make(tmp_path / "churn", f"{harbour.url}@v1.0.0")
    team.edit("docs/harbour.md", "The platform team reviews workflows.", "Nobody reviews workflows.")
    team.commit()
    second_version(harbour)
    done = command("update", team.path, "--no-lock", "--kit", "@v2.0.0")
    assert done.code == 1
    text = team.read("docs/harbour.md")
    assert "||||||| kit harbour 1.0.0\n- The platform team reviews workflows.\n" in text
    assert ">>>>>>> kit harbour 2.0.0\n" in text
    assert command("update", team.path, "--abort").code == 0
    assert "Nobody reviews workflows." in team.read("docs/harbour.md")
    assert git(team.path, "status", "--porcelain") == ""


def test_on_a_terminal_a_new_version_is_offered(harbour: KitRepository, tmp_path: Path) -> None:
    team = make(tmp_path / "churn", f"{harbour.url}@v1.0.0")
    second_version(harbour)
    for answer, version in (("n", "1.0.0"), ("\r", "2.0.0")):
        words = ["-m", "mlops_scaffold", "update", "--no-lock"]
        environment = {**os.environ, "TERM": "xterm"}
        child = pexpect.spawn(
            sys.executable,
            words,
            cwd=str(team.path),
            env=environment,
            encoding="utf-8",
            timeout=30,
            dimensions=(50, 160),
        )
        child.expect(r"The kit harbour 1.0.0 has a newer version, v2.0.0. Take it\?")
        child.send(answer)
        if version == "2.0.0":
            child.expect(r"Where\?")
            child.send("\x15us\r")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
        assert kit_of(team)["version"] == version
    assert '  region: "us"\n' in team.read(".mlops-scaffold/project.yml")


def test_a_branch_is_followed(harbour: KitRepository, tmp_path: Path) -> None:
    team = make(tmp_path / "churn", f"{harbour.url}@main")
    commit = second_version(harbour)
    preview = command("update", team.path, "--preview")
    assert preview.out.splitlines()[0].endswith(", kit harbour 1.0.0 → 2.0.0")
    move(team, "update")
    assert (kit_of(team)["ref"], kit_of(team)["commit"]) == ("main", commit)
    harbour.edit(CHANGED, "How we work", "How we now work")
    git(harbour.path, "commit", "--quiet", "--all", "--message", "Now")
    report = move(team, "update")
    assert report["commit_message"] == "Update the kit harbour 2.0.0"


def test_a_trial_version_is_offered_only_to_those_who_try(harbour: KitRepository, tmp_path: Path) -> None:
    stable, trying = make(tmp_path / "stable", f"{harbour.url}@v1.0.0"), tmp_path / "trying"
    for version in ("1.9.0", "1.10.0", "2.0.0rc1", "2.0.0rc2"):
        harbour.release(version)
    git(harbour.path, "tag", "version-9")
    assert move(stable, "update")["newer_kit"] == "v1.10.0"
    assert move(make(trying, f"{harbour.url}@v2.0.0rc1"), "update")["newer_kit"] == "v2.0.0rc2"


def test_status_says_what_waits_without_asking_anybody(harbour: KitRepository, tmp_path: Path) -> None:
    near, far = make(tmp_path / "near", harbour.path), make(tmp_path / "far", harbour.url)
    second_version(harbour)
    assert "An update to the templates of 0.1.0, or of the kit, waits" in command("status", near.path).out
    assert near.status()["update_waits"]
    shutil.move(harbour.path, tmp_path / "elsewhere")
    said = command("status", far.path).out
    assert "What is new in the kit is not looked up here: `mlops-scaffold update --preview` asks for it." in said
    assert far.status()["kit_at_hand"] is False


def test_a_level_that_the_kit_leaves_out_is_passed(harbour: KitRepository, tmp_path: Path) -> None:
    harbour.edit("kit.toml", "[answers]", "[levels]\nallowed = [1, 3]\n\n[answers]")
    harbour.release("2.0.0")
    team = make(tmp_path / "churn", harbour.path)
    assert "Level 3 is next: " in command("status", team.path).out
    assert move(team, "upgrade")["to"]["level"] == 3
    assert team.status()["next_level"] is None
    harbour.edit("kit.toml", "allowed = [1, 3]", "allowed = [1, 2]")
    harbour.release("3.0.0")
    done = command("update", team.path)
    assert done.code == 3
    assert "has repositories of level 1, 2 only, and this one is at level 3." in done.err


def test_status_says_that_the_kit_is_broken(harbour: KitRepository, tmp_path: Path) -> None:
    team = make(tmp_path / "churn", harbour.path)
    harbour.edit(CHANGED, "How we work", "{= nobody =}")
    said = command("status", team.path).out
    assert "What is new in the kit can't be told. The kit harbour 1.0.0 is wrong. The template " in said
    assert "Nothing is left to do." not in said
    harbour.edit("kit.toml", 'name = "harbour"', 'name = ""')
    assert "Nothing is left to do." not in command("status", team.path).out


def test_a_kit_that_is_gone_is_a_sentence_and_its_files_are_known(harbour: KitRepository, tmp_path: Path) -> None:
    team = make(tmp_path / "churn", f"{harbour.url}@v1.0.0")
    team.edit("docs/harbour.md", "# How we work at Harbour", "# How we work")
    team.commit()
    moved = tmp_path / "moved-kit"
    shutil.move(harbour.path, moved)
    for verb in ("upgrade", "update"):
        done = command(verb, team.path, "--no-lock")
        assert done.code == 3
        assert done.err.startswith(f"mlops-scaffold: The kit {harbour.url} at ")
        assert "can't be had: " in done.err
        assert done.err.endswith(" Or name another place of it by --kit, or go on without it by --no-kit.\n")
        assert "Traceback" not in done.err
    assert git(team.path, "status", "--porcelain") == ""
    report = move(team, "upgrade", "--kit", f"{moved.as_uri()}@v1.0.0")
    assert report["to"]["kit"]["source"] == moved.as_uri()
    assert team.read("docs/harbour.md").startswith("# How we work\n")
    assert "Models are registered" in team.read("docs/harbour.md")


def test_it_can_be_left(harbour: KitRepository, tmp_path: Path) -> None:
    """Also when it can't be had: the manifest tells what was the kit's."""
    team = make(tmp_path / "churn", f"{harbour.url}@v1.0.0")
    team.edit("README.md", "This repository is at", "Ours is at")
    team.commit()
    shutil.rmtree(harbour.path)
    report = move(team, "update", "--no-kit")
    assert report["commit_message"] == "Leave the kit harbour"
    assert "Harbour" not in team.read("README.md") + team.read("LICENSE")[:7]
    assert "Ours is at" in team.read("README.md")
    assert not (team.path / "docs/harbour.md").exists()
    assert "kit:" not in team.read(".mlops-scaffold/project.yml")
    plain = make(tmp_path / "plain", None, "-d", "python_version=3.12", "-d", "author_name=Harbour ML")
    assert team.read(".mlops-scaffold/manifest") == plain.read(".mlops-scaffold/manifest")


def test_a_repository_without_one_can_take_it(harbour: KitRepository, tmp_path: Path) -> None:
    team = make(tmp_path / "churn", None, "--level", 2)
    team.edit("README.md", "This repository is at", "Ours is at")
    team.commit()
    report = move(team, "update", "--kit", f"{harbour.url}@v1.0.0", "-d", "cost_centre=4711")
    assert report["commit_message"] == "Take the kit harbour 1.0.0"
    assert "Cost centre 4711" in team.read("README.md")
    assert "Ours is at" in team.read("README.md")
    assert 'requires-python = ">=3.12"' in team.read("pyproject.toml"), "what is locked holds from now on"
    done = command("update", make(tmp_path / "none", None).path, "--kit", "@v1.0.0")
    assert done.code == 2
    assert "and it has none" in done.err


def test_what_is_locked_stays_locked(harbour: KitRepository, tmp_path: Path) -> None:
    team = make(tmp_path / "churn", f"{harbour.url}@v1.0.0")
    done = command("update", team.path, "-d", "python_version=3.14")
    assert done.code == 2
    assert "locks python_version to 3.12, and 3.14 was given" in done.err
    harbour.edit("kit.toml", "[locked]", '[locked]\ntask = "regression"')
    harbour.edit("kit.toml", "[answers]", "[levels]\nallowed = [1]\n\n[answers]")
    harbour.release("3.0.0")
    done = command("update", team.path, "--kit", "@v3.0.0")
    assert done.code == 2
    assert "locks task to regression, and this repository was made for classification" in done.err
    other = make(tmp_path / "other", f"{harbour.url}@v3.0.0")
    done = command("upgrade", other.path)
    assert done.code == 3
    assert "The kit harbour 3.0.0 has repositories of level 1 only. Ask those who keep the kit for level 2" in done.err


def test_a_preview_writes_nothing_and_asks_nothing(harbour: KitRepository, tmp_path: Path) -> None:
    team = make(tmp_path / "churn", f"{harbour.url}@v1.0.0")
    second_version(harbour)
    before = files_in(team.path)
    done = command("update", team.path, "--preview", "--kit", "@v2.0.0")
    assert done.code == 0
    assert "docs/harbour.md" in done.out
    assert "`mlops-scaffold update" in done.out.splitlines()[-1]
    assert "--kit @v2.0.0` does this" in done.out
    assert files_in(team.path) == before
    contradiction = command("update", team.path, "--kit", "@v2.0.0", "--no-kit")
    assert contradiction.code == 2


def test_a_project_in_a_folder_of_a_repository_finds_its_kit_there(harbour: KitRepository, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    team = make(tmp_path / "teams/churn", os.path.relpath(harbour.path))
    assert kit_of(team)["source"] == "../../harbour-kit"
    git(tmp_path, "add", "teams")
    git(tmp_path, "commit", "--quiet", "--message", "Start")
    move(team, "upgrade")
    assert "Models are registered" in team.read("docs/harbour.md")
    assert command("status", team.path / "docs").out.splitlines()[-2] == "Nothing is left to do."


def test_a_folder_that_has_changed_is_merged_as_it_is_now(tmp_path: Path, git_user: None) -> None:  # noqa: ARG001
    kit = tmp_path / "kit"
    shutil.copytree(HARBOUR, kit)
    team = make(tmp_path / "churn", kit)
    text = (kit / CHANGED).read_text()
    (kit / CHANGED).write_text(text.replace("How we work", "How we now work"))
    report = move(team, "update")
    assert [change["path"] for change in report["files"]["changed"] if change["path"].endswith(".md")] == [
        "docs/harbour.md"
    ]
    assert "# How we now work" in team.read("docs/harbour.md")
    make_kit(tmp_path / "other", kit)
