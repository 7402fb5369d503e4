"""What people do to a repository between two versions of its template, and the two versions.

Every word of theirs starts with `MINE_`, every word that the newer template brings with `NEW_`: what became of an edit
or of a change can then be read from the files.
"""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from peers import commit_all, git

from mlops_scaffold.tree import EXECUTABLE, File

NAMED = "docs/Größe und Maß.md"
PAGES = {
    "README.md": "readme",
    "docs/guide.md": "guide",
    "docs/roles.md": "roles",
    NAMED: "sizes",
    "config/train.toml": "train",
    "app/service.py": "service",
    "app/routes.py": "routes",
    "app/models.py": "models",
    "legacy/report.py": "report",
}
CHANGED = ("README.md", "docs/guide.md", NAMED, "config/train.toml", "app/service.py", "app/routes.py")
ADDED = {"docs/runbook.md": "runbook", "monitoring/alerts.yml": "alerts", "app/metrics.py": "metrics"}
REMOVED = "legacy/report.py"
LOGO = "assets/logo.png"
FIRST_BYTES = bytes(range(256)) * 8


def page(title: str, *, new: bool = False) -> File:
    """Sixteen lines of text; the newer template changes the seventh."""
    lines = [f"# the {title} says {n}\n" for n in range(16)]
    lines[7] = f"# the {title} says NEW_{title}\n" if new else lines[7]
    return File(content="".join(lines).encode())


def versions() -> dict[str, dict[str, File]]:
    """The template: `v2` changes and adds files, `v3` also removes one."""
    first = {path: page(title) for path, title in PAGES.items()}
    first |= {
        ".gitignore": File(content=b"build/\n*.log\n"),
        "run.sh": File(mode=EXECUTABLE, content=b"#!/bin/sh\n" + page("script").content),
        LOGO: File(content=FIRST_BYTES),
    }
    second = first | {path: page(PAGES[path], new=True) for path in CHANGED}
    second |= {path: page(title, new=True) for path, title in ADDED.items()}
    second[LOGO] = File(content=FIRST_BYTES + b"NEW_logo\0")
    return {"v1": first, "v2": second, "v3": {path: file for path, file in second.items() if path != REMOVED}}


Check = Callable[[Path], str | None]


@dataclass(frozen=True, kw_only=True)
class Situation:
    """Something that people do before the newer template comes.

    Attributes:
        name: What it is called in the table.
        act: Does it to a committed project. May return another place to bring the template into.
        check: Looks at the result, and says what is wrong with it.
        to: The version of the template to bring.
        env: Variables to set for the command.
        templates: What happens to the template's repository meanwhile: `gone` or `untagged`.
        kill: Kill the command with SIGKILL as soon as it has changed the work tree.
        unwanted: Changes of the template that rightly don't come, because people removed the file.
    """

    name: str
    act: Callable[[Path], Path | None]
    check: Check = lambda _: None
    to: str = "v2"
    env: Mapping[str, str] = field(default_factory=dict)
    templates: str = "there"
    kill: bool = False
    unwanted: str | None = None


def mark(project: Path, path: str, word: str, line: int = 13) -> None:
    """Put a word of the user's into a line of a page."""
    place = project / path
    lines = place.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].rstrip() + f" MINE_{word}\n".encode()
    place.write_bytes(b"".join(lines))


def write(project: Path, path: str, content: str) -> None:
    """Write a file of the user's own."""
    place = project / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content)


def committed(*steps: Callable[[Path], object]) -> Callable[[Path], None]:
    """Some steps, then a commit of everything."""

    def act(project: Path) -> None:
        for step in steps:
            step(project)
        commit_all(project, "feat: our work")

    return act


def then(act: Callable[[Path], object], *steps: Callable[[Path], object]) -> Callable[[Path], None]:
    """Some committed work, then steps that are not committed."""

    def all_of_it(project: Path) -> None:
        act(project)
        for step in steps:
            step(project)

    return all_of_it


def edit(path: str = "README.md", word: str = "edit", line: int = 13) -> Callable[[Path], None]:
    """The step of `mark`."""
    return lambda project: mark(project, path, word, line)


