"""Repositories that upgrades are tried on, small templates of four levels, and the command line in this process."""

import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops_scaffold import templates
from mlops_scaffold.cli import main

LEVELS_OF_SMALL = (1, 2, 3, 4)

QUESTIONS = """
_envops: {variable_start_string: "{=", variable_end_string: "=}", trim_blocks: true, lstrip_blocks: true,
          keep_trailing_newline: true, undefined: jinja2.StrictUndefined}
_templates_suffix: .jinja
level: {type: int, default: 1, choices: [1, 2, 3, 4]}
project_name: {type: str, default: Churn}
package_name: {type: str, default: churn}
task: {type: str, default: classification, choices: [classification, regression]}
ci: {type: str, default: github, choices: [github, gitlab]}
platform: {type: str, default: compose, choices: [compose, bare]}
review_days: {type: int, help: How many days until somebody looks again?, default: 30, when: "{= level >= 3 =}"}
template_version: {type: str, when: false}
"""

STATE = """level: {= level =}
template_version: "{= template_version =}"
answers:
  project_name: "{= project_name =}"
  package_name: "{= package_name =}"
  task: "{= task =}"
  ci: "{= ci =}"
  platform: "{= platform =}"
{% block answers %}
{% endblock %}
"""

README = """# {= project_name =}

The first words.
They say what it is.
And who it is for.

## Levels
{% block levels %}
Level 1 is in.
{% endblock %}
The levels end here.

## Questions

Ask somebody.
The last words.
"""

GUIDE = "".join(f"Line {n} of the guide.\n" for n in range(1, 10))
GUIDE += "{% block ten %}\nLine 10 of level 1.\n{% endblock %}\n"
GUIDE += "".join(f"Line {n} of the guide.\n" for n in range(11, 20))

PYPROJECT = """[project]
name = "{= package_name =}"
version = "{% block version %}1.0.0{% endblock %}"
requires-python = ">=3.11"
{% block tasks %}
{% endblock %}
"""

NOTE = "{0} one.\n{0} two.\n{0} three.\n{0} four.\n{0} five.\n{0} of level {1}.\n"

Facts = dict[str, tuple[int, bytes]]
"""Path → permission bits and bytes; for a link 0 and its target; for a directory less than 0 and nothing."""

LOGO = bytes(range(256)) * 4

LEVEL = """name: "Small {0}"
adds: ["What level {0} adds."]
asks: {{people: ["What level {0} asks."]}}
success: [{{sign: "Level {0} works.", ids: ["L{0}.x"]}}]
first: [{{run: "run {0}", does: "the first of level {0}"}}]
"""

BELOW = '{% extends "level1/project/@" %}\n'

