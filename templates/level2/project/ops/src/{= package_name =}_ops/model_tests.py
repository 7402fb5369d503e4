"""Runs the tests in `tests/model` on one model, as a gate before it may be released."""

import importlib.util
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

TESTS = Path("tests/model")
# Exit codes of pytest.
NO_TESTS = 5
TAIL_LINES = 40


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a model did in its tests.

    Attributes:
        status: "passed" only if every test passed.
        passed: Number of tests that passed.
        failed: Number of tests that failed or could not run.
        output: What the tests printed, or why they were not run.
    """

    status: Literal["passed", "failed", "not run"]
    passed: int = 0
    failed: int = 0
    output: str = ""

    @property
    def sentence(self) -> str:
        """The result for people."""
        if self.status == "not run":
            return f"The model tests were not run: {self.output}"
        if self.status == "passed":
            return f"The model passed {self.passed} test{'' if self.passed == 1 else 's'}."
        # A file of tests that can't be read, or a crash, fails without the failure of any test.
        return (
            f"{self.failed} of {self.passed + self.failed} model tests failed."
            if self.failed
            else "The model tests broke off."
        )

    @property
    def tail(self) -> str:
        """The last lines of the output."""
        return "\n".join(self.output.splitlines()[-TAIL_LINES:])


def run(folder: Path) -> Result:
    """Run `tests/model` of this checkout on a model.

    The tests get a process of their own, so that they see the code as it is and leave nothing behind in this one.

    Args:
        folder: Where `model.skops` and `model.json` lie.
    """
    if not TESTS.is_dir():
        return Result(
            status="not run", output=f"there is no {TESTS.as_posix()} here. Run this in the root of the repository."
        )
    if importlib.util.find_spec("pytest") is None:
        return Result(status="not run", output="pytest is not installed. Run `uv sync`.")
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary) / "report.xml"
        options = ["-q", "--tb=short", "-p", "no:cacheprovider", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", str(TESTS), *options]
        # Options for the tests of this process must not choose among those of the model.
        outside = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        done = subprocess.run(  # noqa: S603
            command,
            env=outside | {"MODEL_UNDER_TEST": str(folder.resolve())},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        counts = _counts(report)
    passed, failed = counts or (0, 0)
    if done.returncode == NO_TESTS or (done.returncode == 0 and counts and not passed):
        return Result(status="not run", output=f"{TESTS.as_posix()} holds no test that is not skipped. Write some.")
    # Without a report the process ended in the middle, whatever code it ended with.
    good = done.returncode == 0 and counts is not None
    return Result(status="passed" if good else "failed", passed=passed, failed=failed, output=done.stdout)


def _counts(report: Path) -> tuple[int, int] | None:
    try:
        suites = list(ET.parse(report).iter("testsuite"))  # noqa: S314
    except (OSError, ET.ParseError):
        return None
    tests, failures, errors, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
    )
    return tests - failures - errors - skipped, failures + errors
