"""Repositories that an earlier release made, moved by a later one: offline, exactly, with what the team did to them."""

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import test_level2
import yaml
from kit_team import HARBOUR
from releases import DROPPED, VERSIONS, build, install, make_releases, run_from
from support import files_in
from workflows.tools import git

from mlops_scaffold.project import MANIFEST, PROJECT
from mlops_scaffold.tree import File

isolated = test_level2.isolated

OLD, MIDDLE, LATEST = VERSIONS

OWN = "notes/idea.md"
GONE = "docs/roles.md"
QUICK = "## Quick start"
OURS = "Ask Ada first.\n\n## Quick start"

Sites = Mapping[str, Path]
"""Version → where its package is; `checkout` is the source checkout at the latest."""

Command = Callable[..., subprocess.CompletedProcess[str]]
"""Runs `mlops-scaffold` of some version in a repository, without a network."""


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Sites:
    """Each release as an installed wheel, and the checkout."""
    place = tmp_path_factory.mktemp("releases")
    repository = make_releases(place / "mlops-scaffold")
    found = {"checkout": repository / "src"}
    for version in VERSIONS:
        git(place, "clone", "--quiet", f"--branch=v{version}", str(repository), f"at-{version}")
        wheel = build(place / f"at-{version}", place / f"dist-{version}", "--wheel").wheel
        found[version] = install(wheel, place / f"site-{version}")
    return found


@pytest.fixture(params=[LATEST, "checkout"])
def later(sites: Sites, request: pytest.FixtureRequest) -> Path:
    """The latest version: its wheel, then its source checkout."""
    return sites[request.param]


