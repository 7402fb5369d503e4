"""New repositories with a kit: what is asked, what is locked, what is written and recorded."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml
from conftest import Run
from kit_team import KitRepository, harbour
from repositories import command, git
from support import LEVELS, TASKS, answers_for, files_in
from workflows.validators import VALIDATORS

from mlops_scaffold.questions import only_asked, read_questions
from mlops_scaffold.render import render
from mlops_scaffold.templates import built_in

__all__ = ["harbour"]

STARTER_VALIDATORS = (
    *("actionlint", "jactionlint", "zizmor", "language-service", "schema-workflows", "schema-timeouts"),
    *("untrusted-environment", "action-inputs"),
)

DATA = ("-d", "cost_centre=4711", "-d", "data_class=secret")


def new(destination: Path, kit: object, *words: object, code: int = 0) -> str:
    """Make a repository with a kit, without a terminal; what is said about it."""
    done = command("new", destination, "--kit", kit, "--defaults", "--no-lock", *words)
    assert done.code == code, done.err
    return done.out if code == 0 else done.err


def state(project: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((project / ".mlops-scaffold/project.yml").read_text())
    return content


def test_a_new_repository_has_the_conventions(harbour: KitRepository, tmp_path: Path) -> None:
    project = tmp_path / "churn"
    said = new(project, f"{harbour.url}@v1.0.0", "--level", 2, *DATA)
    assert "With the kit harbour 1.0.0, which locks python_version, package_index." in said
    for source in (project / "src/churn").glob("*.py"):
        assert source.read_text().startswith("# SPDX-FileCopyrightText: Harbour\n"), source
    assert "def train(" in (project / "src/churn/model.py").read_text()
    assert (project / "LICENSE").read_text().startswith("Harbour, cost centre 4711. Data: secret.\n")
    assert "/.github/workflows/ @harbour/platform\n" in (project / ".github/CODEOWNERS").read_text()
    assert "# Data engineer: the workflows that collect and train\n" in (project / ".github/CODEOWNERS").read_text()
    workflow = yaml.safe_load((project / ".github/workflows/ci.yml").read_text())
    assert workflow["jobs"]["lint"]["steps"][-1]["name"] == "Look for data that is not secret"
    pyproject = (project / "pyproject.toml").read_text()
    assert 'url = "https://packages.harbour.example/simple"\n' in pyproject
    assert 'requires-python = ">=3.12"' in pyproject
    assert "Models are registered under the cost centre 4711." in (project / "docs/harbour.md").read_text()
    assert not (project / "docs/on-call.md").exists()
    assert git(project, "status", "--porcelain") == ""


def test_it_records_which_kit_it_has(harbour: KitRepository, tmp_path: Path) -> None:
    new(tmp_path / "churn", f"{harbour.url}@v1.0.0", *DATA)
    recorded = state(tmp_path / "churn")
    expected = {"name": "harbour", "version": "1.0.0", "source": harbour.url, "ref": "v1.0.0", "commit": harbour.head}
    assert recorded["kit"] == expected
    answers = recorded["answers"]
    assert (answers["cost_centre"], answers["data_class"], answers["author_name"]) == ("4711", "secret", "Harbour ML")
    assert "on_call" not in answers, "a question of level 3 is not answered at level 1"
    assert command("status", tmp_path / "churn").out.splitlines()[1] == (
        f"Kit: harbour 1.0.0, {harbour.url}@v1.0.0 (commit {harbour.head[:12]})"
    )


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("task", TASKS)
def test_it_goes_with_every_level_and_task(level: int, task: str, tmp_path: Path) -> None:
    """Beside the kit's own files the repository has just those that it would have without it."""
    kit = Path(__file__).parent / "kits/harbour"
    new(tmp_path / "with", kit, "--level", level, "-d", f"task={task}", "-d", "project_name=Churn", "--no-git")
    made, recorded = files_in(tmp_path / "with"), state(tmp_path / "with")["answers"]
    templates = built_in()
    answers = only_asked(read_questions(templates), recorded)
    without = render(templates, answers_for(templates, **answers, level=level))
    own = {"docs/harbour.md", *(["docs/on-call.md"] * (level > 2)), *(["docs/incidents.md"] * (level > 3))}
    assert made.keys() - without.keys() == own
    assert without.keys() <= made.keys()
    touched = {path for path in without if made[path] != without[path]} - {".mlops-scaffold/project.yml"}
    files = ("CODEOWNERS", "workflows/ci.yml")
    sources = ("__init__", "data", "features", "model", "score")
    assert touched == {
        *("LICENSE", "README.md", "pyproject.toml"),
        *(f".github/{name}" for name in files),
        *(f"src/churn/{name}.py" for name in sources),
    }
    for path in touched - {"LICENSE"}:
        kept = iter(made[path].content.splitlines())
        assert all(line in kept for line in without[path].content.splitlines()), f"{path} has lost a line"


