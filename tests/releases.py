"""A throw-away repository with three released versions of the product, and how it is built and installed."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from support import uv
from workflows.tools import git

from mlops_scaffold.tree import File, read_tree

ROOT = Path(__file__).parents[1]
NEEDED = ("src", "templates", "pyproject.toml", "hatch_build.py", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore")

VERSIONS = ("0.1.0", "0.2.0", "0.3.0")

DROPPED = ("docs/interim.md", "docs/transitional.md")
"""Files that only the middle release has."""

README = "templates/level1/project/README.md.jinja"
ROLES = "templates/level1/project/docs/roles.md.jinja"
STATE = "project/.mlops-scaffold/project.yml.jinja"
QUESTION = """
review_days:
  type: int
  help: After how many days does somebody look at the released model again?
  when: "{= level >= 2 =}"
  default: 30
"""
ANSWER = f"""{{% extends "level1/{STATE}" %}}
{{% block answers %}}
  review_days: {{= review_days =}}
{{% endblock %}}
"""


@dataclass(frozen=True, kw_only=True)
class Built:
    """What one run of `uv build` gave."""

    wheel: Path
    sdist: Path | None
    said: str


def make_releases(repository: Path) -> Path:
    """Write the repository: three releases, each with files changed and added, and a question in the last.

    The middle one adds a program and files for a while, and its tag is an annotated one. Other tags are there too.
    """
    copy_product(repository)
    git(repository, "init", "--quiet", "--initial-branch=main")
    commit(repository, "src", "pyproject.toml")
    for tag in ("v0.0.1", "v0.0.2"):  # No templates yet.
        git(repository, "tag", tag)
    release(repository, VERSIONS[0])

    add(repository, README, "\nOften asked: [docs/faq.md](docs/faq.md).\n")
    add(repository, "templates/level1/project/docs/faq.md", "# Often asked\n")
    add(repository, "templates/level1/project/tools/hello.sh", "#!/bin/sh\necho hello\n").chmod(0o755)
    add(repository, "templates/level2/project/docs/roles.md.jinja", "{# Version 0.2.0. #}\n")
    dropped = [add(repository, f"templates/level1/project/{name}", f"# {name}\n\nFor a while.\n") for name in DROPPED]
    release(repository, VERSIONS[1], "--annotate", "--message", "Two")

    add(repository, ROLES, "- Once in a quarter, read the maturity page together.\n")
    add(repository, "templates/level1/project/docs/faq.md", "\n## Who may release?\n\nWhoever is named in roles.md.\n")
    add(repository, "templates/level2/project/docs/reviews.md", "# Reviews of the released model\n")
    add(repository, "templates/copier.yml", QUESTION)
    add(repository, f"templates/level2/{STATE}", ANSWER)
    for path in dropped:
        path.unlink()
    release(repository, VERSIONS[2])
    for tag in ("0.1.0", "v1", "v0.2", "v0.4.0.dev1", "v0.4.0-rc.1", "vnext", "v00.4.0", "w0.4.0", "v0.4.0/x"):
        git(repository, "tag", tag)
    return repository


def copy_product(destination: Path) -> None:
    """The files of this checkout that a build needs."""
    destination.mkdir(parents=True)
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, destination / name, ignore=shutil.ignore_patterns("__pycache__", "*.bundle"))
        else:
            shutil.copy(source, destination / name)


def add(repository: Path, name: str, text: str) -> Path:
    """Append to a file, or make it."""
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text)
    return path


def release(repository: Path, version: str, *tag: str) -> None:
    """Set the version, commit everything, tag it."""
    literal = repository / "src/mlops_scaffold/__init__.py"
    text, count = re.subn(r'__version__ = ".*"', f'__version__ = "{version}"', literal.read_text(encoding="utf-8"))
    assert count == 1
    literal.write_text(text, encoding="utf-8")
    commit(repository, "--all")
    git(repository, "tag", *tag, f"v{version}")


def commit(repository: Path, *paths: str) -> None:
    git(repository, "add", *paths)
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "Change")


def templates_at(repository: Path, version: str, place: Path) -> dict[str, File]:
    """The template files that a clone has at a version's tag."""
    git(place.parent, "clone", "--quiet", "--no-local", f"--branch=v{version}", f"file://{repository}", place.name)
    return read_tree(place / "templates")


def build(source: Path, destination: Path, *options: str, **environment: str) -> Built:
    """Run `uv build`: the source distribution, and the wheel out of it, unless options say otherwise."""
    words = [uv(), "build", "--no-config", "--python", sys.executable, "--out-dir", str(destination)]
    done = subprocess.run(
        [*words, *options, str(source)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    (wheel,) = destination.glob("*.whl")
    return Built(wheel=wheel, sdist=next(destination.glob("*.tar.gz"), None), said=done.stdout)


def install(wheel: Path, site: Path) -> Path:
    """Put the package of a wheel into a directory for PYTHONPATH; its dependencies are those of this environment."""
    words = [uv(), "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(words, check=True, capture_output=True)
    return site


def run_from(
    site: Path, *words: str, cwd: Path, before: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python with the package in `site`, for instance `-m mlops_scaffold …`.

    Args:
        site: The directory for PYTHONPATH.
        words: Arguments of Python.
        cwd: Where it runs.
        before: The start of a command line that runs the rest of it.
        environment: Variables to set.
    """
    return subprocess.run(
        [*before, sys.executable, *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(site), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
