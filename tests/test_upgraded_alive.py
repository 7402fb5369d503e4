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
from support import (
    LEVELS,
    OUTSIDE,
    answers_for,
    assert_own_checks_are_green,
    assert_tests_pass,
    free_port,
    git_status,
    install,
    make,
    run_in,
)
from traffic import Traffic, flights
from workflows.tools import git
from workflows.validators import VALIDATORS

from mlops_scaffold.project import PROJECT
from mlops_scaffold.render import render
from mlops_scaffold.templates import built_in

TASK = "regression"
"""What its model does; `test_upgrade.py` compares the files for each task, and the tests of levels use the other."""

OTHER, SIMPLE = "params.alpha=50.0", "params.alpha=10000000.0"


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A repository after its upgrade.

    Attributes:
        project: Where it is.
        level: Its level now.
        report: What `upgrade --json` said.
        staged: What git had to commit then.
        before: Its files before the upgrade, by path.
        after: Those afterwards.
        state: What git ignores of the team's (data and models), by path: content, mode and time, before and afterwards.
    """

    project: Path
    level: int
    report: Mapping[str, Any]
    staged: str
    before: Mapping[str, tuple[int, bytes]]
    after: Mapping[str, tuple[int, bytes]]
    state: tuple[Mapping[str, object], Mapping[str, object]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of level 1 in which a team works, collects and trains."""
    project = make(tmp_path_factory.mktemp("moved") / "flight-delays", TASK)
    team_edits.work(project)
    run_in(project, "run", "poe", "collect")
    run_in(project, "run", "poe", "train")
    return project


@pytest.fixture(scope="module")
def moved(request: pytest.FixtureRequest, project: Path) -> Moved:
    """The same repository moves up to a level, with all that the team has done at those below, and is committed."""
    level = request.param
    before, state = tracked(project), ignored(project)
    report = json.loads(scaffold("upgrade", str(project), "--to", str(level), "--defaults", "--json"))
    staged, state_after = git_status(project), ignored(project)
    git(project, "commit", "--quiet", "--no-edit")
    after = tracked(project)
    install(project)
    return Moved(
        project=project,
        level=level,
        report=report,
        staged=staged,
        before=before,
        after=after,
        state=(state, state_after),
    )


upgraded = pytest.mark.parametrize("moved", LEVELS[1:], ids="level {}".format, indirect=True, scope="module")
finally_ = pytest.mark.parametrize("moved", LEVELS[-1:], ids="level {}".format, indirect=True, scope="module")


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
    below, here = (given(tmp_path / str(level), level) for level in (moved.level - 1, moved.level))
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


@finally_
@pytest.mark.parametrize("name", VALIDATORS)
def test_the_validators_find_nothing(name: str, moved: Moved, tmp_path: Path) -> None:
    """In the merged workflows, image and settings, the team's own included."""
    git(moved.project, "clone", "--quiet", str(moved.project), str(tmp_path / "clone"))
    assert VALIDATORS[name](tmp_path / "clone") == ""


@upgraded
def test_its_tasks_work(moved: Moved) -> None:
    DRILLS[moved.level](moved.project)
    assert git_status(moved.project) == ""


@upgraded
def test_its_own_checks_are_green(moved: Moved) -> None:
    """All of them at the highest level; below, lint and the tests that change at the next level.

    Those that stay the same are run there.
    """
    run_in(moved.project, "run", "poe", "spell")
    if moved.level == LEVELS[-1]:
        team_edits.watch_whole_weeks(moved.project)
        assert_own_checks_are_green(moved.project)
        return
    run_in(moved.project, "run", "poe", "lint")
    assert_tests_pass(moved.project, *differing_tests(moved.level))


def poe(project: Path, *words: str) -> str:
    """Run a task, and return what it prints, which holds no trace of Python."""
    output = run_in(project, "run", "poe", *words)
    assert not re.search("Traceback|Warning", output), output
    return output


def drill_of_level_2(project: Path) -> None:
    """Collect, train twice, compare, release, reproduce, and ask the service."""
    stored = json.loads((project / "state/data/manifest.json").read_text())["parts"]
    poe(project, "collect")
    parts = json.loads((project / "state/data/manifest.json").read_text())["parts"]
    assert parts[: len(stored)] == stored
    assert len(parts) > len(stored)
    # Too simple on purpose: what is trained at level 4 has to be better.
    first = poe(project, "train", "--set", SIMPLE)
    assert "### Version 1 of flight-delays" in first
    assert re.search(r"The model passed \d+ tests", first)
    other = re.search(r"\| Run \| `(\w+)`", poe(project, "train", "--no-register", "--set", OTHER))
    assert other is not None
    assert OTHER.partition("=")[0] in poe(project, "compare", "1", other[1])
    assert "Version 1 is released" in poe(project, "release-model", "1")
    assert "identical metrics" in poe(project, "reproduce", "1")
    with served(project) as url:
        assert_answers_by(url, "1")