def test_a_locked_answer_can_not_be_given_otherwise(harbour: KitRepository, tmp_path: Path) -> None:
    said = new(tmp_path / "churn", harbour.path, "-d", "python_version=3.13", code=2)
    assert said == (
        "mlops-scaffold: The kit harbour 1.0.0 locks python_version to 3.12, and 3.13 was given. Leave python_version "
        "out, or ask those who keep the kit.\n"
    )
    file = tmp_path / "answers.yml"
    file.write_text("python_version: '3.11'\n")
    assert "locks python_version" in new(tmp_path / "churn", harbour.path, "--answers-file", file, code=2)
    assert not (tmp_path / "churn").exists()
    new(tmp_path / "churn", harbour.path, "-d", "python_version=3.12")


def test_a_level_that_the_kit_does_not_have_is_refused(harbour: KitRepository, tmp_path: Path) -> None:
    harbour.edit("kit.toml", "[answers]", "[levels]\nallowed = [1, 2]\n\n[answers]")
    said = new(tmp_path / "churn", harbour.path, "--level", 3, code=2)
    assert "has no repositories of level 3, only of 1, 2" in said
    new(tmp_path / "churn", harbour.path, "--level", 2)
    harbour.edit("kit.toml", "allowed = [1, 2]", "allowed = [2, 3]")
    new(tmp_path / "claims", harbour.path)
    assert state(tmp_path / "claims")["level"] == 2, "the lowest level that there is"


def test_an_answer_of_its_own_must_be_one(harbour: KitRepository, tmp_path: Path) -> None:
    said = new(tmp_path / "churn", harbour.path, "-d", "data_class=cosmic", code=2)
    assert "cosmic is not a choice for data_class. Choose one of: public, internal, secret." in said
    assert "Answer cost_centre: it is empty." in new(tmp_path / "churn", harbour.path, "-d", "cost_centre=", code=2)
    assert "no question called colour" in new(tmp_path / "churn", harbour.path, "-d", "colour=red", code=2)


def test_a_question_of_a_higher_level_is_not_answered_before(harbour: KitRepository, tmp_path: Path) -> None:
    """It would be written into files, and not be recorded."""
    said = new(tmp_path / "churn", harbour.path, "-d", "on_call=yes", code=2)
    assert "asks for on_call from level 3 on, and this is level 1. Leave on_call out until then." in said
    new(tmp_path / "churn", harbour.path, "--level", 3, "-d", "on_call=yes")
    assert state(tmp_path / "churn")["answers"]["on_call"] is True


def test_a_locked_yes_may_be_written_in_any_way(harbour: KitRepository, tmp_path: Path) -> None:
    harbour.edit("kit.toml", "[locked]", "[locked]\non_call = true")
    new(tmp_path / "churn", harbour.path, "--level", 3, "-d", "on_call=y")
    assert "locks on_call to True" in new(tmp_path / "other", harbour.path, "-d", "on_call=no", code=2)


def test_behind_a_link_its_place_is_recorded_as_it_is(harbour: KitRepository, tmp_path: Path, run: Run) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a/b")
    assert run("new", "link/churn", "--kit", harbour.path.name, "--defaults", "--no-lock").returncode == 0
    assert state(tmp_path / "a/b/churn")["kit"]["source"] == "../../../harbour-kit"
    assert run("upgrade", "link/churn", "--no-lock").returncode == 0


def test_a_commit_is_named_in_full_and_a_bare_folder_with_a_branch(harbour: KitRepository, tmp_path: Path) -> None:
    said = new(tmp_path / "churn", f"{harbour.path}@{harbour.head[:9]}", code=3)
    assert "(a commit takes all of its 40 characters)" in said
    git(tmp_path, "clone", "--quiet", "--bare", str(harbour.path), "bare.git")
    assert "add @ and a branch or tag" in new(tmp_path / "churn", tmp_path / "bare.git", code=3)
    new(tmp_path / "churn", f"{tmp_path / 'bare.git'}@main")


def test_the_answers_of_another_repository_serve(harbour: KitRepository, tmp_path: Path) -> None:
    new(tmp_path / "churn", harbour.path, *DATA)
    file = tmp_path / "churn/.mlops-scaffold/project.yml"
    new(tmp_path / "claims", harbour.path, "--answers-file", file)
    assert state(tmp_path / "claims") == state(tmp_path / "churn")
    alone = command("new", tmp_path / "alone", "--defaults", "--no-lock", "--answers-file", file)
    assert alone.code == 2
    assert "There is no question called package_index." in alone.err


