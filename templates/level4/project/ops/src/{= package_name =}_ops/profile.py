"""Counts the values of a column in cells that were learnt from a reference, so that a distribution takes little room.

Numbers are counted between quantiles, texts by the most frequent values, moments by the hour of their day: the moment
itself always moves on. Missing values have a cell of their own.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

MOST_BINS, MOST_LABELS = 50, 200
# A text that is rarer is not named: it says more about one row than about the column.
RAREST = 5
LONGEST_TEXT = 100
OTHERS = "(all others)"
HOURS = tuple(f"{hour:02}" for hour in range(24))

Kind = Literal["number", "category", "hour"]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Where the values of a column are counted.

    Attributes:
        kind: What they are.
        edges: Of numbers: what separates the cells, and bounds the first and the last, ascending.
        labels: Of all others: the values that have cells of their own.
    """

    kind: Kind
    edges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()

    @classmethod
    def of_numbers(cls, values: Iterable[Any]) -> Self:
        """Return cells that hold about equally many numbers each."""
        numbers = np.unique(found := _finite(values))
        if len(numbers) < 2:
            middle = float(numbers[0]) if len(numbers) else 0.0
            room = max(abs(middle), 1.0) * 1e-6
            return cls(kind="number", edges=(middle - room, middle + room))
        chosen = np.quantile(found, np.linspace(0, 1, MOST_BINS + 1)[1:-1], method="inverted_cdf")
        places = np.unique(np.searchsorted(numbers, chosen))
        places = places[places < len(numbers) - 1]
        # Between two values that are there; a value on an edge is counted below it.
        between = np.maximum(numbers[places] / 2 + numbers[places + 1] / 2, numbers[places])
        first = min(numbers[0] - (numbers[1] / 2 - numbers[0] / 2), np.nextafter(numbers[0], -np.inf))
        last = numbers[-1] + (numbers[-1] / 2 - numbers[-2] / 2)
        edges = np.unique([first, *between, last])
        return cls(kind="number", edges=tuple(edges[np.isfinite(edges)].tolist()))

    @classmethod
    def of_texts(cls, values: Iterable[Any]) -> Self:
        """Return cells for the most frequent values."""
        counts = Counter(named for value in values if (named := text(value)) is not None)
        frequent = sorted((-count, name) for name, count in counts.items() if count >= RAREST)
        return cls(kind="category", labels=tuple(name for _, name in frequent[:MOST_LABELS]))

    @classmethod
    def of_hours(cls) -> Self:
        """Return a cell for each hour of the day."""
        return cls(kind="hour", labels=HOURS)

    @property
    def size(self) -> int:
        """The number of cells: those between the edges or of the labels, two for what is outside, one for what is missing."""
        return (len(self.edges) - 1 if self.kind == "number" else len(self.labels)) + 3

    def count(self, values: Sequence[Any]) -> Counts:
        """Return how many values are in each cell.

        The first cell is for missing values, the second for numbers below all edges, the last for numbers above them and for
        values without a cell of their own.
        """
        if self.kind == "number":
            numbers = _numbers(values)
            present = numbers[~np.isnan(numbers)]
            cells = np.searchsorted(self.edges, present, side="left") + 1
            counts = np.bincount(cells, minlength=self.size)
            counts[0] = len(numbers) - len(present)
            return counts.astype(np.int64)
        places = {label: place for place, label in enumerate(self.labels, start=2)}
        counts = np.zeros(self.size, dtype=np.int64)
        name = hour if self.kind == "hour" else text
        for value, count in _tally(values).items():
            named = name(value)
            counts[0 if named is None else places.get(named, self.size - 1)] += count
        return counts


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """The distribution of one column.

    Attributes:
        cells: Where values are counted.
        counts: How many are in each, see `Cells.count`.
    """

    cells: Cells
    counts: Counts

    @property
    def rows(self) -> int:
        """Number of values, missing ones included."""
        return int(self.counts.sum())

    def to_json(self) -> dict[str, Any]:
        """Return what `of_json` reads."""
        cells = self.cells
        places = {"edges": list(cells.edges)} if cells.kind == "number" else {"labels": list(cells.labels)}
        return {"kind": cells.kind, **places, "counts": self.counts.tolist()}

    @classmethod
    def of_json(cls, facts: dict[str, Any]) -> Self:
        """Return the distribution that `to_json` wrote."""
        places = {name: tuple(facts.get(name, ())) for name in ("edges", "labels")}
        return cls(cells=Cells(kind=facts["kind"], **places), counts=np.array(facts["counts"], dtype=np.int64))

    def beside(self, counts: Counts) -> dict[str, Any]:
        """Return this distribution and another in the same cells, for people.

        Args:
            counts: Of the window.
        """
        pairs = np.stack([self.counts, counts]).T.tolist()
        inner, (missing, below, above) = pairs[2:-1], (pairs[0], pairs[1], pairs[-1])
        if self.cells.kind == "number":
            facts = {"kind": "number", "edges": list(self.cells.edges), "below": below, "above": above}
        else:
            labels = [*self.cells.labels, OTHERS] if any(above) else list(self.cells.labels)
            inner = [*inner, above][: len(labels)]
            facts = {"kind": "category", "labels": labels, "hours": self.cells.kind == "hour"}
        columns = {name: [pair[side] for pair in inner] for side, name in enumerate(("reference", "window"))}
        return {**facts, **columns, "missing": missing}


