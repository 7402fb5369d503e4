"""The same situations under `copier update`, `cruft update` and ours: outcome, exit code, lost content.

    uv run --group benchmarks python benchmarks/situations.py [-k WORDS] [--output] [--ignored N]

Each situation is a real repository, made from version 1 of a small template; people do something to it; then a tool
brings version 2. All tools get the same files (`edits.py`) and are judged by the files that are there afterwards
(`judge.py`). Printed is a Markdown table; bold is what was lost without a word. `--output` prints the tools' own words.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import edits
from edits import NAMED, REMOVED, Situation, committed, configure, edit, move, own, then
from judge import Verdict, judge
from peers import Tool, copier_tool, cruft_tool, git, isolate, our_tool, plain_cookiecutter, plain_copier

MERGES = committed(edit())
"""An edit that merges, so that there is something to lose."""


def has(path: str, word: str, wrong: str) -> edits.Check:
    """A check that a file holds a word."""
    return lambda place: None if (place / path).is_file() and word in (place / path).read_text() else wrong


def lines_end_alike(place: Path) -> str | None:
    """Whether the page still has one kind of line ending, where no conflict shows both."""
    content = (place / "README.md").read_bytes()
    alike = content.count(b"\r\n") == content.count(b"\n")
    return None if alike or b"<<<<<<< " in content else "mixed line endings in README.md"


def link_is_kept(place: Path) -> str | None:
    """Whether the link is still a link, and its target was not written to."""
    if b"NEW_" in (place / "shared/train.toml").read_bytes():
        return "written through the link into shared/train.toml"
    return None if (place / "config/train.toml").is_symlink() else "the link was replaced by a file"


def stays_executable(place: Path) -> str | None:
    """Whether the user's executable bit is there."""
    return None if os.access(place / "app/service.py", os.X_OK) else "the executable bit of app/service.py"


def situations(ignored: int) -> list[Situation]:
    """All of them, with so many ignored files in one."""
    return [
        Situation(name="edit elsewhere in a file that the template changes", act=MERGES),
        Situation(name="edit in the line that the template changes", act=committed(edit(line=7))),
        Situation(
            name="the template's change already made by hand",
            act=committed(lambda project: (project / "README.md").write_bytes(edits.page("readme", new=True).content)),
        ),
        Situation(
            name="file renamed and edited",
            act=committed(move("docs/guide.md", "docs/manual.md"), edit("docs/manual.md")),
            check=has("docs/manual.md", "NEW_guide", "the change did not reach docs/manual.md"),
        ),
        Situation(name="file renamed and mostly rewritten", act=committed(edits.rewrite)),
        Situation(
            name="directory renamed",
            act=committed(move("app", "server"), edit("server/service.py")),
            check=has("server/service.py", "NEW_service", "the change did not reach server/service.py"),
        ),
        Situation(
            name="file deleted that the template changes",
            act=committed(edit(), lambda project: git(project, "rm", "--quiet", "docs/guide.md")),
            unwanted="docs/guide.md",
            check=lambda place: "docs/guide.md is back" if (place / "docs/guide.md").exists() else None,
        ),
        Situation(name="file edited that the template removes", act=committed(edit(REMOVED)), to="v3"),
        Situation(
            name="binary file changed on both sides",
            act=committed(lambda project: (project / edits.LOGO).write_bytes(edits.FIRST_BYTES[:300] + b"MINE_logo\0")),
        ),
        Situation(name="own file where the template adds one", act=committed(own("docs/runbook.md", "runbook"))),
        Situation(name="untracked file where the template adds one", act=then(MERGES, own("docs/runbook.md", "draft"))),
        Situation(name="ignored file where the template adds one", act=edits.ignored_in_the_way),
        Situation(name="own file where the template adds a directory", act=committed(own("monitoring", "file"))),
        Situation(name="file replaced by a symbolic link", act=committed(edits.link), check=link_is_kept),
        Situation(
            name="executable bit set",
            act=committed(lambda project: (project / "app/service.py").chmod(0o755), edit("app/routes.py")),
            check=stays_executable,
        ),
        Situation(name="file with CRLF lines, edited", act=committed(edits.windows_lines), check=lines_end_alike),
        Situation(name="`core.autocrlf` is on", act=edits.checked_out_as_on_windows, check=lines_end_alike),
        Situation(name="edit in a file with spaces and umlauts in its name", act=committed(edit(NAMED))),
        Situation(name="uncommitted edit in a file that the template changes", act=then(MERGES, edit("docs/guide.md"))),
        Situation(name="uncommitted edit in a file of their own", act=then(MERGES, edit("docs/roles.md"))),
        Situation(name="untracked file that is in nobody's way", act=then(MERGES, own("notes.md", "notes"))),
        Situation(
            name="staged edit", act=then(MERGES, edit("docs/roles.md"), lambda project: git(project, "add", "--all"))
        ),
        Situation(name="merge under way", act=edits.merging),
        Situation(name=f"{ignored:,} ignored files", act=lambda project: edits.many_ignored(project, ignored)),
        Situation(name="project in a directory of a monorepo", act=edits.in_monorepo),
        Situation(name="linked worktree", act=edits.in_worktree),
        Situation(
            name="detached HEAD", act=then(MERGES, lambda project: git(project, "switch", "--quiet", "--detach"))
        ),
        Situation(name="no git repository", act=then(edit(), lambda project: shutil.rmtree(project / ".git"))),
        Situation(name="shallow clone", act=edits.shallow),
        Situation(name="git knows no user", act=edits.no_name, env={"GIT_CONFIG_GLOBAL": "../nobody"}),
        Situation(name="hooks that let nothing through", act=then(MERGES, edits.hook)),
        Situation(
            name="signing is on and fails",
            act=then(MERGES, configure("commit.gpgsign", "true"), configure("gpg.program", "false")),
        ),
        Situation(name="template's repository can't be reached", act=MERGES, templates="gone"),
        Situation(name="tag of the old version is gone", act=MERGES, to="v3", templates="untagged"),
        Situation(name="kill -9 at the first changed file", act=MERGES, kill=True),
    ]


