"""Every failure that a user can meet, each with a sentence that is ready to print.

ScaffoldError
├── UsageError              2   the command can't mean anything
│   └── AnswerError         2   an answer that its question does not take
├── RefusedError            3   the command is clear, but doing it would harm something
│   ├── DestinationError    3   the place to write to is taken or can't be written
│   ├── GitError            3   git is missing, too old, or said no
│   └── KitError            3   a kit is wrong, unsafe or out of reach
└── TemplateError          70   a template of ours is wrong: a bug, never the user's fault

A message says what happened, then what to do.
"""

from typing import ClassVar


class ScaffoldError(Exception):
    """A failure with a sentence for the user and the exit code of the command."""

    exit_code: ClassVar[int]


class UsageError(ScaffoldError):
    """The command line or a file that it names can't be understood."""

    exit_code = 2


class AnswerError(UsageError):
    """An answer is unknown, of the wrong type, or not accepted by its question."""


class RefusedError(ScaffoldError):
    """Going on would overwrite, lose or half-make something."""

    exit_code = 3


class DestinationError(RefusedError):
    """The destination is not empty, not a directory, or not writable."""


class GitError(RefusedError):
    """Git is missing, older than we need, or refused a command."""


class KitError(RefusedError):
    """A kit can't be had, read or rendered, or it reaches for something that is none of its business.

    Attributes:
        file: The file of the kit that is wrong; None when it is none, or not known.
    """

    def __init__(self, message: str, *, file: str | None = None) -> None:
        super().__init__(message)
        self.file = file


class TemplateError(ScaffoldError):
    """A built-in template can't be rendered.

    Attributes:
        template: The template that is wrong; None when that is not known.
        line: Where in it, counted from 1; None when that is not known.
    """

    exit_code = 70

    def __init__(self, message: str, *, template: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.template = template
        self.line = line
