"""What became of people's work and of the template's change when a tool had run, read from the files.

Content is lost when a word of it is in no file of the work tree, in no unmerged entry of the index, in no `.rej` file.
It is lost silently when the tool's messages do not name its file either. What was committed is of course still in git;
the question is whether anybody would notice before the next commit.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edits import Situation
from peers import Tool, git

from mlops_scaffold.tree import Tree

WORD = {"MINE": re.compile(rb"MINE_\w+"), "NEW": re.compile(rb"NEW_\w+")}
MARKER = re.compile(rb"^<{7} ", re.MULTILINE)
PROGRESS = re.compile(r"Checking patch|Applied patch|Falling back")
"""Lines that name every file, whatever becomes of it."""

FAILED = re.compile(r"Traceback|`git [\w-]+` failed")
"""What tells a tool that stumbled from one that refuses."""

CONFLICTS = 1
"""The exit code for conflicts, of those tools that have one."""


@dataclass(frozen=True, kw_only=True)
class State:
    """A repository at one moment: the files of its work tree, the index and the commit that is checked out."""

    files: Mapping[str, tuple[str, bytes]]
    index: str
    head: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a tool made of a situation.

    Attributes:
        outcome: In a few words.
        code: Its exit code.
        silent: Whose content was lost without a word.
        harm: What else is wrong.
        output: All that it said.
    """

    outcome: str
    code: int
    silent: list[str]
    harm: str | None = None
    output: str


def look(top: Path) -> State:
    """Read a repository without touching it."""
    files = {}
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name != ".git"]
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in (*links, *(name for name in names if name != ".git")):
            place = Path(folder, name)
            path = place.relative_to(top).as_posix()
            if place.is_symlink():
                files[path] = ("link", os.fsencode(place.readlink()))
            else:
                files[path] = ("x" if os.access(place, os.X_OK) else "-", place.read_bytes())
    asked = (["ls-files", "--stage", "-z"], ["rev-parse", "HEAD"]) if is_repository(top) else ()
    index, head = [git(top, *one) for one in asked] or ["", ""]
    return State(files=files, index=index, head=head)


def is_repository(place: Path) -> bool:
    """Whether a directory is in a repository."""
    return subprocess.run(["git", "rev-parse"], cwd=place, capture_output=True, check=False).returncode == 0


def words(kind: str, files: Mapping[str, bytes]) -> dict[bytes, str]:
    """Every word of a kind, and a file that it is in."""
    return {word: path for path, content in files.items() for word in WORD[kind].findall(content)}


def unmerged(top: Path, state: State) -> dict[str, bytes]:
    """Path → all that the index holds for a conflict."""
    found: dict[str, bytes] = {}
    for line in filter(None, state.index.split("\0")):
        meta, path = line.split("\t", 1)
        _, blob, stage = meta.split()
        if stage != "0":
            done = subprocess.run(["git", "cat-file", "blob", blob], cwd=top, capture_output=True, check=True)
            found[path] = found.get(path, b"") + done.stdout
    return found


