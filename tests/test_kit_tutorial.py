"""The tutorial for platform teams, followed as it is written: its files, its commands, and what they print.

Only the lock is left out, which takes an index and time. Its place in the story has tests of its own.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from pages import DOCS, Block, Step, blocks, steps

PAGE = (DOCS / "tutorials/platform-team.md").read_text()
HOME = "/home/ada/halden"
"""Where the page says that it is."""

PROGRAM = """#!/bin/sh
case "$1" in new | upgrade | update) set -- "$@" --no-lock ;; esac
exec {python} -m mlops_scaffold "$@"
"""

SCRIPT = """. "$STATE/variables"; cd "$(cat "$STATE/place")" || exit
{command}
code=$?; pwd > "$STATE/place"; export -p > "$STATE/variables"; exit $code
"""


COMMIT = re.compile(r"\b[0-9a-f]{12,40}\b")

COLOURS, MOVES = re.compile(r"\x1b\[[0-9;]*m"), re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

YES_OR_NO = re.compile(r" (\(Y/n\)|Yes)\s*$")


class Reader:
    """Somebody who follows a page, in a shell that keeps its directory and its variables."""

    def __init__(self, folder: Path) -> None:
        self.home, self._state = folder / "halden", folder / "state"
        for path in (self.home, self._state, folder / "bin"):
            path.mkdir()
        program = folder / "bin/mlops-scaffold"
        program.write_text(PROGRAM.format(python=sys.executable))
        program.chmod(0o755)
        (self._state / "place").write_text(str(self.home))
        (self._state / "variables").touch()
        self._env = {**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "TERM": "xterm"}
        self._env["STATE"] = str(self._state)

    @property
    def place(self) -> Path:
        return Path((self._state / "place").read_text().rstrip("\n"))

    def follow(self, block: Block) -> None:
        """Do what a block says, and compare what it shows."""
        if path := block.words.get("title") or block.words.get("append"):
            about = block.before.rpartition("```\n")[2]
            assert f"`{path}`" in about or f"`{Path(path).name}`" in about, f"the text does not name {path}"
            (self.place / path).parent.mkdir(parents=True, exist_ok=True)
            with (self.place / path).open("a" if "append" in block.words else "w") as file:
                file.write(block.text)
        elif path := block.words.get("shown"):
            assert (self.place / path).read_text() == block.text
        elif block.language == "console":
            *first, last = steps(block.text)
            for step in first:
                self._do(step, block, expected=0)
            self._do(last, block, expected=int(block.words.get("exit", "0")))

    def _do(self, step: Step, block: Block, *, expected: int) -> None:
        script = SCRIPT.replace("{command}", step.command)
        code, printed = self._type(script, step) if "terminal" in block.words else self._run(script)
        assert code == expected, f"{step.command}\n{printed}"
        rest = iter(COMMIT.sub("…", printed.replace(str(self.home), HOME)).splitlines())
        missing = [line for line in step.shown if line not in rest]
        assert missing == [], f"{step.command}\n{printed}"

    def _run(self, script: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-c", script],
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def _type(self, script: str, step: Step) -> tuple[int | None, str]:
        """On a terminal each question that the page shows is answered with Enter; no other one may be asked."""
        words = ["--noprofile", "--norc", "-c", script]
        child = pexpect.spawn("bash", words, env=self._env, encoding="utf-8", timeout=60, dimensions=(50, 200))
        questions = [line for line in step.shown if line.startswith("? ")]
        printed = ""
        for question in questions:
            child.expect_exact(YES_OR_NO.sub("", question).removeprefix("? "))
            printed += f"{child.before}{child.after}"
            child.send("\r")
        child.expect(pexpect.EOF)
        child.close()
        text = MOVES.sub("\n", COLOURS.sub("", f"{printed}{child.before}")).replace("\r", "\n")
        asked = {YES_OR_NO.sub("", line).rstrip() for line in text.splitlines() if line.startswith("? ")}
        assert asked == {YES_OR_NO.sub("", question) for question in questions}
        return child.exitstatus, text


def test_the_tutorial_says_what_happens(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for block in blocks(PAGE):
        reader.follow(block)
        if "uvx --with mlops-scaffold pytest" in block.text and not block.language:
            tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
            done = subprocess.run(tests, cwd=reader.place, capture_output=True, text=True, check=False)
            assert "4 passed" in done.stdout
    assert len(list(reader.home.glob("*-model"))) == 10


LIES = {
    "a line that is not printed": "```console\n$ echo one\ntwo\n```",
    "lines in another order": "```console\n$ printf 'one\\ntwo\\n'\ntwo\none\n```",
    "a command that fails": "```console\n$ false\n$ echo one\n```",
    "a command that does not fail": "```console exit=3\n$ true\n```",
    "a question that is kept quiet about": ('```console terminal\n$ for i in 1 2; do echo "? $i?"; done\n? 1?\n```'),
    "a file that is another one": "```console\n$ echo one > a.txt\n```\n\n```text shown=a.txt\ntwo\n```",
    "a file that the text does not name": "Make it.\n\n```text title=a.txt\none\n```",
}


def follow(page: str, reader: Reader) -> None:
    for block in blocks(page):
        reader.follow(block)


@pytest.mark.parametrize("lie", LIES)
def test_a_page_can_not_lie(lie: str, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    with pytest.raises(AssertionError):
        follow(LIES[lie], reader)


def test_a_page_may_say_the_same_truly(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    follow("```console exit=3\n$ printf 'one\\ntwo\\n'\none\ntwo\n$ (exit 3)\n```", reader)
    follow(LIES["a question that is kept quiet about"].replace("? 1?", "? 1?\n? 2?"), reader)
    follow("Make `a.txt`.\n\n```text title=a.txt\none\n```\n\n```text shown=a.txt\none\n```", reader)
