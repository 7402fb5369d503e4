"""What `upgrade` and `update` promise: the same files by every way, a preview that is exact, a base that is exact."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import pexpect
import pytest
import repositories
from conftest import Run
from pytest_copie.plugin import Copie
from repositories import (
    Done,
    Team,
    assert_same,
    command,
    contents,
    copy_of,
    git,
    make,
    moved,
    snapshot,
)
from support import LEVELS, generate

from mlops_scaffold import __version__
from mlops_scaffold.project import MANIFEST, PROJECT
from mlops_scaffold.template import export
from mlops_scaffold.tree import Tree, write_tree

small_root, small, base, team, templates_to = (
    repositories.small_root, repositories.small, repositories.base, repositories.team, repositories.templates_to,
)  # fmt: skip

NEXT = "2"
TEN = "Line 10 of level 1.\n"


def told(team: Team, *words: object, verb: str = "upgrade") -> dict[str, object]:
    """What a preview says as JSON."""
    return (team.update if verb == "update" else team.upgrade)("--preview", "--json", *words).data


# New at N+1 equals new at N and then upgraded

ANSWERS: dict[str, dict[str, str]] = {
    "defaults": {},
    "regression": {"task": "regression"},
    "Python and licence": {"python_version": "3.13", "license": "MIT"},
    "another licence": {"license": "Apache-2.0", "python_version": "3.12", "task": "regression"},
    "no licence": {"license": "Proprietary"},
    "unicode": {
        "project_name": "Flüge & 日本 'x' #1", "author_name": "Zoë Ünal", "description": "Sagt {= Ärger =} {% voraus %}"
    },
    "names": {"project_name": "project", "package_name": "a1", "author_email": "x@example.com"},
}  # fmt: skip


def first_commit(path: Path) -> Team:
    """A repository of files that are there, as a team would make it."""
    git(path, "init", "--quiet")
    git(path, "add", "--all", "--force")
    git(path, "commit", "--quiet", "--message", "Start")
    return Team(path=path)


@pytest.mark.parametrize("level", LEVELS[:-1])
@pytest.mark.parametrize("kind", ANSWERS)
def test_new_at_the_next_level_equals_new_and_an_upgrade(kind: str, level: int, tmp_path: Path) -> None:
    old = first_commit(generate(tmp_path / "old", level=level, **ANSWERS[kind]))
    new = first_commit(generate(tmp_path / "new", level=level + 1, **ANSWERS[kind]))
    words = ["--to", level + 1] if kind == "regression" else []
    done = old.upgrade("--json", *words)
    assert done.code == 0, done.err
    assert done.data["guessed_base"] == []
    assert_same(contents(new.path), contents(old.path))
    assert old.tree() == new.tree()
    assert old.git("status", "--porcelain", "--untracked-files=all", "--ignored").count("??") == 0
    assert old.git("diff", "--name-only") == ""
    old.git("commit", "--quiet", "--message", "Up")
    assert old.update("--json").data["nothing_to_do"]
    assert old.status()["edited"] == []


@pytest.mark.parametrize("level", LEVELS[:-1])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_repository_made_by_copier_is_upgraded_to_the_same_files(
    level: int, task: str, tmp_path: Path, copie: Copie, templates: Tree
) -> None:
    (tmp_path / "export").mkdir()
    write_tree(export(templates, {"level": level, "template_version": __version__}), tmp_path / "export")
    result = copie.copy({"task": task, "project_name": "Churn model"}, template_dir=tmp_path / "export")
    assert result.exception is None
    assert result.project_dir is not None
    team = first_commit(result.project_dir)
    assert not (team.path / MANIFEST).exists()
    assert team.upgrade().code == 0
    new = generate(tmp_path / "new", level=level + 1, task=task, project_name="Churn model")
    assert_same(contents(new), contents(team.path))


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_every_way_up_the_small_templates_ends_at_the_same_files(
    small: Path, task: str, ci: str, tmp_path: Path
) -> None:
    """Also with two steps at once, and with an update in between."""
    assert small.is_dir()
    words = ["-d", f"task={task}", "-d", f"ci={ci}", "-d", "project_name=Abwanderung ✓"]
    expected = make(tmp_path / "new", "--level", 4, *words)
    first = make(tmp_path / "first", *words)
    for number, way in enumerate([[4], [2, 3, 4], [3, 4], [2, 4]]):
        team = copy_of(first, tmp_path / f"way{number}")
        for level in way:
            assert team.upgrade("--to", level).code == 0
            team.commit(f"Level {level}")
            assert team.update("--json").data["nothing_to_do"]
        assert_same(contents(expected.path), contents(team.path))
        assert team.tree() == expected.tree()


def test_three_steps_equal_one_for_a_team_that_edits(team: Team, tmp_path: Path) -> None:
    """Random edits away from what levels change. A conflict would be another text, depending on the way."""
    chance = random.Random(20261122)
    for number in range(4):
        one = copy_of(team, tmp_path / f"one{number}")
        for name, lines in {"docs/guide.md": (2, 3, 5, 14, 17), "notes/two.md": (1,), "README.md": (3, 14)}.items():
            line = chance.choice(lines)
            texts = one.read(name).splitlines(keepends=True)
            texts[line : line + chance.choice([0, 1])] = [f"Own words {chance.random()}.\n"] * chance.choice([1, 3])
            one.write(name, "".join(texts))
        if chance.random() < 0.7:
            one.git("mv", "docs/guide.md", "handbook.md")
        one.git("rm", "--quiet", "-r", chance.choice(["tools", "docs/plan.md", "notes/one.md"]))
        if number % 2:
            one.git("mv", "notes", "diary")
        one.write("ours/new.md", "Own file.\n")
        one.commit()
        three = copy_of(one, tmp_path / f"three{number}")
        done = one.upgrade("--to", 4)
        assert done.code == 0, done.out
        for _ in range(3):
            assert three.upgrade().code == 0
            three.commit("Up")
        assert_same(contents(one.path), contents(three.path))
        assert "Own words" in "".join(one.read(name) for name in contents(one.path) if name.endswith(".md"))


# Preview


def test_a_preview_leaves_nothing_even_when_git_has_to_look_at_every_file_again(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    team.commit()
    later = time.time() + 100
    for name in contents(team.path):
        os.utime(team.path / name, (later, later))
    team.write("scratch.md", "Not tracked.\n")
    team.edit("src/churn/model.py", "1", "2")
    before = snapshot(team.path, objects=True)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    for words in (["--preview"], ["--preview", "--json"], ["--preview", "--to", "4"]):
        assert team.upgrade(*words).code == 1
        assert team.update(*words[:1]).code == 0
    assert_same(before, snapshot(team.path, objects=True))
    assert list(temporary.iterdir()) == []
    assert team.upgrade().code == 1


def test_the_tree_that_is_staged_is_the_one_that_the_preview_has_shown(team: Team) -> None:
    team.edit("docs/guide.md", "Line 2 of the guide.\n", "Line 2 is ours.\n")
    team.git("rm", "--quiet", "notes/one.md")
    team.commit()
    data = moved(team)
    staged = {}
    for line in team.git("diff", "--cached", "--numstat", "--no-renames").splitlines():
        plus, minus, path = line.split("\t")
        staged[path] = (None, None) if plus == "-" else (int(plus), int(minus))
    shown = {c["path"]: (c["plus"], c["minus"]) for kind in data["files"].values() for c in kind}
    assert shown == staged


def test_a_preview_shows_files_conflicts_deletions_and_what_the_level_asks(team: Team) -> None:
    team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    team.edit("README.md", "Ask somebody.", "Ask Ada.")
    team.git("rm", "--quiet", "notes/one.md")
    team.commit()
    done = team.upgrade("--preview")
    assert done.code == 1
    for text in (
        "Churn: level 1 → 2 of MLOps maturity", "4 added, +5", "jobs/ (2 files)", "7 changed", "logo.bin",
        "binary", "+1, with your own changes in it", "1 that you deleted", "    notes/one.md",
        "1 in conflict: here you decide",
        "docs/guide.md: Both have changed the same lines.", "<<<<<<< yours", "||||||| level 1", ">>>>>>> level 2",
        "What level 2 adds.", "What level 2 asks.", "Level 2 works.", "run 2", "Nothing has moved.",
        "does this; until you commit", "--abort` takes it back",
    ):  # fmt: skip
        assert text in done.out, text
    assert team.changes() == []


# Where the old files come from


def as_made_by(team: Team, version: str) -> None:
    """Let the repository say that another version made it."""
    team.edit(PROJECT, f'template_version: "{__version__}"', f'template_version: "{version}"')
    team.commit("Another version")


def test_without_the_old_templates_the_objects_of_the_repository_give_the_base(team: Team) -> None:
    team.edit("docs/guide.md", "Line 2 of the guide.\n", "Line 2 is ours.\n")
    team.commit()
    as_made_by(team, "0.0.0")
    data = moved(team)
    assert data["guessed_base"] == []
    assert (data["from"]["template_version"], data["to"]["template_version"]) == ("0.0.0", __version__)
    assert "Line 2 is ours." in team.read("docs/guide.md")
    assert "Line 10 of level 2." in team.read("docs/guide.md")


def test_templates_that_give_something_else_under_the_same_version_are_noticed(team: Team, templates_to: Path) -> None:
    """A wrong base would take back the team's lines, or call its lines a conflict."""
    guide = templates_to / "level1/project/docs/guide.md.jinja"
    guide.write_text(guide.read_text().replace("Line 2 of the guide.", "Line 2 of later templates."))
    team.edit("docs/guide.md", "Line 15 of the guide.", "Line 15 is ours.")
    team.commit()
    data = moved(team, verb="update")
    assert data["guessed_base"] == []
    assert "Line 2 of later templates." in team.read("docs/guide.md")
    assert "Line 15 is ours." in team.read("docs/guide.md")


