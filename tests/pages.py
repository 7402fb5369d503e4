"""Pages of documentation as something to run: their fenced blocks, and the commands and output in those.

A block's first line says what it is, in words that a reader does not see: ```` ```toml title=kit.toml ````.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"

FENCE = re.compile(r"^```(?P<language>\w*) *(?P<words>.*)\n(?P<text>(?:(?!```).*\n)*)```$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block.

    Attributes:
        language: The language that it is highlighted as; may be empty.
        words: What else its first line says: `title=FILE` for one to write, `append=FILE` for one to add to,
            `shown=FILE` for one that is there; for commands `exit=1` when the last of them does not end with 0, and
            `terminal` when they ask.
        text: What is in it.
        before: The page up to it.
    """

    language: str
    words: dict[str, str]
    text: str
    before: str


@dataclass(kw_only=True)
class Step:
    """A command of a page, and the lines that the page shows for it."""

    command: str
    shown: list[str] = field(default_factory=list)


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in their order."""
    for found in FENCE.finditer(page):
        words = dict((*word.split("=", 1), "")[:2] for word in found["words"].split())
        yield Block(language=found["language"], words=words, text=found["text"], before=page[: found.start()])


def steps(text: str) -> list[Step]:
    """The commands of a block, each after a `$ `."""
    found: list[Step] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(Step(command=line[2:]))
        elif line:
            found[-1].shown.append(line)
    return found