def learn(values: Sequence[Any], kind: Kind, known: Sequence[Any] | None = None) -> Part:
    """Return the distribution of a column, in cells that fit it.

    The frequent texts of a sample are more frequent in it than elsewhere, which would look like a change. So half of the
    rows say which texts have a cell, and only the other half is counted.

    Args:
        values: The column.
        kind: What they are.
        known: All values that there can be, if they are listed.
    """
    if kind == "number":
        cells = Cells.of_numbers(values)
    elif kind == "hour":
        cells = Cells.of_hours()
    elif known is not None and len(known) <= MOST_LABELS:
        cells = Cells(kind="category", labels=tuple(name for value in known if (name := text(value)) is not None))
    else:
        cells, values = Cells.of_texts(values[::2]), values[1::2]
    return Part(cells=cells, counts=cells.count(values))


def text(value: Any, longest: int | None = LONGEST_TEXT) -> str | None:
    """Return a value as it is counted; None if it is missing.

    Args:
        value: As JSON or pandas have it.
        longest: Cut it after so many characters.
    """
    if is_missing(value):
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return (value.isoformat() if isinstance(value, dt.datetime) else str(value))[:longest]


def hour(value: Any) -> str | None:
    """Return the hour of a moment or of its text, in UTC if it has a zone; None if it is missing, or is none."""
    try:
        moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value)
        return f"{(moment.astimezone(dt.UTC) if moment.tzinfo else moment).hour:02}"
    except (TypeError, ValueError):
        return None


def is_missing(value: Any) -> bool:
    """Return whether a value is missing, in JSON or in pandas."""
    # What is not equal to itself is NaN or NaT; pandas' NA has no answer.
    return value is None or type(value).__name__ == "NAType" or bool(value != value)


def _finite(values: Iterable[Any]) -> npt.NDArray[np.float64]:
    numbers = _numbers(list(values))
    return numbers[np.isfinite(numbers)]


def _numbers(values: Sequence[Any]) -> npt.NDArray[np.float64]:
    try:
        return np.array(values, dtype=float)
    except (TypeError, ValueError, OverflowError):
        return np.array([_number(value) for value in values], dtype=float)


def _number(value: Any) -> float:
    try:
        return math.nan if is_missing(value) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _tally(values: Sequence[Any]) -> Counter[Any]:
    try:
        return Counter(values)
    except TypeError:
        return Counter(str(value) for value in values)