def shallow_and_edited(team: Team) -> Team:
    """A clone whose objects lack the old text of the guide, made by a version that nobody knows any more."""
    team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    team.edit("notes/two.md", "Thought two.", "Thought two is ours.")
    as_made_by(team, "0.0.0")
    clone = Team(path=team.path.with_name("clone"))
    git(team.path, "clone", "--quiet", "--depth=1", team.path.as_uri(), str(clone.path))
    return clone


def change_early_lines(root: Path) -> None:
    """Let templates give other texts than those that the repository was made from, in places of no later level."""
    for name, old in {"docs/guide.md.jinja": "Line 5 of the guide.", "notes/two.md": "Thought four."}.items():
        for path in root.glob(f"level*/project/{name}"):
            path.write_text(path.read_text().replace(old, f"{old} Later."))


def test_a_base_that_nobody_can_give_is_guessed_aloud_and_nothing_is_lost(team: Team, templates_to: Path) -> None:
    change_early_lines(templates_to)
    clone = shallow_and_edited(team)
    shown = clone.upgrade("--preview").out
    assert "! The old templates could not be had for these files, so their merge is a guess." in shown
    assert "    docs/guide.md" in shown
    data = moved(clone, code=clone.upgrade("--preview").code)
    assert data["guessed_base"] == ["docs/guide.md", "notes/two.md"]
    assert "Line 10 is ours." in clone.read("docs/guide.md")
    assert "Thought two is ours." in clone.read("notes/two.md")