def run(command: list[str], place: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Run a tool to its end, without a terminal; its exit code and all that it says."""
    done = subprocess.run(
        command,
        cwd=place,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode(errors="replace")


def judge(situation: Situation, tool: Tool, place: Path, versions: Mapping[str, Tree]) -> Verdict:
    """Run a tool in a situation and say what became of everything."""
    top = Path(git(place, "rev-parse", "--show-toplevel").rstrip("\n")) if is_repository(place) else place
    before = look(top)
    if situation.kill:
        return killed(tool, place, before, versions)
    code, output = run(tool.bring[situation.to], place, situation.env)
    after = look(top)
    if after == before:
        done = "failed, nothing changed" if FAILED.search(output) else "refused" if code else "nothing done"
        return Verdict(outcome=done, code=code, silent=[] if code else ["the whole change"], output=output)
    held = {path: content for path, (_, content) in after.files.items()}
    conflicts = unmerged(top, after)
    rejected = [path for path in held.keys() - before.files.keys() if path.endswith(".rej")]
    marked = [path for path, content in held.items() if MARKER.search(content) and not was_marked(before, path)]
    everything = b"\0".join([*held.values(), *conflicts.values()])
    mine = words("MINE", {path: content for path, (_, content) in before.files.items()})
    old = words("NEW", {path: file.content for path, file in versions["v1"].items()})
    new = words("NEW", {path: file.content for path, file in versions[situation.to].items()})
    new = {word: path for word, path in new.items() if word not in old and path != situation.unwanted}
    lost = [f"user's {path}" for word, path in mine.items() if word not in everything]
    lost += [f"template's {path}" for word, path in new.items() if word not in everything]
    removed = versions["v1"].keys() - versions[situation.to].keys()
    lost += [f"template's removal of {path}" for path in removed & held.keys() - conflicts.keys()]
    crashed = "Traceback" in output or code not in (0, CONFLICTS)
    named = [
        one
        for one in lost
        if is_named(one.removeprefix("user's ").split("template's ")[-1].removeprefix("removal of "), output)
    ]
    # A crash is not silent; what it leaves overwritten is harm.
    silent = [one for one in lost if one not in named and not crashed]
    harm = None if silent else situation.check(place)
    if crashed and (gone := [one for one in lost if one.startswith("user")]):
        harm = f"{', '.join(gone)} overwritten"
    if after.head != before.head:
        harm = "HEAD moved"
    said = []
    if crashed:
        missing = sum(one.startswith("template") for one in lost)
        said.append(f"crashed half-way, {missing} of {len(new)} changes missing")
    if conflicts or marked or rejected:
        said.append("conflict" + (" (.rej)" if rejected and not (conflicts or marked) else ""))
    if situation.unwanted and f"NEW_{Path(situation.unwanted).stem}".encode() not in b"\0".join(held.values()):
        said.append("stays deleted, " + ("said" if is_named(situation.unwanted, output) else "not said"))
    if not (said or lost or harm):
        said.append("merged")
    said += [f"missing, but named: {', '.join(named)}"] if named and not crashed else []
    return Verdict(outcome=", ".join(said), code=code, silent=silent, harm=harm, output=output)


def was_marked(state: State, path: str) -> bool:
    """Whether a file had conflict markers before."""
    return path in state.files and MARKER.search(state.files[path][1]) is not None


def is_named(path: str, output: str) -> bool:
    """Whether a message names a file, apart from lists of progress."""
    return any(path in line and not PROGRESS.search(line) for line in output.splitlines())


def killed(tool: Tool, place: Path, before: State, versions: Mapping[str, Tree]) -> Verdict:
    """Kill a tool and its children when it has changed the first file, and take the way back that it offers."""
    changed = [path for path, file in versions["v2"].items() if versions["v1"].get(path) != file]

    def touched() -> list[str]:
        return [path for path in changed if moved(place / path, before.files.get(path))]

    process = subprocess.Popen(
        tool.bring["v2"], cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while process.poll() is None and not touched():
        time.sleep(0.0002)
    over = process.poll() is not None
    if not over:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    left = f"{len(touched())} of {len(changed)} files changed"
    if over:
        left += " (it had ended)"
    if tool.back is not None:
        code, output = run(tool.back, place, {})
        restored = look(place) == before
        return Verdict(
            outcome=f"{left}; `--abort` restores all" if restored else left,
            code=code,
            silent=[],
            harm=None if restored else "`--abort` does not restore all",
            output=output,
        )
    code, output = run(tool.bring["v2"], place, {})
    again = "goes on over it" if code == 0 else "refuses to run again"
    return Verdict(outcome=f"{left}; {again}, no way back of its own", code=code, silent=[], output=output)


def moved(place: Path, was: tuple[str, bytes] | None) -> bool:
    """Whether a file has come, gone or got another size, which every change of the template gives it."""
    try:
        return place.stat().st_size != (len(was[1]) if was else None)
    except FileNotFoundError:
        return was is not None
