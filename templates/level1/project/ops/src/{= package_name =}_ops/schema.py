"""Reads a pandera schema: its columns as plain facts, and its errors as sentences."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

Kind = Literal["number", "integer", "boolean", "datetime", "text"]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One column of a schema.

    Attributes:
        name: The column.
        kind: What its values are.
        aware: Whether times carry a time zone.
        required: Whether the column must be there.
        nullable: Whether values may be missing.
        minimum: Smallest value allowed, if there is one.
        maximum: Largest value allowed, if there is one.
        above: Values must be greater than this, if there is such a bound.
        below: Values must be less than this, if there is such a bound.
        choices: All values allowed, if they are listed.
        pattern: Regular expression that a text has to match from its start, if there is one; as in JSON Schema, `$` is
            the very end of the text.
        description: What the column means.
    """

    name: str
    kind: Kind
    aware: bool = False
    required: bool = True
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[Any, ...] | None = None
    pattern: str | None = None
    description: str = ""


def fields(schema: pa.DataFrameSchema) -> list[Field]:
    """Return the columns of a schema in its order; checks that have no plain form are left to pandera."""
    return [_field(str(name), column) for name, column in schema.columns.items()]


def problems(error: Exception) -> list[tuple[int | None, str, str]]:
    """Return what is wrong with the rows that a schema refused.

    Args:
        error: What `validate` raised.

    Returns:
        Position of the row (None for a whole column), column and sentence, each pair of row and column once.
    """
    if not isinstance(error, SchemaErrors):
        return [(None, "", str(error))]
    found: dict[tuple[int | None, str], str] = {}
    for row, column, text in _cases(error.failure_cases):
        found.setdefault((row, column), text)
    return [(row, column, text) for (row, column), text in found.items()]


def summary(error: Exception, most: int = 3) -> str:
    """Return the first problems of refused rows as one line."""
    found = problems(error)
    lines = [f"{column}: {text}" + (f" (row {row})" if row is not None else "") for row, column, text in found[:most]]
    return "; ".join(lines).removeprefix(": ") + (f"; and {len(found) - most} more" if len(found) > most else "")


def _cases(cases: pd.DataFrame) -> Iterator[tuple[int | None, str, str]]:
    for case in cases.to_dict("records"):
        check, value = str(case["check"]), case["failure_case"]
        index: Any = case["index"]
        row = int(float(index)) if isinstance(index, Real) and not math.isnan(index) else None
        if check == "column_in_dataframe":
            yield None, str(value), "the column is missing"
        elif check == "not_nullable":
            yield row, str(case["column"]), "a value is missing"
        elif check.startswith(("coerce_dtype", "dtype")):
            kind = check.partition("(")[2].strip("')")
            yield row, str(case["column"]), f"{'a value' if value is None else _shorten(value)} can't be read as {kind}"
        elif check in ("field_uniqueness", "multiple_fields_uniqueness"):
            yield row, str(case["column"]), f"{_shorten(value)} is there more than once"
        else:
            yield row, str(case["column"]), f"{_shorten(value)} does not fit {check}"


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _field(name: str, column: pa.Column) -> Field:
    dtype = _dtype(column)
    facts: dict[str, Any] = {}
    for check in column.checks:
        given = getattr(check, "statistics", None) or {}
        match getattr(check, "name", None):
            case "in_range":
                facts["minimum" if given["include_min"] else "above"] = given["min_value"]
                facts["maximum" if given["include_max"] else "below"] = given["max_value"]
            case "greater_than_or_equal_to":
                facts["minimum"] = given["min_value"]
            case "greater_than":
                facts["above"] = given["min_value"]
            case "less_than_or_equal_to":
                facts["maximum"] = given["max_value"]
            case "less_than":
                facts["below"] = given["max_value"]
            case "isin":
                facts["choices"] = tuple(given["allowed_values"])
            case "str_matches":
                facts["pattern"] = str(getattr(given["pattern"], "pattern", given["pattern"])).replace(r"\Z", "$")
    return Field(
        name=name,
        kind=_kind(dtype),
        aware=isinstance(dtype, pd.DatetimeTZDtype),
        required=column.required,
        nullable=column.nullable,
        description=column.description or "",
        **facts,
    )


def _dtype(column: pa.Column) -> Any:
    try:
        return pd.api.types.pandas_dtype("object" if column.dtype is None else str(column.dtype))
    except TypeError:
        # Types that only pandera knows, such as dates and decimals, are written as text.
        return pd.api.types.pandas_dtype("object")


def _kind(dtype: Any) -> Kind:
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if pd.api.types.is_integer_dtype(dtype):
        return "integer"
    if pd.api.types.is_numeric_dtype(dtype):
        return "number"
    return "datetime" if pd.api.types.is_datetime64_any_dtype(dtype) else "text"
