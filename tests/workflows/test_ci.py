"""`ci.yml`, executed: green as generated, red as soon as a test, the style or a build is broken."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from workflows.act import Act
from workflows.tools import git

PULL_REQUEST: dict[str, Any] = {"pull_request": {"number": 1, "head": {"ref": "change"}, "base": {"ref": "main"}}}


def commit(repository: Path, path: str, text: str) -> None:
    file = repository / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "Change")


def test_ci_is_green_as_generated(act: Act, checkout: Path, interpreters: dict[str, str]) -> None:
    """At level 1: the workflow is the same at all of them, and the checks that it runs are run by other tests."""
    pythons = list(interpreters)
    run = act(checkout, "ci.yml", "push", pythons=pythons)
    tests = {f"Test on Python {python}" for python in pythons}
    assert run.jobs == dict.fromkeys({"Lint", "Build"} | tests, "success"), run.output
    for python in pythons:
        header = rf"\[CI/Test on Python {python}[^]]*\] platform \w+ -- Python {re.escape(python)}\."
        assert re.search(header, run.output), f"The tests did not run on Python {python}."
    reports = {f"test-report-{python}" for python in pythons}
    assert {folder.name for folder in run.artifacts.iterdir()} == reports | {"wheels"}
    assert len(list((run.artifacts / "wheels").glob("*.whl"))) == 2
    assert (run.artifacts / "test-report-3.11" / "junit.xml").stat().st_size > 0
    (image,) = run.of("docker/build-push-action")
    assert image["inputs"]["load"] == "true"
    assert image["inputs"].get("push") != "true"
    (up,) = run.of("docker compose up")
    assert up["environment"]["IMAGE"] == image["inputs"]["tags"]
    assert {"wait", "no-build"} <= up["options"].keys()


def test_every_supported_python_is_tested(rendered: Path, interpreters: dict[str, str]) -> None:
    ci = yaml.safe_load((rendered / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    matrix = ci["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert matrix == ["3.11", "3.12", "3.13", "3.14"]
    if absent := sorted(set(matrix) - set(interpreters)):
        pytest.skip(f"Not executed, because not installed here: Python {', '.join(absent)}.")


def test_a_failing_test_is_red(act: Act, checkout: Path, main_python: str) -> None:
    git(checkout, "rm", "-r", "--quiet", "tests/model", "tests/integration", "tests/unit")
    commit(checkout, "tests/unit/test_planted.py", "def test_planted() -> None:\n    assert False\n")
    run = act(checkout, "ci.yml", "pull_request", PULL_REQUEST, pythons=[main_python], job="test")
    assert run.jobs == {f"Test on Python {main_python}": "failure"}, run.output
    assert "1 failed" in run.output
    assert "FAILED tests/unit/test_planted.py::test_planted" in run.output
    assert (run.artifacts / f"test-report-{main_python}" / "junit.xml").is_file()


@pytest.mark.parametrize(
    ("text", "words"),
    [('"""Planted."""\n\nimport os\n', "F401"), ('"""Planted."""\n\nANSWER: str = 42\n', "Incompatible types")],
    ids=["style", "types"],
)
def test_bad_style_and_wrong_types_are_red(text: str, words: str, act: Act, checkout: Path) -> None:
    commit(checkout, "src/churn_model/planted.py", text)
    run = act(checkout, "ci.yml", "pull_request", PULL_REQUEST, job="lint")
    assert run.jobs == {"Lint": "failure"}, run.output
    assert words in run.output


def test_a_failing_build_of_the_wheels_is_red(act: Act, checkout: Path) -> None:
    git(checkout, "rm", "--quiet", "ops/src/churn_model_ops/__init__.py")
    git(checkout, "commit", "--quiet", "--message", "Change")
    run = act(checkout, "ci.yml", "push", job="build")
    assert run.jobs == {"Build": "failure"}, run.output
    assert not run.of("docker/build-push-action")


def test_a_failing_build_of_the_image_is_red(act: Act, checkout: Path) -> None:
    commit(checkout, ".dockerignore", "*\n!uv.lock\n")
    run = act(checkout, "ci.yml", "push", job="build")
    assert run.jobs == {"Build": "failure"}, run.output
    assert list((run.artifacts / "wheels").glob("*.whl"))
    assert "failed to solve" in run.output
    assert not run.of("docker compose up")