SMALL: dict[str, str | bytes] = {
    "copier.yml": QUESTIONS,
    **{f"level{n}/level.yml": LEVEL.format(n) for n in LEVELS_OF_SMALL},
    "level1/project/.mlops-scaffold/project.yml.jinja": STATE,
    "level1/project/README.md.jinja": README,
    "level1/project/docs/guide.md.jinja": GUIDE,
    "level1/project/docs/plan.md": NOTE.format("Plan", 1),
    "level1/project/notes/one.md": NOTE.format("Note", 1),
    "level1/project/notes/two.md": NOTE.format("Thought", 1),
    "level1/project/tools/run.sh": "#!/bin/sh\nset -eu\n# One.\n# Two.\n# Three.\necho level 1\n",
    "level1/project/logo.bin": LOGO,
    "level1/project/pyproject.toml.jinja": PYPROJECT,
    "level1/project/src/{= package_name =}/model.py": "MODEL = 1\n",
    "level1/classification/tests/test_model.py": "CLASSES = 2\n",
    "level1/regression/tests/test_model.py": "UNIT = 'm'\n",
    "level1/github/.github/workflows/ci.yml": "on: push\n",
    "level2/project/README.md.jinja": BELOW.replace("@", "README.md.jinja")
    + "{% block levels %}\n{= super() =}Level 2 is in.\n{% endblock %}\n",
    "level2/project/docs/guide.md.jinja": BELOW.replace("@", "docs/guide.md.jinja")
    + "{% block ten %}\nLine 10 of level 2.\n{% endblock %}\n",
    "level2/project/notes/one.md": NOTE.format("Note", 2),
    "level2/project/notes/two.md": NOTE.format("Thought", 2),
    "level2/project/tools/run.sh": "#!/bin/sh\nset -eu\n# One.\n# Two.\n# Three.\necho level 2\n",
    "level2/project/logo.bin": LOGO + b"\x00level 2",
    "level2/project/pyproject.toml.jinja": BELOW.replace("@", "pyproject.toml.jinja")
    + "{% block version %}2.0.0{% endblock %}\n{% block tasks %}\n\n[tool.tasks]\nlevel = 2\n{% endblock %}\n",
    "level2/project/jobs/train.py": "TRAIN = 2\n",
    "level2/project/jobs/deep/down/settings.toml": "deep = 2\n",
    "level2/project/jobs/start.sh": "#!/bin/sh\necho start\n",
    "level2/regression/tests/test_unit.py": "UNIT = 'km'\n",
    "level2/github/.github/workflows/train.yml": "on: schedule\n",
    "level3/project/.mlops-scaffold/project.yml.jinja": BELOW.replace("@", ".mlops-scaffold/project.yml.jinja")
    + "{% block answers %}\n  review_days: {= review_days =}\n{% endblock %}\n",
    "level3/project/README.md.jinja": BELOW.replace("@", "README.md.jinja")
    + "{% block levels %}\n{= super() =}Level 3 is in, for {= review_days =} days.\n{% endblock %}\n",
    "level3/project/docs/plan.md": NOTE.format("Plan", 3),
    "level3/project/jobs/train.py": "TRAIN = 3\n",
    "level3/classification/docs/gate.md": "The gate.\n",
    "level4/project/README.md.jinja": BELOW.replace("@", "README.md.jinja")
    + "{% block levels %}\n{= super() =}Level 4 is in.\n{% endblock %}\n",
    "level4/project/docs/guide.md.jinja": BELOW.replace("@", "docs/guide.md.jinja")
    + "{% block ten %}\nLine 10 of level 4.\n{% endblock %}\n",
    "level4/project/jobs/watch.py": "WATCH = 4\n",
}

PROGRAMS = ("level1/project/tools/run.sh", "level2/project/tools/run.sh", "level2/project/jobs/start.sh")
"""Small templates that can be executed."""


def write_small(root: Path) -> Path:
    """Write the small templates to a new directory."""
    for name, content in SMALL.items():
        put(root / name, content)
    for name in PROGRAMS:
        (root / name).chmod(0o755)
    return root


def put(path: Path, content: str | bytes) -> Path:
    """Write a file, byte for byte, and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def use_templates(root: Path, patch: pytest.MonkeyPatch) -> Path:
    """Let the product take the templates of a directory for those that are packed with it."""
    patch.setattr(templates, "PACKED", root)
    return root


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        """What it printed as JSON."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


def command(*words: object) -> Done:
    """Run the command line in this process: what it prints, and its exit code, are those of a process of its own."""
    out, err = io.StringIO(), io.StringIO()
    numbers = (signal.SIGTERM, signal.SIGHUP)
    handlers = [signal.getsignal(number) for number in numbers]
    try:
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(sys, "argv", ["mlops-scaffold", *map(str, words)])
            with pytest.raises(SystemExit) as ended:
                main()
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
    code = ended.value.code
    assert isinstance(code, int)
    return Done(code=code, out=out.getvalue(), err=err.getvalue())