def test_objects_that_git_has_cleared_away_make_a_guess_and_nothing_is_lost(team: Team, templates_to: Path) -> None:
    change_early_lines(templates_to)
    team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    as_made_by(team, "0.0.0")
    team.git("checkout", "--quiet", "--orphan", "fresh")
    team.git("commit", "--quiet", "--message", "Fresh")
    team.git("branch", "-D", "main")
    team.git("reflog", "expire", "--expire=now", "--all")
    team.git("gc", "--quiet", "--prune=now")
    data = moved(team, code=team.upgrade("--preview").code)
    assert data["guessed_base"] == ["docs/guide.md"]
    assert "Line 10 is ours." in team.read("docs/guide.md")


def test_a_guess_that_the_manifest_confirms_is_none(team: Team) -> None:
    """The version is unknown and the objects are gone, but the files have stayed the same between the versions."""
    clone = shallow_and_edited(team)
    data = moved(clone, code=1)
    assert data["guessed_base"] == []
    assert [conflict["path"] for conflict in data["conflicts"]] == ["docs/guide.md"]
    assert "Thought two is ours." in clone.read("notes/two.md")
    assert "Thought of level 2." in clone.read("notes/two.md")


def test_without_a_manifest_and_without_the_old_templates_all_is_a_guess(team: Team) -> None:
    team.edit("docs/guide.md", "Line 2 of the guide.\n", "Line 2 is ours.\n")
    team.git("rm", "--quiet", MANIFEST)
    as_made_by(team, "0.0.0")
    data = moved(team)
    assert "docs/guide.md" in data["guessed_base"]
    assert "Line 2 is ours." in team.read("docs/guide.md")


