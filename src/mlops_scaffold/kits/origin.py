"""Where a kit is: `PATH` or a git URL, and `@` with a tag, a branch or a commit. Pure: nothing is looked up."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from mlops_scaffold.errors import KitError

REF = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._+-]|/(?=[0-9A-Za-z]))*")
REF_CHARACTERS = 200

URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>[^/]*)(?P<path>/.*)?")
SSH = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]+:(?!//)[^:\s]+")
"""`git@host:path`, as ssh is often written. One letter before the colon is a drive of Windows."""

SCHEMES = ("https", "ssh", "file")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a kit is.

    Attributes:
        source: A git URL, or a path.
        ref: The wanted tag, branch or commit; None for the default branch, or for a folder as it is.
    """

    source: str
    ref: str | None = None

    @property
    def is_url(self) -> bool:
        """Whether git fetches it from somewhere; else it is a folder here."""
        return is_url(self.source)

    def __str__(self) -> str:
        """As it is written on the command line."""
        return f"{self.source}@{self.ref}" if self.ref else self.source


def is_url(source: str) -> bool:
    """Whether a source is a git URL and not a path."""
    return bool(URL.fullmatch(source) or SSH.fullmatch(source))


def parse(text: str) -> Origin:
    """Read what somebody has typed, or what a repository says.

    Raises:
        KitError: It is no place that a kit is taken from.
    """
    if not text.strip() or not text.isprintable():
        raise _empty()
    return checked(*_split(text))


def checked(source: str, ref: str | None) -> Origin:
    """An origin that git can be asked for without harm.

    Raises:
        KitError: It is no place that a kit is taken from.
    """
    if not source.strip() or not source.isprintable() or not (ref or "").isprintable():
        raise _empty()
    found = URL.fullmatch(source)
    if found and _holds_a_secret(found):
        raise KitError(
            "The kit's URL holds a password, or what may be one, and it would be written into the repository. Leave "
            "out what stands before @ and after ?; a credential helper of git's can give it."
        )
    text = f"{source}@{ref}" if ref else source
    if source.startswith("-") or (ref is not None and not is_ref(ref)):
        raise KitError(f"{text} is no place of a kit: it would be read as an option, or as no tag, branch or commit.")
    if found is None and "::" in source:
        raise KitError(
            f"{text} names a program to fetch the kit with, and kits come over {_listed()} or from a folder."
        )
    if source.startswith(("//", "\\\\")):
        raise KitError(f"{text} is a folder of another machine, and kits come over {_listed()} or from a folder here.")
    if found:
        if found["scheme"].lower() not in SCHEMES:
            raise KitError(f"Kits come over {_listed()} or from a folder, not over {found['scheme']}.")
        if found["host"].startswith("-") or found["host"].rpartition("@")[2].startswith("-"):
            raise KitError(f"{text} is no place of a kit: its host begins with a hyphen.")
    return Origin(source=source, ref=ref)


def _holds_a_secret(url: re.Match[str]) -> bool:
    """Whether a URL may hold a secret. A name alone is none over ssh, and often a token over https."""
    user = unquote(url["host"].rpartition("@")[0])
    return ":" in user or bool(url["scheme"].lower() != "ssh" and (user or "?" in url[0]))


def is_ref(text: str) -> bool:
    """Whether a text may name a tag, a branch or a commit: nothing that git reads in another way."""
    return (
        bool(REF.fullmatch(text))
        and ".." not in text
        and not text.endswith((".", ".lock"))
        and len(text) <= REF_CHARACTERS
    )


def _split(text: str) -> tuple[str, str | None]:
    """The source and the ref. An `@` before the path (`git@host`) belongs to the source."""
    if os.path.exists(text):  # noqa: PTH110 - also False for a name that no file can have
        return text, None
    found = URL.fullmatch(text)
    start = found.start("path") if found and found["path"] else text.find(":") + 1 if SSH.match(text) else 0
    at = text.rfind("@", start)
    return (text[:at], text[at + 1 :]) if at > start else (text, None)


def _empty() -> KitError:
    return KitError("The kit's place is empty or can't be printed. Name a folder or a git URL.")


def _listed() -> str:
    return f"{', '.join(SCHEMES[:-1])} and {SCHEMES[-1]} URLs"


def relative_to(origin: Origin, project: Path) -> Origin:
    """The same place as a project records it: a path that is not absolute leads from the project's directory.

    Args:
        origin: As typed, from the current directory.
        project: The project's directory.
    """
    if origin.is_url or Path(origin.source).is_absolute():
        return origin
    try:
        # Behind a link `..` leads elsewhere than the names say.
        path = os.path.relpath(os.path.realpath(origin.source), os.path.realpath(project))
    except ValueError:  # on another drive of Windows
        path = str(Path(origin.source).absolute())
    return Origin(source=Path(path).as_posix(), ref=origin.ref)


def seen_from(origin: Origin, project: Path) -> Origin:
    """The place of a recorded origin: a path leads from the project's directory.

    Raises:
        KitError: It is no place that a kit is taken from.
    """
    checked(origin.source, origin.ref)
    if origin.is_url:
        return origin
    return Origin(source=str(project / origin.source), ref=origin.ref)
