"""The dashboard of level 4 as people see it: in headless Chromium, in light, in dark, on a phone and on paper."""

import importlib
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import make, run_in
from workflows.tools import missing, run, tool

BROWSER = Path(__file__).parent / "browser"
NASTY = ["<script>alert(1)</script>", "n" * 120, "größe & farbe"]
WRITE = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
from stories import overview, windows
from {package}.dashboard_page import render
names = {names!r} + [f"f{{number}}" for number in range(37)]
pages = {{"one": overview(windows(1)), "many": overview(windows(200, names))}}
for name, found in pages.items():
    Path(sys.argv[1], f"{{name}}.html").write_text(render(found), encoding="utf-8")
"""
WAYS = ("light", "dark", "narrow", "print")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of level 4."""
    return make(tmp_path_factory.mktemp("dashboard") / "churn", "classification", level=4)


@pytest.fixture(scope="module")
def seen(project: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the browser found on a page of an empty store, one of one window, and one of 200 windows of 40 features."""
    if not (BROWSER / "node_modules").exists():
        missing(f"The browser is missing. Run: npm install --no-package-lock --prefix {BROWSER}")
    folder = tmp_path_factory.mktemp("pages")
    (package,) = (path.name for path in (project / "ops/src").glob("*_ops"))
    run_in(project, "run", "--no-sync", "python", "-c", WRITE.format(package=package, names=NASTY), str(folder))
    run_in(project, "run", "--no-sync", "poe", "dashboard", "--output", str(folder / "none.html"))
    names = ("none", "one", "many")
    # The browser is unpacked into the temporary folder, which has to be one that no other user can write to.
    unpacked = tmp_path_factory.mktemp("browser")
    done = run(
        tool("node"),
        BROWSER / "look.mjs",
        folder,
        *(folder / f"{name}.html" for name in names),
        env={"TMPDIR": str(unpacked)},
    )
    assert done.returncode == 0, done.stdout
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == {f"{name} {way}" for name in names for way in WAYS}
    pictures = sorted(path.name for path in folder.iterdir() if path.suffix in (".png", ".pdf"))
    assert len(pictures) == len(found)
    return found


def test_the_browser_has_nothing_to_complain_about(seen: dict[str, Any]) -> None:
    assert {page: facts["complaints"] for page, facts in seen.items() if facts["complaints"]} == {}
    assert {page: facts["requests"] for page, facts in seen.items() if facts["requests"]} == {}


def test_nobody_is_kept_out(seen: dict[str, Any]) -> None:
    """What axe finds: contrast in light and dark, names of pictures, order of headings, use without a mouse."""
    assert {page: facts["barriers"] for page, facts in seen.items() if facts["barriers"]} == {}


def test_nothing_is_cut_off_or_hides_another(seen: dict[str, Any]) -> None:
    assert {page: facts["beyond"] for page, facts in seen.items() if facts["beyond"]} == {}
    assert {page: facts["wide"] for page, facts in seen.items() if facts["wide"] > facts["width"]} == {}
    assert {page: facts["overlapping"] for page, facts in seen.items() if facts["overlapping"]} == {}
    assert {page: facts["flat"] for page, facts in seen.items() if facts["flat"]} == {}


def test_the_page_says_how_things_are(seen: dict[str, Any]) -> None:
    for way in WAYS:
        assert "Nothing is in production yet." in seen[f"none {way}"]["text"]
        assert seen[f"one {way}"]["title"] == "toy: Version 2 answers, and all 10 signals are within their limits."
        text = seen[f"many {way}"]["text"]
        assert "Version 2 answers, and 2 of 46 signals are outside of their limits." in text
        assert NASTY[0] in text
        assert seen[f"many {way}"]["pictures"] >= 60


def test_dark_is_dark_and_paper_is_white(seen: dict[str, Any]) -> None:
    def brightness(page: str) -> float:
        return max(int(part) for part in re.findall(r"\d+", seen[page]["background"]))

    assert brightness("many light") > 240
    assert brightness("many dark") < 40
    assert brightness("many print") == 255


def test_paper_shows_what_is_behind_a_click(seen: dict[str, Any]) -> None:
    assert seen["many light"]["hidden"] == 28
    assert seen["many print"]["hidden"] == 0
    assert all(name in seen["many print"]["text"] for name in [*NASTY, "f36"])


def test_the_questions_to_prometheus_are_in_its_language(project: Path) -> None:
    if importlib.util.find_spec("promql_parser") is None:
        missing("promql-parser is not installed. Install the dependency group `validators`.")
    parser: Any = importlib.import_module("promql_parser")
    board = json.loads((project / "ops/grafana/dashboard.json").read_text(encoding="utf-8"))
    questions = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    questions += [annotation["expr"] for annotation in board["annotations"]["list"]]
    groups = yaml.safe_load((project / "ops/grafana/alerts.yaml").read_text(encoding="utf-8"))["groups"]
    questions += [rule["expr"] for group in groups for rule in group["rules"]]
    assert len(questions) > 30
    for question in questions:
        # The names that Grafana fills in.
        parser.parse(re.sub(r"\$__(rate_)?interval", "5m", question).replace("$job", ".*"))