@pytest.mark.parametrize("manifest", ["", "garbage\n", "<<<<<<< HEAD\n=======\n>>>>>>> x\n", None])
def test_the_state_is_always_what_the_templates_give(team: Team, manifest: str | None, tmp_path: Path) -> None:
    team.write(PROJECT, "# A note of ours.\n" + team.read(PROJECT).replace("level: 1", "level: 1 # ours"))
    if manifest is None:
        team.git("rm", "--quiet", MANIFEST)
    else:
        team.write(MANIFEST, manifest)
    team.edit("docs/guide.md", "Line 2 of the guide.\n", "Line 2 is ours.\n")
    team.commit()
    moved(team, code=team.upgrade("--preview").code)
    expected = make(tmp_path / "new/churn", "--level", 2)
    for name in (PROJECT, MANIFEST):
        assert team.read(name) == expected.read(name)
    assert "Line 2 is ours." in team.read("docs/guide.md")


def test_an_answer_that_the_team_has_changed_is_carried_into_the_files(team: Team, tmp_path: Path) -> None:
    team.edit(PROJECT, 'project_name: "Churn"', 'project_name: "Who leaves"')
    team.edit("README.md", "Ask somebody.", "Ask Ada.")
    team.commit()
    assert team.status()["update_waits"]
    data = moved(team, verb="update")
    assert data["commit_message"] == f"Update the templates of {__version__}"
    assert team.read("README.md").startswith("# Who leaves\n")
    assert "Ask Ada." in team.read("README.md")
    expected = make(tmp_path / "new/churn", "-d", "project_name=Who leaves")
    assert team.read(MANIFEST) == expected.read(MANIFEST)


def test_an_answer_given_on_the_command_line_is_carried_into_the_files(team: Team) -> None:
    data = moved(team, "-d", "project_name=Who leaves")
    assert data["conflicts"] == []
    assert team.read("README.md").startswith("# Who leaves\n")
    assert 'project_name: "Who leaves"' in team.read(PROJECT)


# Questions


def test_a_new_question_takes_its_default_or_the_answer_given_and_keeps_it(team: Team, tmp_path: Path) -> None:
    for days, words in ((30, []), (7, ["-d", "review_days=7"])):
        one = copy_of(team, tmp_path / f"{days}")
        assert one.upgrade("--to", 3, *words).code == 0
        assert f"Level 3 is in, for {days} days." in one.read("README.md")
        one.commit()
        assert one.upgrade().code == 0
        assert f"review_days: {days}\n" in one.read(PROJECT)
        assert f"Level 3 is in, for {days} days." in one.read("README.md")
    assert "review_days" not in team.read(PROJECT)


def test_without_a_terminal_nobody_is_asked(team: Team) -> None:
    assert command("upgrade", team.path, "--no-lock", "--to", 3).code == 0
    assert "review_days: 30\n" in team.read(PROJECT)


