"""What a level 2 repository checks by itself is green on the first day, nothing edited.

For the regression; `test_upgraded_alive.py` runs the same for the classification, with a team's edits on top.
"""

from pathlib import Path

import pytest
from support import assert_installed_names_are_reserved, assert_own_checks_are_green, make


@pytest.fixture(scope="module", params=["regression"])
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository as the command makes it, with its dependencies locked and the environment that its lock says."""
    return make(tmp_path_factory.mktemp(f"{request.param}-checks") / "flight-delays", request.param, level=2)


def test_its_own_checks_are_green_without_an_edit(project: Path) -> None:
    assert_own_checks_are_green(project)


def test_no_package_that_it_uses_can_be_its_name(project: Path) -> None:
    assert_installed_names_are_reserved(project)