@pytest.fixture
def command(isolated: list[str]) -> Command:
    """What runs a command; the exit code it must have is `code`."""

    def run(site: Path, project: Path, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = run_from(site, "-m", "mlops_scaffold", *words, cwd=project, before=tuple(isolated))
        assert code in (None, done.returncode), f"{done.stdout}\n{done.stderr}"
        return done

    return run


def new(site: Path, path: Path, *options: str) -> Path:
    """A repository as `new` writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    words = ["-m", "mlops_scaffold", "new", path.name, "--defaults", "-d", "project_name=Churn model", "--no-lock"]
    done = run_from(site, *words, *options, cwd=path.parent)
    assert done.returncode == 0, done.stderr
    return path


def lived_in(site: Path, path: Path, *options: str) -> Path:
    """A repository that was edited before its first commit, so that no object of it holds the pristine files."""
    return commit_edited(new(site, path, "--no-git", *options))


def commit_edited(path: Path) -> Path:
    """Edit files, then make a repository of them."""
    edit(path)
    git(path, "init", "--quiet", "--initial-branch=main")
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--message", "Start")
    return path


def recorded(project: Path, answer: str) -> str:
    """An answer in the state of a project."""
    state = yaml.safe_load((project / PROJECT).read_text(encoding="utf-8"))
    return str(state["answers"][answer])


def edit(project: Path) -> None:
    """What a team does: a line more, a file less, a file of its own."""
    readme = project / "README.md"
    text = readme.read_text(encoding="utf-8")
    assert text.count(QUICK) == 1
    readme.write_text(text.replace(QUICK, OURS), encoding="utf-8")
    (project / GONE).unlink()
    (project / OWN).parent.mkdir()
    (project / OWN).write_text("Try gradient boosting.\n", encoding="utf-8")


def whole(project: Path) -> dict[str, File]:
    """The files, the manifest included."""
    return {**files_in(project), MANIFEST: File(content=(project / MANIFEST).read_bytes())}


def assert_moved(project: Path, pristine: Path) -> None:
    """The files that the latest version gives with the team's edits in them, all staged, and not a byte else."""
    edit(pristine)
    assert whole(project) == whole(pristine)
    changes = git(project, "status", "--porcelain").splitlines()
    assert changes
    assert [line for line in changes if line[1] != " "] == []
    readme = (project / "README.md").read_text(encoding="utf-8")
    assert OURS in readme
    assert "Often asked: " in readme
    assert not (project / GONE).exists()


def report_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    report = json.loads(done.stdout)
    assert isinstance(report, dict)
    return report


def assert_exact(report: dict[str, Any]) -> None:
    """Nothing was guessed, and the team's deletion is told."""
    assert report["guessed_base"] == []
    assert report["conflicts"] == []
    assert report["kept_deletions"] == [GONE]
    assert [change["path"] for change in report["files"]["changed"] if change["merged"]] == ["README.md"]


def test_an_update_brings_what_later_releases_changed(
    sites: Sites, later: Path, command: Command, tmp_path: Path
) -> None:
    project = lived_in(sites[OLD], tmp_path / "old/churn")
    report = report_of(command(later, project, "update", "--defaults", "--no-lock", "--json"))
    assert (report["from"]["template_version"], report["to"]["template_version"]) == (OLD, LATEST)
    assert_exact(report)
    assert_moved(project, new(later, tmp_path / "new/churn", "--no-git"))
    assert (project / "tools/hello.sh").stat().st_mode & 0o111


def test_an_upgrade_brings_the_next_level_of_a_later_release(
    sites: Sites, later: Path, command: Command, tmp_path: Path
) -> None:
    """Its new question is answered by its default, or as the team says."""
    for days in ("30", "7"):
        project = lived_in(sites[OLD], tmp_path / f"old-{days}/churn")
        words = ["--defaults", "--no-lock", "--json", *(["-d", f"review_days={days}"] if days != "30" else [])]
        assert_exact(report_of(command(later, project, "upgrade", *words)))
        pristine = new(later, tmp_path / f"new-{days}/churn", "--no-git", "--level", "2", "-d", f"review_days={days}")
        assert_moved(project, pristine)
        assert f"review_days: {days}\n" in (project / PROJECT).read_text(encoding="utf-8")


def test_an_update_at_level_2_answers_the_question_that_is_new(
    sites: Sites, later: Path, command: Command, tmp_path: Path
) -> None:
    project = lived_in(sites[OLD], tmp_path / "old/churn", "--level", "2")
    assert "review_days" not in (project / PROJECT).read_text(encoding="utf-8")
    assert_exact(report_of(command(later, project, "update", "--defaults", "--no-lock", "--json")))
    assert_moved(project, new(later, tmp_path / "new/churn", "--no-git", "--level", "2"))
    assert "review_days: 30\n" in (project / PROJECT).read_text(encoding="utf-8")


def test_a_kit_stays_on_top_of_what_later_releases_changed(
    sites: Sites, later: Path, command: Command, tmp_path: Path
) -> None:
    project = lived_in(sites[OLD], tmp_path / "old/churn", "--kit", str(HARBOUR))
    assert_exact(report_of(command(later, project, "update", "--defaults", "--no-lock", "--json")))
    assert_moved(project, new(later, tmp_path / "new/churn", "--no-git", "--kit", str(HARBOUR)))
    assert "## At Harbour" in (project / "README.md").read_text(encoding="utf-8")


def test_a_project_that_copier_made_of_an_exported_template_is_updated_too(
    sites: Sites, later: Path, command: Command, tmp_path: Path
) -> None:
    """It has no manifest, so its word is taken for the version that it was made by."""
    words = ["-m", "mlops_scaffold", "template", "template", "--level", "1"]
    assert run_from(sites[OLD], *words, cwd=tmp_path).returncode == 0
    project = tmp_path / "old/churn"
    answers = ["--defaults", "--quiet", "--data", "project_name=Churn model"]
    done = run_from(sites[OLD], "-m", "copier", "copy", *answers, "template", str(project), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    commit_edited(project)
    report = report_of(command(later, project, "update", "--defaults", "--no-lock", "--json"))
    assert_exact(report)
    # `new` takes the author from git, which Copier does not ask.
    own = [word for key in ("author_name", "author_email") for word in ("-d", f"{key}={recorded(project, key)}")]
    assert_moved(project, new(later, tmp_path / "new/churn", "--no-git", *own))


def test_two_updates_give_what_one_gives(sites: Sites, command: Command, tmp_path: Path) -> None:
    """Each is committed by the team, without an object of the pristine files ever being in the repository."""
    at_once = lived_in(sites[OLD], tmp_path / "one/churn")
    command(sites[LATEST], at_once, "update", "--defaults", "--no-lock")
    in_steps = lived_in(sites[OLD], tmp_path / "two/churn")
    for version in (MIDDLE, LATEST):
        report = report_of(command(sites[version], in_steps, "update", "--defaults", "--no-lock", "--json"))
        assert (report["guessed_base"], report["conflicts"]) == ([], [])
        git(in_steps, "commit", "--quiet", "--message", f"Templates {version}")
    assert whole(in_steps) == whole(at_once)


def test_a_file_that_a_release_no_longer_has_goes_unless_the_team_has_edited_it(
    sites: Sites, command: Command, tmp_path: Path
) -> None:
    """The middle release has two files that the latest one lacks."""
    project = new(sites[MIDDLE], tmp_path / "churn")
    kept, gone = (project / name for name in DROPPED)
    kept.write_text(kept.read_text(encoding="utf-8") + "Ours.\n", encoding="utf-8")
    git(project, "commit", "--quiet", "--all", "--message", "Edit")
    report = report_of(command(sites[LATEST], project, "update", "--defaults", "--no-lock", "--json", code=1))
    assert [conflict["path"] for conflict in report["conflicts"]] == [DROPPED[0]]
    assert "Ours." in kept.read_text(encoding="utf-8")
    assert not gone.exists()


def test_status_tells_of_an_update_and_of_its_end(sites: Sites, later: Path, command: Command, tmp_path: Path) -> None:
    project = lived_in(sites[OLD], tmp_path / "churn")
    before = report_of(command(later, project, "status", "--json"))
    assert (before["template_version"], before["installed_version"], before["update_waits"]) == (OLD, LATEST, True)
    assert (before["edited"], before["deleted"]) == (["README.md"], [GONE])
    command(later, project, "update", "--defaults", "--no-lock")
    assert report_of(command(later, project, "status", "--json"))["unfinished_upgrade"]["phase"] == "applied"
    git(project, "commit", "--quiet", "--message", "Update")
    after = report_of(command(later, project, "status", "--json"))
    assert (after["template_version"], after["update_waits"], after["unfinished_upgrade"]) == (LATEST, False, None)
    assert (after["edited"], after["deleted"]) == (["README.md"], [GONE])
    again = report_of(command(later, project, "update", "--defaults", "--no-lock", "--json"))
    assert again["nothing_to_do"]


@pytest.mark.parametrize("verb", ["update", "upgrade"])
def test_a_repository_of_a_newer_release_is_refused(sites: Sites, command: Command, verb: str, tmp_path: Path) -> None:
    project = lived_in(sites[LATEST], tmp_path / "churn")
    before = whole(project)
    done = command(sites[OLD], project, verb, "--defaults", "--no-lock", code=3)
    assert LATEST in done.stderr
    assert OLD in done.stderr
    assert "Install" in done.stderr
    assert "Traceback" not in done.stderr
    assert whole(project) == before
    assert git(project, "status", "--porcelain") == ""
    assert report_of(command(sites[OLD], project, "status", "--json"))["made_by_newer_version"]


def test_without_the_old_templates_a_guess_is_announced(sites: Sites, command: Command, tmp_path: Path) -> None:
    """What the tests above rely on: nothing but the history gives the old files of such a repository."""
    shutil.copytree(sites[LATEST], tmp_path / "site")
    (tmp_path / "site/mlops_scaffold/history.bundle").unlink()
    project = lived_in(sites[OLD], tmp_path / "old/churn")
    report = report_of(command(tmp_path / "site", project, "update", "--defaults", "--preview", "--json", code=None))
    assert "README.md" in report["guessed_base"]


def test_a_damaged_history_is_refused_and_nothing_moves(sites: Sites, command: Command, tmp_path: Path) -> None:
    shutil.copytree(sites[LATEST], tmp_path / "site")
    (tmp_path / "site/mlops_scaffold/history.bundle").write_bytes(b"# v2 git bundle\n")
    project = lived_in(sites[OLD], tmp_path / "old/churn")
    before = whole(project)
    done = command(tmp_path / "site", project, "update", "--defaults", "--no-lock", code=3)
    assert "Install mlops-scaffold again." in done.stderr
    assert whole(project) == before
    assert git(project, "status", "--porcelain") == ""


@pytest.mark.parametrize("version", ["../../x", "--help", "0.1.0^{}", "9.9.9; rm -rf ."])
def test_a_version_that_somebody_has_written_into_the_state_is_no_way_in(
    sites: Sites, later: Path, command: Command, version: str, tmp_path: Path
) -> None:
    project = lived_in(sites[OLD], tmp_path / "churn")
    state = project / PROJECT
    text = state.read_text(encoding="utf-8").replace(f'"{OLD}"', json.dumps(version))
    state.write_text(text, encoding="utf-8")
    git(project, "commit", "--quiet", "--all", "--message", "Odd")
    done = command(later, project, "update", "--defaults", "--no-lock", "--preview", "--json", code=None)
    assert done.returncode in (0, 1, 3), done.stderr
    assert "Traceback" not in done.stderr
    assert git(project, "status", "--porcelain") == ""
