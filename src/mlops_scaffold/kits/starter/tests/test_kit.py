"""What a repository that is made with this kit must be."""

import subprocess
import sys
from pathlib import Path

import pytest

KIT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new repository with the kit's own defaults."""
    place = tmp_path_factory.mktemp("work") / "demo"
    words = ["new", str(place), "--kit", str(KIT), "--defaults", "--no-git", "--no-lock"]
    subprocess.run([sys.executable, "-m", "mlops_scaffold", *words], check=True)
    return place


def test_people_find_help(repository: Path) -> None:
    assert "ml-platform" in (repository / "docs/support.md").read_text()
    assert "docs/support.md" in (repository / "README.md").read_text()


def test_python_is_ours(repository: Path) -> None:
    assert 'requires-python = ">=3.12"' in (repository / "pyproject.toml").read_text()


def test_ci_looks_for_words_that_must_not_stay(repository: Path) -> None:
    assert "do not merge" in (repository / ".github/workflows/ci.yml").read_text()