def own(path: str, word: str) -> Callable[[Path], None]:
    """The step that writes a file of the user's."""
    return lambda project: write(project, path, f"# our own MINE_{word}\n")


def move(old: str, new: str) -> Callable[[Path], object]:
    """The step that renames."""
    return lambda project: git(project, "mv", old, new)


def configure(name: str, value: str) -> Callable[[Path], object]:
    """The step that sets a setting of the repository."""
    return lambda project: git(project, "config", name, value)


def ignored_in_the_way(project: Path) -> None:
    """A file that only this machine has, where the newer template adds one."""
    (project / ".gitignore").write_text("build/\n*.log\n/monitoring/\n")
    commit_all(project, "chore: ignore")
    own("monitoring/alerts.yml", "local")(project)


def link(project: Path) -> None:
    """A link to a file of the user's in the place of a file that the newer template changes."""
    write(project, "shared/train.toml", (project / "config/train.toml").read_text())
    mark(project, "shared/train.toml", "shared")
    (project / "config/train.toml").unlink()
    (project / "config/train.toml").symlink_to("../shared/train.toml")


def windows_lines(project: Path) -> None:
    """A page with CRLF at the end of every line."""
    mark(project, "README.md", "crlf")
    place = project / "README.md"
    place.write_bytes(place.read_bytes().replace(b"\n", b"\r\n"))


def rewrite(project: Path) -> None:
    """A page under another name of which little is left."""
    git(project, "mv", "docs/guide.md", "docs/manual.md")
    kept = (project / "docs/manual.md").read_text().splitlines(keepends=True)[:4]
    new = [f"our own sentence {n} MINE_manual\n" for n in range(12)]
    (project / "docs/manual.md").write_text("".join([*kept, *new]))


def checked_out_as_on_windows(project: Path) -> None:
    """A work tree in which git ends every line with CRLF."""
    committed(edit())(project)
    git(project, "config", "core.autocrlf", "true")
    git(project, "rm", "--quiet", "-r", "--cached", ".")
    git(project, "reset", "--quiet", "--hard")


def merging(project: Path) -> None:
    """A merge that has stopped at a conflict."""
    git(project, "switch", "--quiet", "--create", "side")
    committed(edit("docs/roles.md", "side"))(project)
    git(project, "switch", "--quiet", "main")
    committed(edit("docs/roles.md", "main"))(project)
    subprocess.run(["git", "merge", "--quiet", "side"], cwd=project, capture_output=True, check=False)


def many_ignored(project: Path, count: int) -> None:
    """As many ignored files as data makes, beside one that is committed."""
    committed(edit(), own("data/README.md", "data"))(project)
    for n in range(count):
        (project / f"data/partition_of_the_night_{n:05}.log").touch()


def in_monorepo(project: Path) -> Path:
    """The project as a directory of a larger repository."""
    committed(edit())(project)
    top = project.parent / "monorepo"
    (top / "services").mkdir(parents=True)
    git(top, "init", "--quiet")
    write(top, "services/other.txt", "MINE_other\n")
    inside = project.rename(top / "services/churn")
    shutil.rmtree(inside / ".git")
    commit_all(top, "feat: all of it")
    return inside


def in_worktree(project: Path) -> Path:
    """A second work tree of the repository."""
    committed(edit())(project)
    git(project, "worktree", "add", "--quiet", "../linked")
    return project.parent / "linked"


def shallow(project: Path) -> Path:
    """A clone that has only the last commit."""
    committed(edit())(project)
    git(project, "clone", "--quiet", "--depth", "1", project.as_uri(), "../shallow")
    return project.parent / "shallow"


def no_name(project: Path) -> None:
    """A machine on which git does not know who works."""
    committed(edit())(project)
    write(project.parent, "nobody", "[user]\n\tuseConfigOnly = true\n")


def hook(project: Path) -> None:
    """A hook that lets nothing through."""
    for name in ("pre-commit", "commit-msg", "post-checkout"):
        place = project / ".git/hooks" / name
        place.parent.mkdir(exist_ok=True)
        place.write_text("#!/bin/sh\nexit 1\n")
        place.chmod(0o755)