@contextmanager
def templates_are(tool: Tool, state: str) -> Iterator[None]:
    """Take a tool's templates away for a while, or the tag of the first version. Ours come with the package."""
    hidden = tool.templates.with_name("hidden")
    if state == "gone" and tool.back is None:
        tool.templates.rename(hidden)
    tag = git(tool.templates, "tag", "--list").split()[0] if state == "untagged" else ""
    commit = git(tool.templates, "rev-parse", tag).strip() if tag else ""
    if tag:
        git(tool.templates, "tag", "--delete", tag)
    try:
        yield
    finally:
        if hidden.exists():
            hidden.rename(tool.templates)
        if tag:
            git(tool.templates, "tag", tag, commit)


def try_out(situation: Situation, tool: Tool, project: Path, folder: Path) -> Verdict:
    """Copy the committed project, do to it what people do, and judge the tool."""
    folder.mkdir()
    copy = folder / project.name
    shutil.copytree(project, copy, symlinks=True)
    place = situation.act(copy) or copy
    with templates_are(tool, situation.templates):
        verdict = judge(situation, tool, place, edits.versions())
    shutil.rmtree(folder)
    return verdict


def cell(verdict: Verdict) -> str:
    """A verdict as a cell of the table."""
    lost = f"**lost silently: {', '.join(verdict.silent)}**" if verdict.silent else ""
    harm = f"**{verdict.harm}**" if verdict.harm else ""
    return f"{' · '.join(filter(None, [verdict.outcome, lost, harm]))} · {verdict.code}"


def tools(folder: Path) -> list[Tool]:
    """The three, over the same versions."""
    versions = edits.versions()
    return [
        copier_tool(folder / "copier", {name: plain_copier(tree) for name, tree in versions.items()}),
        cruft_tool(folder / "cruft", {name: plain_cookiecutter(tree) for name, tree in versions.items()}),
        our_tool(folder / "ours", versions),
    ]


def main() -> None:
    """Try all situations with all tools, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", dest="words", default="", help="only situations whose name contains this")
    parser.add_argument("-t", dest="only", default="", help="only tools whose name contains this")
    parser.add_argument("--output", action="store_true", help="also print what the tools said")
    parser.add_argument("--ignored", type=int, default=60_000, help="ignored files in that situation")
    options = parser.parse_args()
    wanted = [one for one in situations(options.ignored) if options.words in one.name]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        isolate(folder)
        chosen = [tool for tool in tools(folder) if options.only in tool.label]
        made = {tool.label: tool.make_repository(folder / f"made{n}") for n, tool in enumerate(chosen)}
        print(f"| {' | '.join(['situation', *(f'`{tool.label}`' for tool in chosen)])} |")
        print("|---" * (len(chosen) + 1) + "|")
        silent = dict.fromkeys(made, 0)
        for situation in wanted:
            row = []
            for tool in chosen:
                verdict = try_out(situation, tool, made[tool.label], folder / "try")
                silent[tool.label] += bool(verdict.silent or verdict.harm)
                row.append(cell(verdict))
                if options.output:
                    print(f"--- {situation.name}: {tool.label}: {verdict.code}\n{verdict.output}", file=sys.stderr)
            print(f"| {' | '.join([situation.name, *row])} |", flush=True)
        print(f"| **lost or harmed silently in** | {' | '.join(f'**{silent[tool.label]}**' for tool in chosen)} |")


if __name__ == "__main__":
    main()