@pytest.fixture(scope="module")
def site(small_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package with the small templates, for a process of its own."""
    return repositories.package_with(small_root, tmp_path_factory.mktemp("site"))


def on_terminal(site: Path, *words: str) -> "pexpect.spawn[str]":
    return pexpect.spawn(
        sys.executable,
        ["-m", "mlops_scaffold", *words],
        env={**os.environ, "TERM": "xterm", "PYTHONPATH": str(site)},
        encoding="utf-8",
        timeout=30,
        dimensions=(50, 200),
    )


def test_on_a_terminal_the_new_question_is_asked_and_no_other(team: Team, site: Path) -> None:
    child = on_terminal(site, "upgrade", str(team.path), "--no-lock", "--to", "3")
    child.expect("How many days until somebody looks again")
    assert "project_name" not in str(child.before)
    child.send("\b\b7\r")
    child.expect("Everything is staged")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "review_days: 7\n" in team.read(PROJECT)


def test_ctrl_c_at_the_question_changes_nothing(team: Team, site: Path) -> None:
    before = snapshot(team.path)
    child = on_terminal(site, "upgrade", str(team.path), "--no-lock", "--to", "3")
    child.expect("How many days")
    child.send("\x03")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert_same(before, snapshot(team.path))


def test_on_a_terminal_defaults_and_answers_on_the_command_line_ask_nothing(team: Team, site: Path) -> None:
    for words, days in ((["--defaults"], 30), (["-d", "review_days=9"], 9)):
        child = on_terminal(site, "upgrade", str(team.path), "--no-lock", "--to", "3", *words)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
        assert f"review_days: {days}\n" in team.read(PROJECT)
        assert team.abort().code == 0


def test_a_choice_that_is_not_offered_any_more_must_be_replaced(templates_to: Path, tmp_path: Path) -> None:
    team = make(tmp_path / "churn", "-d", "platform=bare")
    questions = templates_to / "copier.yml"
    questions.write_text(questions.read_text().replace("choices: [compose, bare]", "choices: [compose]"))
    done = team.upgrade()
    assert done.code == 2
    assert "bare is not a choice for platform. Choose one of: compose." in done.err
    assert "-d" in done.err
    assert moved(team, "-d", "platform=compose")["guessed_base"] == []
    assert 'platform: "compose"' in team.read(PROJECT)


# The lock


@pytest.fixture
def locked(team: Team, monkeypatch: pytest.MonkeyPatch) -> Team:
    """A repository whose dependencies (none) are locked; uv needs no network for it."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_PYTHON", sys.executable)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    uv_in(team, "lock")
    team.commit("Lock")
    return team


def uv_in(team: Team, *words: str) -> subprocess.CompletedProcess[str]:
    found = shutil.which("uv")
    assert found is not None
    return subprocess.run([found, *words], cwd=team.path, capture_output=True, text=True, check=True)


def upgrade_with_lock(team: Team, *words: object) -> Done:
    return command("upgrade", team.path, "--defaults", *words)


def test_a_tracked_lock_is_made_again_and_staged(locked: Team) -> None:
    before = snapshot(locked.path)
    shown = upgrade_with_lock(locked, "--preview")
    assert "uv.lock is made again by uv" in shown.out
    assert_same(before, snapshot(locked.path))
    done = upgrade_with_lock(locked, "--json")
    assert (done.code, done.data["locks_dependencies"], done.data["notes"]) == (0, True, [])
    assert "M  uv.lock" in locked.changes()
    assert 'version = "2.0.0"' in locked.git("show", ":uv.lock")
    uv_in(locked, "lock", "--check")
    old = before["uv.lock"]
    assert locked.abort().code == 0
    assert contents(locked.path)["uv.lock"] == old
    assert locked.changes() == []


@pytest.mark.parametrize("ignored", [False, True])
def test_a_lock_that_the_team_keeps_out_of_git_is_made_again_and_stays_out(locked: Team, ignored: bool) -> None:
    locked.git("rm", "--quiet", "--cached", "uv.lock")
    if ignored:
        locked.write(".gitignore", "uv.lock\n")
        locked.git("add", ".gitignore")
    locked.git("commit", "--quiet", "--message", "No lock")
    old = (locked.path / "uv.lock").read_bytes()
    done = upgrade_with_lock(locked, "--json")
    assert (done.code, done.err) == (0, "")
    assert 'version = "2.0.0"' in locked.read("uv.lock")
    assert "uv.lock" not in locked.git("ls-files")
    assert locked.abort().code == 0
    assert (locked.path / "uv.lock").read_bytes() == old


