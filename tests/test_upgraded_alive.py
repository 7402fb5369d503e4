"""A repository that a team has worked in, moved up a level: its own checks are green, and its tasks work."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import team_edits
from service import FLIGHT, get, post, served, started
from support import LEVELS, OUTSIDE, TASKS, assert_own_checks_are_green, git_status, make, run_in
from workflows.tools import git
from workflows.validators import VALIDATORS

from mlops_scaffold.project import PROJECT

UPGRADES = {f"{task} to level {level}": (task, level) for level, task in zip(LEVELS[1:], TASKS, strict=True)}
"""To each level from the one below, the tasks taking turns: `test_upgrade.py` compares the files for each of both."""

FULL = {name: upgrade for name, upgrade in UPGRADES.items() if upgrade[1] == LEVELS[-1]}
"""Those whose own checks are run; `test_level2.py` and `workflows/test_ci.py` run what is left of the levels below."""

OTHER = {"classification": "params.C=0.01", "regression": "params.alpha=50.0"}


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A repository after its upgrade.

    Attributes:
        project: Where it is.
        task: What its model does.
        level: Its level now.
        report: What `upgrade --json` said.
        staged: What git had to commit then.
        before: Its files before the upgrade, by path.
        after: Those afterwards.
        state: What git ignores of the team's (data and models), by path: content, mode and time, before and afterwards.
    """

    project: Path
    task: str
    level: int
    report: Mapping[str, Any]
    staged: str
    before: Mapping[str, tuple[int, bytes]]
    after: Mapping[str, tuple[int, bytes]]
    state: tuple[Mapping[str, object], Mapping[str, object]]


@pytest.fixture(scope="module")
def moved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Moved:
    """A team works at the level below, collects, trains, moves up and commits."""
    task, level = request.param
    project = make(tmp_path_factory.mktemp("moved") / "flight-delays", task, level - 1)
    team_edits.work(project)
    run_in(project, "run", "poe", "collect")
    run_in(project, "run", "poe", "train")
    before, state = tracked(project), ignored(project)
    report = json.loads(scaffold("upgrade", str(project), "--defaults", "--json"))
    staged, state_after = git_status(project), ignored(project)
    git(project, "commit", "--quiet", "--no-edit")
    after = tracked(project)
    run_in(project, "sync", "--quiet", "--locked")
    return Moved(
        project=project,
        task=task,
        level=level,
        report=report,
        staged=staged,
        before=before,
        after=after,
        state=(state, state_after),
    )


upgraded = pytest.mark.parametrize("moved", UPGRADES.values(), ids=UPGRADES, indirect=True, scope="module")
once = pytest.mark.parametrize("moved", FULL.values(), ids=FULL, indirect=True, scope="module")


@upgraded
def test_all_is_merged_and_staged_and_nothing_waits_for_a_person(moved: Moved) -> None:
    assert moved.report["conflicts"] == moved.report["refusals"] == moved.report["notes"] == []
    assert moved.report["guessed_base"] == []
    assert moved.report["kept_deletions"] == list(team_edits.DELETED)
    assert moved.report["locks_dependencies"]
    assert {line[1] for line in moved.staged.splitlines()} == {" "}
    assert moved.report["commit_message"] in git(moved.project, "log", "--format=%s").splitlines()


@upgraded
def test_what_the_team_changed_is_there_line_by_line_and_nothing_else_differs(moved: Moved, tmp_path: Path) -> None:
    """The team's difference from what `new` gives at the level below is its difference from what it gives now."""
    below, here = (given(tmp_path / str(level), moved.task, level) for level in (moved.level - 1, moved.level))
    assert difference(here, moved.after) == difference(below, moved.before)
    assert not moved.after.keys() & {*team_edits.DELETED, *team_edits.RENAMED}
    package = {path for path in moved.before if path.startswith("src/")}
    assert "src/flight_delays/inputs.py" in package
    assert {path for path in moved.after if path.startswith("src/")} == package
    for path in {*package, *team_edits.OWN}:
        assert moved.after[path] == moved.before[path]


@upgraded
def test_collected_data_and_trained_models_are_untouched(moved: Moved) -> None:
    before, after = moved.state
    assert "state/data/manifest.json" in before
    assert before == after


@upgraded
def test_status_names_the_level_and_the_files_that_the_team_has_made_its_own(moved: Moved) -> None:
    found = json.loads(scaffold("status", str(moved.project), "--json"))
    assert (found["level"], found["unfinished_upgrade"], found["update_waits"]) == (moved.level, None, False)
    assert set(found["edited"]) == set(team_edits.EDITED)
    assert found["deleted"] == list(team_edits.DELETED)
    assert found["renamed"] == team_edits.RENAMED
    assert "Nothing is left to do." in scaffold("status", str(moved.project))


@once
@pytest.mark.parametrize("name", VALIDATORS)
def test_the_validators_find_nothing(name: str, moved: Moved, tmp_path: Path) -> None:
    """In the merged workflows, image and settings, the team's own included."""
    git(moved.project, "clone", "--quiet", str(moved.project), str(tmp_path / "clone"))
    assert VALIDATORS[name](tmp_path / "clone") == ""


