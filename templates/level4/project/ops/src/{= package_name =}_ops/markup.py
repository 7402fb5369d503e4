"""Builds HTML and SVG in which no text of others can become markup."""

import html
from collections.abc import Iterable, Mapping, Sequence

# Elements that have no end; all others are closed, which HTML and SVG both understand.
VOID = ("br", "hr", "link", "meta")


class Markup(str):
    """A text that is markup already."""

    __slots__ = ()


def element(name: str, /, *children: str, attributes: Mapping[str, object] | None = None, **more: object) -> Markup:
    """Return an element.

    Args:
        name: Such as "p".
        children: What is in it; a text that is no `Markup` is escaped.
        attributes: Those whose names are no names in Python.
        more: Others; `class_` is `class`, and `stroke_width` is `stroke-width`. None leaves an attribute out, and so does
            False; True writes only its name.
    """
    named = {key.rstrip("_").replace("_", "-"): value for key, value in more.items()}
    written = "".join(_attribute(key, value) for key, value in {**(attributes or {}), **named}.items())
    return Markup(f"<{name}{written}>" if name in VOID else f"<{name}{written}>{join(children)}</{name}>")


def join(children: Iterable[str]) -> Markup:
    """Return texts and markup one after the other; a text that is no `Markup` is escaped."""
    return Markup("".join(child if isinstance(child, Markup) else html.escape(child) for child in children))


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, folded: bool = True) -> Markup:
    """Return numbers as a table, for people who would rather read or copy them.

    Args:
        caption: What it holds.
        head: The names of the columns.
        rows: The cells.
        folded: Whether it is shown only on a click.
    """
    first = element("tr", *(element("th", name, scope="col") for name in head))
    body = [element("tr", *(element("td", cell) for cell in row)) for row in rows]
    content = element(
        "div",
        element("table", element("caption", caption), element("thead", first), element("tbody", *body)),
        # A wide table scrolls, by the keyboard too.
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=caption,
    )
    return element("details", element("summary", "As a table"), content, class_="data") if folded else content


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
