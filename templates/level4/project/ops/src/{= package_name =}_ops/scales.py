"""Where values lie on an axis, and how numbers and times are written for people."""

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

DAY = dt.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """An axis from a lowest to a highest number.

    Attributes:
        low: The number at its beginning.
        high: The number at its end.
    """

    low: float
    high: float

    @classmethod
    def around(cls, values: Iterable[float | None], *, zero: bool = False) -> Self:
        """Return an axis with room for values.

        Args:
            values: Those that are finite count.
            zero: Whether it has to begin at zero.
        """
        found = [value for value in values if value is not None and math.isfinite(value)] + [0.0] * zero
        if not found:
            return cls(low=0.0, high=1.0)
        low, high = min(found), max(found)
        margin = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
        return cls(low=low if zero and low >= 0 else low - margin, high=high + margin)

    def place(self, value: float) -> float:
        """Return where a number lies, from 0 to 1; one outside lies at the end."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def ticks(self, most: int = 4) -> list[float]:
        """Return round numbers on it.

        Args:
            most: How many at most.
        """
        rough = (self.high - self.low) / most
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(number * step, 12) for number in range(first, last + 1)]


@dataclass(frozen=True, kw_only=True)
class Span:
    """An axis of time.

    Attributes:
        start: Its beginning.
        end: Its end.
    """

    start: dt.datetime
    end: dt.datetime

    def place(self, at: dt.datetime) -> float:
        """Return where a moment lies, from 0 to 1; one outside lies at the end."""
        return min(1.0, max(0.0, (at - self.start) / (self.end - self.start)))

    def ticks(self, most: int = 6) -> list[tuple[dt.datetime, str]]:
        """Return round moments on it, each with its text.

        Args:
            most: How many at most.
        """
        length = self.end - self.start
        midnight = self.start.replace(hour=0, minute=0, second=0, microsecond=0)
        for hours in (1, 3, 6, 12, 24, 48, 120, 168, 336):
            step = dt.timedelta(hours=hours)
            if length / step <= most:
                moments = [midnight + number * step for number in range(int((length + DAY) / step) + 2)]
                return [(at, clock(at) if hours < 24 else day(at)) for at in moments if self.start <= at <= self.end]
        months = next((months for months in (1, 2, 3, 6) if length / (months * 30 * DAY) <= most), 12)
        years = range(self.start.year, self.end.year + 1)
        firsts = (midnight.replace(year=year, month=month, day=1) for year in years for month in range(1, 13, months))
        inside = [(at, f"{at:%b %Y}") for at in firsts if self.start <= at <= self.end]
        return inside[:: -(-len(inside) // most) or 1]


def number(value: float | None) -> str:
    """Return a number with three digits that count; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if size and not 1e-3 <= size < 1e7:
        return f"{value:.2g}"
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 or not size else 3
    return _short(f"{value:,.{decimals}f}")


def fixed(value: float, size: float) -> str:
    """Return a number with as many decimals as tell apart numbers that differ by some size."""
    if not 1e-9 < abs(size) < 1e9:
        return number(value)
    # Steps such as 0.025 need one more than their size says.
    first = max(0, -math.floor(math.log10(abs(size)) + 1e-9))
    decimals = first + (abs(round(size, first) - size) > 1e-9 * abs(size))
    return f"{value:,.{decimals}f}"


def between(low: float, high: float) -> str:
    """Return an interval, with two digits of its width."""
    step = 10.0 ** (math.floor(math.log10(high - low)) - 1) if high > low else 0.0
    return f"{fixed(low, step)} – {fixed(high, step)}"


def percent(value: float | None) -> str:
    """Return a part of a whole as a percentage; nearly all of it never looks like all; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(100 * value)
    decimals = (
        3
        if 99 <= size < 100
        else 1
        if 90 <= size < 99
        else 0
        if size >= 10
        else 1
        if size >= 1
        else 2
        if size >= 0.1
        else 3
    )
    return f"{_short(f'{100 * value:.{decimals}f}')}%"


def count(value: int, one: str, many: str = "") -> str:
    """Return a number of things, such as "1 row" and "2,000 rows"."""
    return f"{value:,} {one if value == 1 else many or f'{one}s'}"


def duration(value: dt.timedelta) -> str:
    """Return about how long something takes."""
    hours = value.total_seconds() / 3600
    if hours < 1:
        return count(round(60 * hours), "minute")
    return count(round(hours), "hour") if hours < 48 else count(round(hours / 24), "day")


def day(at: dt.date) -> str:
    """Return a day, such as "4 Mar"."""
    return f"{at.day} {at:%b}"


def clock(at: dt.datetime) -> str:
    """Return a day and a time, such as "4 Mar 12:00"."""
    return f"{day(at)} {at:%H:%M}"


def period(start: dt.datetime, end: dt.datetime) -> str:
    """Return a stretch of time, such as "4 Mar 2024 00:00 – 12:00"."""
    same = start.date() == end.date()
    return f"{day(start)} {start:%Y %H:%M} – {f'{end:%H:%M}' if same else clock(end)}"


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