def test_a_branch_and_a_commit_serve_too(harbour: KitRepository, tmp_path: Path) -> None:
    git(harbour.path, "branch", "team/next")
    for number, ref in enumerate(("team/next", harbour.head)):
        new(tmp_path / str(number), f"{harbour.url}@{ref}", "-d", "project_name=Churn")
        assert state(tmp_path / str(number))["kit"]["commit"] == harbour.head
    assert "at v9 can't be had: " in new(tmp_path / "none", f"{harbour.url}@v9", code=3)
    assert not (tmp_path / "none").exists()


def test_a_folder_is_taken_as_it_is(harbour: KitRepository, tmp_path: Path, run: Run) -> None:
    """Its place is recorded from the project, so that a colleague with the same folders has it too."""
    harbour.edit("level1/project/docs/harbour.md.jinja", "How we work", "How we like to work")
    done = run("new", "churn", "--kit", "harbour-kit", "--defaults", "--no-lock")
    assert "Its files are of no commit" in done.stdout
    assert "# How we like to work" in (tmp_path / "churn/docs/harbour.md").read_text()
    assert state(tmp_path / "churn")["kit"] == {
        "name": "harbour",
        "version": "1.0.0",
        "source": "../harbour-kit",
        "ref": None,
        "commit": None,
    }
    git(harbour.path, "commit", "--quiet", "--all", "--message", "We like it")
    run("new", "claims", "--kit", "harbour-kit", "--defaults", "--no-lock")
    assert state(tmp_path / "claims")["kit"]["commit"] == harbour.head
    assert run("status", "claims").stdout.splitlines()[-2] == "Nothing is left to do."


def test_on_a_terminal_only_what_is_open_is_asked(harbour: KitRepository, tmp_path: Path) -> None:
    words = ["-m", "mlops_scaffold", "new", "first-try", "--kit", str(harbour.path), "--no-lock", "-d", "license=MIT"]
    environment = {**os.environ, "TERM": "xterm"}
    child = pexpect.spawn(
        sys.executable, words, cwd=str(tmp_path), env=environment, encoding="utf-8", timeout=30, dimensions=(50, 120)
    )
    child.expect("At which level")
    child.send("\x1b[B\x1b[B\r")
    for question in ("project called", "package imported", "model do"):
        child.expect(question)
        child.send("\r")
    child.expect("Who writes it")
    child.expect("The kit harbour suggests: Harbour ML")
    child.send("\r")
    child.expect("e-mail")
    child.send("\r")
    child.expect("predict")
    shown = str(child.before)
    child.send("\r")
    child.expect("Which cost centre")
    shown += str(child.before)
    child.send("\x154711\r")
    child.expect("How secret")
    child.send("\r")
    child.expect("on call at night")
    child.send("y\r")
    child.expect("First try is ready")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "oldest Python" not in shown, "it is locked"
    assert "packages come from" not in shown, "it is locked"
    recorded = state(tmp_path / "first-try")
    assert recorded["answers"]["cost_centre"] == "4711"
    assert recorded["answers"]["on_call"] is True
    assert recorded["answers"]["python_version"] == "3.12"
    assert "Somebody is on call" in (tmp_path / "first-try/docs/on-call.md").read_text()


def test_what_is_no_kit_is_said_to_be_none(tmp_path: Path) -> None:
    assert "is no folder, so there is no kit" in new(tmp_path / "churn", tmp_path / "nowhere", code=3)
    (tmp_path / "empty").mkdir()
    assert "has no kit.toml, so it is no kit" in new(tmp_path / "churn", tmp_path / "empty", code=3)
    gone = (tmp_path / "gone").as_uri()
    assert f"The kit {gone} can't be had: " in new(tmp_path / "churn", gone, code=3)


def test_a_password_in_the_address_is_refused(tmp_path: Path) -> None:
    said = new(tmp_path / "churn", "https://ada:secret@example.com/kit.git", code=3)
    assert "holds a password" in said
    assert "secret" not in said.replace("a password", "")


def test_the_starter_is_a_kit_whose_own_tests_pass(run: Run, tmp_path: Path) -> None:
    done = run("kit", "init", "our-kit")
    assert done.returncode == 0, done.stderr
    assert git(tmp_path / "our-kit", "status", "--porcelain") == ""
    assert 'name = "our-kit"' in (tmp_path / "our-kit/kit.toml").read_text()
    assert "starter" not in "".join(file.content.decode() for file in files_in(tmp_path / "our-kit").values())
    checked = run("kit", "check", cwd=tmp_path / "our-kit")
    assert checked.stdout.endswith("of level 1, 2, 3, 4. Nothing is wrong.\n"), checked.stdout
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    tested = subprocess.run(words, cwd=tmp_path / "our-kit", capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout
    for name in STARTER_VALIDATORS:
        assert VALIDATORS[name](tmp_path / "our-kit") == "", name
    again = run("kit", "init", "our-kit")
    assert again.returncode == 3
    assert "is not empty" in again.stderr