def test_a_repository_without_a_lock_gets_none(team: Team) -> None:
    done = upgrade_with_lock(team, "--json")
    assert (done.code, done.data["locks_dependencies"]) == (0, False)
    assert not (team.path / "uv.lock").exists()


@pytest.mark.parametrize("said", ["error: Failed to fetch: https://pypi.org/simple/", "error: No solution found"])
def test_when_uv_can_not_lock_everything_else_stays_and_a_note_says_so(
    locked: Team, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = repositories.put(tmp_path / "bin/uv", f"#!/bin/sh\necho '{said}' >&2\nexit 2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    old = (locked.path / "uv.lock").read_bytes()
    done = upgrade_with_lock(locked, "--json")
    assert done.code == 0
    (note,) = done.data["notes"]
    assert note.startswith("The dependencies are not locked: ")
    assert "`uv lock`" in note
    assert (locked.path / "uv.lock").read_bytes() == old
    assert "A  jobs/train.py" in locked.changes()
    assert "uv.lock" not in "".join(locked.changes())
    assert locked.abort().code == 0


def test_without_uv_everything_else_stays_and_a_note_says_so(
    locked: Team, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing but git is on the PATH."""
    found = shutil.which("git")
    assert found is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path / "bin"))
    old = (locked.path / "uv.lock").read_bytes()
    done = upgrade_with_lock(locked, "--json")
    assert (done.code, (locked.path / "uv.lock").read_bytes()) == (0, old)
    (note,) = done.data["notes"]
    assert "uv was not found" in note
    assert "A  jobs/train.py" in locked.changes()


def test_a_lock_with_uncommitted_changes_is_refused(locked: Team) -> None:
    locked.write("uv.lock", locked.read("uv.lock") + "# Ours.\n")
    before = snapshot(locked.path)
    done = upgrade_with_lock(locked)
    assert done.code == 3
    assert "Not committed: uv.lock." in done.err
    assert_same(before, snapshot(locked.path))
    assert locked.upgrade().code == 0


def test_with_conflicts_elsewhere_the_lock_waits_for_the_person(locked: Team) -> None:
    locked.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    locked.commit()
    old = (locked.path / "uv.lock").read_bytes()
    done = upgrade_with_lock(locked)
    assert (done.code, locked.stages()) == (1, {"docs/guide.md": "123"})
    assert 'version = "2.0.0"' in locked.read("pyproject.toml")
    assert (locked.path / "uv.lock").read_bytes() == old
    assert "uv lock && git add uv.lock" in done.out


def test_a_lock_is_never_in_conflict(locked: Team) -> None:
    """The team has edited it, and the files around it are in conflict."""
    locked.write("uv.lock", locked.read("uv.lock") + "# Ours.\n")
    locked.edit("pyproject.toml", 'version = "1.0.0"', 'version = "1.5.0"')
    locked.commit()
    done = upgrade_with_lock(locked)
    assert done.code == 1
    assert locked.stages() == {"pyproject.toml": "123"}
    assert "uv lock && git add uv.lock" in done.out
    locked.git("checkout", "--theirs", "pyproject.toml")
    locked.git("add", "pyproject.toml")
    uv_in(locked, "lock")
    locked.git("add", "uv.lock")
    locked.git("commit", "--quiet")
    uv_in(locked, "lock", "--check")


# Taking it back


def test_abort_brings_back_what_was_there_and_leaves_other_work_alone(team: Team) -> None:
    team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    team.commit()
    team.edit("src/churn/model.py", "1", "2")
    team.edit("docs/plan.md", "Plan one.", "Plan one, not committed.")
    team.write("scratch/notes.md", "Not tracked.\n")
    team.write("jobs/later.py", "# Not tracked, where the upgrade adds files.\n")
    (team.path / "jobs/empty/inner").mkdir(parents=True)
    (team.path / "docs/guide.md").chmod(0o600)
    (team.path / "notes").chmod(0o700)
    before = {path: facts for path, facts in snapshot(team.path).items() if path != ".git/index"}
    changes, index = team.changes(), team.git("ls-files", "--stage", "-v")
    assert team.upgrade().code == 1
    assert team.read("docs/plan.md").startswith("Plan one, not committed.")
    resolved = team.read("docs/guide.md")
    team.write("docs/guide.md", "Half resolved.\n" + resolved)
    team.git("add", "docs/guide.md")
    done = team.abort()
    assert (done.code, done.err) == (0, "")
    assert "Taken back: Move to level 2 of MLOps maturity." in done.out
    after = {path: facts for path, facts in snapshot(team.path).items() if path != ".git/index"}
    assert_same(before, after)
    assert (team.changes(), team.git("ls-files", "--stage", "-v")) == (changes, index)
    assert team.abort().code == 3


def test_abort_of_a_clean_upgrade_with_other_work_in_the_tree(team: Team) -> None:
    team.edit("docs/plan.md", "Plan one.", "Plan one, not committed.")
    team.write("scratch.md", "Not tracked.\n")
    changes = team.changes()
    before = contents(team.path)
    assert team.upgrade().code == 0
    team.edit("src/churn/model.py", "1", "2")
    assert team.abort().code == 0
    team.edit("src/churn/model.py", "2", "1")
    assert (contents(team.path), team.changes()) == (before, changes)


def test_abort_makes_a_directory_again_that_the_templates_have_dropped(team: Team, templates_to: Path) -> None:
    for folder in templates_to.glob("level*/project/notes"):
        shutil.rmtree(folder)
    (team.path / "notes").chmod(0o777)
    before = snapshot(team.path)
    assert team.update().code == 0
    assert not (team.path / "notes").exists()
    assert team.abort().code == 0
    after = snapshot(team.path)
    assert_same({**before, ".git/index": after[".git/index"]}, after)


@pytest.mark.parametrize("what", ["edited", "edited and staged", "staged", "added and staged"])
def test_abort_refuses_what_would_lose_work_that_was_done_since(team: Team, what: str) -> None:
    assert team.upgrade().code == 0
    name = "docs/plan.md" if what == "staged" else "new.md" if what == "added and staged" else "jobs/train.py"
    team.write(name, "Since then.\n")
    if "staged" in what:
        team.git("add", name)
    team.git("config", "diff.orderFile", "/nowhere")
    before = snapshot(team.path)
    done = team.abort()
    assert done.code == 3
    assert name in done.err
    assert "would lose" in done.err
    assert_same(before, snapshot(team.path))


def test_abort_after_the_commit_says_revert(team: Team) -> None:
    assert team.upgrade().code == 0
    team.git("commit", "--quiet", "--message", "Up")
    before = contents(team.path)
    done = team.abort()
    assert done.code == 3
    assert "`git revert`" in done.err
    assert contents(team.path) == before


def test_abort_with_nothing_to_take_back(team: Team, tmp_path: Path) -> None:
    assert (team.abort().code, "no upgrade to take back" in team.abort().err) == (3, True)
    (tmp_path / "empty").mkdir()
    done = command("upgrade", tmp_path / "empty", "--abort")
    assert done.code == 3


@pytest.mark.parametrize(
    ("end", "conflict"),
    # Without a conflict git sees no cherry-pick.
    [*product(["reset", "stash", "commit", "restore"], [False, True]), ("cherry-pick", True)],
)
def test_an_upgrade_that_the_team_has_ended_by_git_is_no_obstacle(team: Team, end: str, conflict: bool) -> None:
    if conflict:
        team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
        team.commit()
    assert team.upgrade().code == int(conflict)
    if end == "reset":
        team.git("reset", "--quiet", "--hard")
    elif end == "cherry-pick":
        team.git("cherry-pick", "--abort")
    elif end == "restore":
        team.git("restore", "--staged", "--worktree", ".")
        team.git("cherry-pick", "--quit")
        team.git("clean", "--quiet", "--force", "-d")
    else:
        team.git("add", "--all")
        team.git("stash", "--quiet") if end == "stash" else team.git("commit", "--quiet", "--message", "Up")
        team.git("cherry-pick", "--quit")
    assert team.status()["unfinished_upgrade"] is None
    assert team.abort().code == 3
    done = team.upgrade()
    assert done.code == (0 if end == "commit" else int(conflict)), done.err
    assert team.status()["level"] == (3 if end == "commit" else 2)
    if end == "stash":
        assert team.abort().code == 0
        team.git("stash", "pop", "--quiet", "--index")
        assert "A  jobs/train.py" in team.changes()


# What it says and how it ends


def test_a_clean_upgrade_says_how_to_go_on_and_git_proposes_its_message(team: Team) -> None:
    head = team.git("rev-parse", "HEAD")
    done = team.upgrade()
    assert done.code == 0
    for text in (
        "Everything is staged, nothing is committed.",
        "git commit -m",
        "--abort",
        "run 2",
        "What level 2 asks.",
    ):
        assert text in done.out
    assert team.git("rev-parse", "HEAD") == head
    team.git("commit", "--quiet")
    assert team.git("log", "-1", "--format=%B").strip() == "Move to level 2 of MLOps maturity"
    assert team.git("log", "-1", "--format=%an").strip() == "Ada Lovelace"
    assert team.status()["unfinished_upgrade"] is None


def test_after_a_conflict_it_says_which_files_and_how_to_finish(team: Team) -> None:
    team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    team.commit()
    done = team.upgrade()
    assert done.code == 1
    for text in (
        "1 in conflict",
        "docs/guide.md",
        "git mergetool",
        "git add -- docs/guide.md",
        "git commit",
        "--abort",
    ):
        assert text in done.out
    assert "<<<<<<<" not in done.out


@pytest.mark.parametrize("words", [[], ["--json"], ["--preview"], ["--preview", "--json"]])
def test_nothing_to_do(small: Path, words: list[str], tmp_path: Path) -> None:
    assert small.is_dir()
    team = make(tmp_path / "churn", "--level", 4)
    before = snapshot(team.path, objects=True)
    for done in (team.upgrade(*words), team.update(*words), team.upgrade("--to", 4, *words)):
        assert (done.code, done.err) == (0, "")
        if "--json" in words:
            assert done.data["nothing_to_do"]
            assert not done.data["applied"]
        else:
            assert "othing to do" in done.out
    assert_same(before, snapshot(team.path, objects=True))


SHAPE = {
    "project", "from", "to", "nothing_to_do", "applied", "files", "conflicts", "kept_deletions", "followed",
    "unreadable", "guessed_base", "dropped_state_lines", "locks_dependencies", "newer_kit", "refusals", "notes",
    "commit_message", "levels",
}  # fmt: skip


def test_the_json_has_the_same_names_everywhere(team: Team) -> None:
    assert set(team.update("--json").data) == SHAPE
    assert set(told(team)) == SHAPE
    data = team.upgrade("--json", "--to", 3).data
    assert set(data) == SHAPE
    assert set(data["files"]) == {"added", "changed", "removed"}
    assert set(data["files"]["added"][0]) == {"path", "plus", "minus", "merged"}
    assert [level["level"] for level in data["levels"]] == [2, 3]
    assert set(data["levels"][0]) == {"level", "name", "adds", "asks", "success", "first"}
    assert (data["from"]["level"], data["to"]["level"], data["applied"]) == (1, 3, True)


def test_the_real_command_ends_with_the_same_codes_and_words(team: Team, site: Path, run: Run) -> None:
    """What the tests in one process rely on."""
    team.edit("docs/guide.md", TEN, "Line 10 is ours.\n")
    team.commit()
    env = {**os.environ, "PYTHONPATH": str(site)}
    for words in (["--preview"], ["--preview", "--json"], ["--to", "0"], ["-d", "nobody=1"], []):
        done = run("upgrade", team.path, "--defaults", "--no-lock", *words, env=env)
        if not words:
            team.abort()
        here = team.upgrade(*words)
        assert (done.returncode, done.stdout, done.stderr) == (here.code, here.out, here.err)
    assert run("upgrade", team.path, "--no-lock", env=env).returncode == 3
    assert run("update", cwd=team.path, env=env).returncode == 0
    assert run("upgrade", "--abort", cwd=team.path / "docs", env=env).returncode == 0
    assert run("status", cwd=team.path / "docs", env=env).stdout == command("status", team.path).out