def git(place: Path, *words: str, code: int | None = 0, **environment: str) -> str:
    """Run git as a person does; fail with what it said when it ends otherwise than expected.

    Args:
        place: Where.
        words: Its arguments.
        code: The expected exit code; None for any.
        environment: Variables to set.
    """
    done = subprocess.run(
        ["git", *words],
        cwd=place,
        env={**os.environ, "GIT_EDITOR": "true", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    said = os.fsdecode(done.stdout) + os.fsdecode(done.stderr)
    assert code is None or done.returncode == code, f"git {' '.join(words)} ended with {done.returncode}:\n{said}"
    return os.fsdecode(done.stdout)


@dataclass(frozen=True, kw_only=True)
class Team:
    """A repository, and what a team does in it.

    Attributes:
        path: The project's directory.
    """

    path: Path

    @property
    def top(self) -> Path:
        """The root of the work tree."""
        return Path(self.git("rev-parse", "--show-toplevel").rstrip("\n"))

    def git(self, *words: str, code: int | None = 0, **environment: str) -> str:
        """Run git in the project."""
        return git(self.path, *words, code=code, **environment)

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file, byte for byte."""
        return put(self.path / name, content)

    def read(self, name: str) -> str:
        """A file's text, line ends as they are."""
        return (self.path / name).read_bytes().decode()

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that is there once."""
        text = self.read(name)
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def commit(self, message: str = "Work") -> str:
        """Commit everything that is there; the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--no-verify", "--message", message)
        return self.git("rev-parse", "HEAD").strip()

    def upgrade(self, *words: object) -> Done:
        """Run `upgrade`, without asking and without a lock."""
        return command("upgrade", self.path, "--defaults", "--no-lock", *words)

    def update(self, *words: object) -> Done:
        """Run `update`, without asking and without a lock."""
        return command("update", self.path, "--defaults", "--no-lock", *words)

    def abort(self) -> Done:
        """Take an upgrade back."""
        return command("upgrade", self.path, "--abort")

    def status(self) -> dict[str, Any]:
        """What `status --json` says."""
        done = command("status", self.path, "--json")
        assert done.code == 0, done.err
        return done.data

    def tree(self) -> str:
        """The tree that the index holds."""
        return self.git("write-tree").strip()

    def changes(self) -> list[str]:
        """What `git status` lists, in its short form."""
        return self.git("-c", "core.quotePath=false", "status", "--porcelain", "--untracked-files=all").splitlines()

    def stages(self) -> dict[str, str]:
        """Paths in conflict → the stages that the index holds of them, for instance `123`."""
        found: dict[str, str] = {}
        for line in self.git("ls-files", "--unmerged", "--full-name", "-z").split("\0")[:-1]:
            meta, path = line.split("\t")
            found[path] = found.get(path, "") + meta.split()[2]
        return found


def make(path: Path, *words: object) -> Team:
    """Make a repository by `new`."""
    done = command("new", path, "--defaults", "--no-lock", *words)
    assert done.code == 0, done.err
    return Team(path=path)


def copy_of(team: Team, destination: Path) -> Team:
    """A copy that git needs not look at again."""
    shutil.copytree(team.path, destination, symlinks=True)
    copied = Team(path=destination)
    copied.git("update-index", "-q", "--refresh")
    return copied


def contents(root: Path) -> Facts:
    """Every file and link below a directory, git's own left out: permission bits and bytes, by path."""
    return {path: facts for path, facts in snapshot(root).items() if not path.startswith(".git/") and facts[0] >= 0}


def snapshot(root: Path, *, objects: bool = False) -> Facts:
    """Everything below a directory, git's own files too: what must not change when a command changes nothing.

    Args:
        root: The directory.
        objects: Whether objects of git count, and when the index was written.

    Returns:
        What is at each path.
    """
    found: Facts = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            key = path.relative_to(root).as_posix()
            if path.is_symlink():
                found[key] = (0, os.fsencode(path.readlink()))
            elif path.is_dir():
                found[key] = (-1 - stat.S_IMODE(path.stat().st_mode), b"")
            else:
                found[key] = (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
                if objects and path.name == "index":
                    found[f"{key} time"] = (0, str(path.stat().st_mtime_ns).encode())
    return found if objects else {k: v for k, v in found.items() if ".git/objects/" not in k and k != ".git/objects"}


def assert_same(before: Facts, after: Facts) -> None:
    """Two pictures of a directory are equal; if not, say where."""
    paths = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    assert not paths, {path: (str(before.get(path))[:200], str(after.get(path))[:200]) for path in paths}


def moved(team: Team, *words: object, code: int = 0, verb: str = "upgrade") -> dict[str, Any]:
    """Upgrade a repository, and hold on the way what is true of every upgrade.

    A preview changes nothing, says what the upgrade then says, and `--abort` brings back what was there. A conflict is
    a path that is unmerged in the index; without one, all that has changed is staged.

    Args:
        team: The repository.
        words: Options.
        code: The expected exit code.
        verb: `upgrade` or `update`.

    Returns:
        What the upgrade says as JSON.
    """
    start = team.update if verb == "update" else team.upgrade
    untouched = snapshot(team.top, objects=True)
    seen = start("--preview", "--json", *words)
    assert_same(untouched, snapshot(team.top, objects=True))
    before, changes = restorable(team), team.changes()
    first = start("--json", *words)
    assert (seen.code, first.code) == (code, code), seen.err + first.err + first.out
    after, tree = contents(team.top), team.git("ls-files", "--stage")
    back = team.abort()
    assert back.code == 0, back.err
    assert_same(before, restorable(team))
    assert team.changes() == changes
    second = start("--json", *words)
    assert_same(after, contents(team.top))
    assert team.git("ls-files", "--stage") == tree
    assert {**seen.data, "applied": True} == first.data == second.data
    assert sorted(team.stages()) == sorted(conflict["path"] for conflict in second.data["conflicts"])
    return second.data


def restorable(team: Team) -> Facts:
    """What `--abort` brings back: all but what git and an earlier upgrade keep for themselves."""
    found = snapshot(team.top)
    kept = (".git/index", ".git/ORIG_HEAD", ".git/sharedindex.", ".git/rr-cache", ".git/mlops-scaffold")
    found = {path: facts for path, facts in found.items() if not path.startswith(kept)}
    found["index"] = (0, os.fsencode(team.git("ls-files", "--stage", "-v")))
    return found


@pytest.fixture(scope="session")
def small_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small templates on the disk."""
    return write_small(tmp_path_factory.mktemp("small") / "templates")


@pytest.fixture
def small(small_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The product has the small templates."""
    return use_templates(small_root, monkeypatch)


@pytest.fixture(scope="session")
def base(small_root: Path, git_user: None, tmp_path_factory: pytest.TempPathFactory) -> Team:  # noqa: ARG001
    """A repository at level 1 of the small templates. Tests work on copies."""
    with pytest.MonkeyPatch.context() as patch:
        use_templates(small_root, patch)
        return make(tmp_path_factory.mktemp("base") / "churn")


@pytest.fixture
def team(base: Team, small: Path, tmp_path: Path) -> Team:  # noqa: ARG001
    """A repository at level 1 of the small templates, for one test."""
    return copy_of(base, tmp_path / "churn")


@pytest.fixture
def templates_to(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Templates that a test may change: a later state of those that `team` was made from."""
    shutil.copytree(small, tmp_path / "templates")
    return use_templates(tmp_path / "templates", monkeypatch)


def package_with(root: Path, destination: Path) -> Path:
    """The product with other templates, as an installed wheel has them: a directory for PYTHONPATH."""
    package = destination / "mlops_scaffold"
    shutil.copytree(Path(templates.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "*.bundle"))
    shutil.copytree(root, package / "templates")
    return destination