def drill_of_level_3(project: Path) -> None:
    """Bring a version as far as the test environment, and trace the champion; production follows at level 4."""
    with quick(project, 0):
        poe(project, "collect")
        poe(project, "train")
        poe(project, "gate", "--override", "Ada wants to see it in the test environment")
        assert "ok" in poe(project, "test-release", "candidate")
        assert "not deployed" in poe(project, "deploy", "candidate", "--to", "test")
        assert "ersion 1" in poe(project, "trace")
        # An override is kept as one only where the gate would have refused.
        assert re.search(r"\| 2 \| gate (passed|overridden) \|", poe(project, "releases"))


def drill_of_level_4(project: Path) -> None:
    """Look at production, train again by one command to the promotion, and see the page; `test_level4.py` does more."""
    with in_production(project) as url:
        assert_answers_by(url, "1")
        assert "ersion 3" in poe(project, "retrain", "--reason", "A new runway")
        assert_answers_by(url, "3")
        assert "**Decision**" in poe(project, "monitor")
        poe(project, "dashboard")
    page = (project / "state/dashboard/index.html").read_text(encoding="utf-8")
    assert "A new runway" in page


DRILLS = {2: drill_of_level_2, 3: drill_of_level_3, 4: drill_of_level_4}
"""What a team does with a repository of each level."""


def assert_answers_by(url: str, version: str) -> None:
    """The service answers with a version, and its model sees the team's own feature."""
    assert get(f"{url}/version")["model"]["version"] == version
    holiday, workday = (FLIGHT | {"scheduled_departure": f"2013-07-0{day}T17:45:00"} for day in (4, 3))
    answers = post(f"{url}/score", {"instances": [holiday, workday]})["predictions"]
    assert answers[0]["prediction"] != answers[1]["prediction"]


@contextmanager
def quick(project: Path, port: int) -> Iterator[None]:
    """A branch in which a release takes seconds, and production listens on a port, if that is not 0.

    Few tests are there, as all are run for each version, and a canary becomes champion without an A/B test.
    """
    git(project, "switch", "--quiet", "--force-create", "quick")
    try:
        # The demo's delays of spring and summer need a simpler model than those of winter.
        team_edits.edit(project, "config/training.toml", ("alpha = 20.0", "alpha = 100000.0"))
        kept = ("tests/model/test_score.py", "tests/unit/test_days.py", "tests/integration/test_packaged_model.py")
        canary = (("minutes = 10.0", "minutes = 0.05"), ("min_requests = 100", "min_requests = 10"))
        before, url = 'alias = "champion"\nservice_url = ', f'"http://127.0.0.1:{port}"' if port else '""'
        others = (("seconds = 10.0", "seconds = 2.0"), ("share = 0.5", "share = 0.0"))
        team_edits.be_quick(project, kept, (f'{before}""', f"{before}{url}"), *others, *canary)
        yield
    finally:
        git(project, "switch", "--quiet", "--force", "main")


@contextmanager
def in_production(project: Path) -> Iterator[str]:
    """The same, and a service that is asked all the time."""
    port = free_port()
    with quick(project, port), started(project, port=port, POLL_SECONDS="0.3") as url:
        traffic = Traffic(url, flights(project, 2), rows_per_request=5, per_second=10)
        with traffic.running():
            yield url
        assert traffic.failures == []


def differing_tests(level: int) -> list[str]:
    """The tests of a level that say another thing at the next one, but for those of what `test_its_tasks_work` does."""
    templates = built_in()
    here, above = (
        render(templates, answers_for(templates, level=each, task=TASK, project_name="Flight delays"))
        for each in (level, level + 1)
    )
    tests = (path for path in here if path.startswith(("tests/model/test_", "tests/unit/")) and "/test_" in path)
    differing = sorted(path for path in tests if here[path] != above[path])
    assert differing
    return differing


def scaffold(*words: str) -> str:
    """Run the command and return what it printed."""
    words = (sys.executable, "-m", "mlops_scaffold", *words)
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def given(path: Path, level: int) -> dict[str, tuple[int, bytes]]:
    """The files that `new` gives the same team at a level."""
    project = path / "flight-delays"
    words = ("--defaults", "--no-lock", "--level", str(level), "-d", f"task={TASK}")
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