@upgraded
def test_its_tasks_work(moved: Moved) -> None:
    DRILLS[moved.level](moved.project, moved.task)
    assert git_status(moved.project) == ""


@once
def test_its_own_checks_are_green(moved: Moved) -> None:
    run_in(moved.project, "run", "poe", "spell")
    assert_own_checks_are_green(moved.project)


def drill_of_level_2(project: Path, task: str) -> None:
    """Collect, train twice, compare, release, reproduce, and ask the service."""

    def poe(*words: str) -> str:
        output = run_in(project, "run", "poe", *words)
        assert not re.search("Traceback|Warning", output), output
        return output

    stored = json.loads((project / "state/data/manifest.json").read_text())["parts"]
    poe("collect")
    parts = json.loads((project / "state/data/manifest.json").read_text())["parts"]
    assert parts[: len(stored)] == stored
    assert len(parts) > len(stored)
    first = poe("train")
    assert "### Version 1 of flight-delays" in first
    assert re.search(r"The model passed \d+ tests", first)
    other = re.search(r"\| Run \| `(\w+)`", poe("train", "--no-register", "--set", OTHER[task]))
    assert other is not None
    assert OTHER[task].partition("=")[0] in poe("compare", "1", other[1])
    assert "Version 1 is released" in poe("release-model", "1")
    assert "identical metrics" in poe("reproduce", "1")
    with served(project) as url:
        assert get(f"{url}/version")["model"]["version"] == "1"
        holiday, workday = (FLIGHT | {"scheduled_departure": f"2013-07-0{day}T17:45:00"} for day in (4, 3))
        answers = post(f"{url}/score", {"instances": [holiday, workday]})["predictions"]
    assert answers[0] != answers[1], "the team's own feature is not seen"


def drill_of_level_3(project: Path, _: str) -> None:
    """Bring a version into production by all stages, and trace it; `test_level3.py` does what follows."""

    def poe(*words: str, **environment: str) -> str:
        output = run_in(project, "run", "poe", *words, **environment)
        assert not re.search("Traceback|Warning", output), output
        return output

    with quick(project), started(project, POLL_SECONDS="0.3") as url:
        poe("collect")
        poe("train")
        poe("gate")
        poe("test-release", "candidate")
        assert "not deployed" in poe("deploy", "candidate", "--to", "test")
        poe("deploy", "candidate", "--to", "production", SERVICE_URL=url)
        # Version 1 is the one that the team trained before the upgrade.
        assert get(f"{url}/version")["model"]["version"] == "2"
        assert "ersion 2" in poe("trace", url)
        holiday, workday = (FLIGHT | {"scheduled_departure": f"2013-07-0{day}T17:45:00"} for day in (4, 3))
        answers = post(f"{url}/score", {"instances": [holiday, workday]})["predictions"]
        assert answers[0]["prediction"] != answers[1]["prediction"], "the team's own feature is not seen"
        assert "released" in poe("releases")


@contextmanager
def quick(project: Path) -> Iterator[None]:
    """A branch with few unit tests, as all are run for each version, and with a load test of seconds."""
    git(project, "switch", "--quiet", "--create", "quick")
    try:
        kept = ("tests/model/", "tests/integration/", "tests/unit/test_days.py")
        team_edits.be_quick(project, kept, ("seconds = 10.0", "seconds = 2.0"))
        yield
    finally:
        git(project, "switch", "--quiet", "--force", "main")


DRILLS = {2: drill_of_level_2, 3: drill_of_level_3}
"""What a team does with a repository of each level."""


def scaffold(*words: str) -> str:
    """Run the command and return what it printed."""
    words = (sys.executable, "-m", "mlops_scaffold", *words)
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def given(path: Path, task: str, level: int) -> dict[str, tuple[int, bytes]]:
    """The files that `new` gives the same team at a level."""
    project = path / "flight-delays"
    words = ("--defaults", "--no-lock", "--level", str(level), "-d", f"task={task}")
    scaffold("new", str(project), *words)
    return tracked(project)


def tracked(project: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of the files that git has, by path."""
    paths = git(project, "ls-files", "-z").split("\0")[:-1]
    return {path: ((file := project / path).stat().st_mode, file.read_bytes()) for path in paths}


def ignored(project: Path) -> dict[str, object]:
    """The files in `state/` by path, so that the least touch is seen."""
    files = (path for path in (project / "state").rglob("*") if path.is_file())
    return {
        path.relative_to(project).as_posix(): (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns)
        for path in files
    }


def difference(
    old: Mapping[str, tuple[int, bytes]], new: Mapping[str, tuple[int, bytes]]
) -> dict[str, tuple[Counter[bytes], Counter[bytes]]]:
    """The lines that only the new files have and those that only the old ones have, by the old path."""
    names = {there: here for here, there in team_edits.RENAMED.items()}
    now = {names.get(path, path): content for path, (_, content) in new.items()}
    found = {}
    for path in {*old, *now} - {*OUTSIDE, PROJECT, *team_edits.DELETED}:
        before = Counter(old[path][1].splitlines() if path in old else [])
        after = Counter(now.get(path, b"").splitlines())
        if before != after:
            found[path] = (after - before, before - after)
    return found
