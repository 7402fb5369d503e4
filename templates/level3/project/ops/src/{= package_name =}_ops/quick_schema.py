"""Lets valid rows through pandera's schemas quickly.

For one row, pandera spends most of its time on what only a report of refused rows needs: it copies each column's schema
and collects errors. Here its own types and checks are asked without that, and not again for a value that has passed. Whatever they do not let through, and each
schema with an option that is not known here, is left to pandera, so nothing is accepted, refused or reported otherwise.
"""

import contextlib
import functools
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera import dtypes
from pandera.config import ValidationDepth, get_config_context
from pandera.engines import numpy_engine, pandas_engine

_PANDERA = pa.DataFrameSchema.validate
# An option that is not named here, also one of a later pandera, must have its default.
_SCHEMA_DEFAULTS, _COLUMN_DEFAULTS = vars(pa.DataFrameSchema()), vars(pa.Column())
_SCHEMA_OPTIONS = frozenset({"columns", "_coerce", "strict", "name", "title", "description", "metadata"})
_COLUMN_OPTIONS = frozenset(
    {"_dtype", "checks", "coerce", "nullable", "required", "name", "title", "description", "metadata"}
)
_TYPES = (dtypes.Bool, dtypes.Int, dtypes.UInt, dtypes.Float, dtypes.String, dtypes.Timestamp, dtypes.Category)
_ENGINES = (numpy_engine.__name__, pandas_engine.__name__)
# Checks that look at each value by itself: a value that passed will pass again.
_OF_EACH_VALUE = frozenset(
    {
        *("equal_to", "not_equal_to", "greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to"),
        *("in_range", "isin", "notin", "str_matches", "str_contains", "str_startswith", "str_endswith", "str_length"),
    }
)
_MOST_CHECKS, _MOST_VALUES, _LONGEST_TEXT = 200, 10_000, 100
# The values that passed each check; with the check itself, so that no other one gets its id.
_passed: dict[int, tuple[pa.Check, set[Any]]] = {}


def install() -> None:
    """Let the schemas of this process validate quickly where they can."""
    # In the class, because an attribute of one schema would go along into its copies, which may have other columns.
    setattr(pa.DataFrameSchema, "validate", _validate)  # noqa: B010 - type checkers object to assigning a method


def uninstall() -> None:
    """Give the schemas of this process pandera's own validation back."""
    setattr(pa.DataFrameSchema, "validate", _PANDERA)  # noqa: B010


@functools.wraps(_PANDERA)
def _validate(self: pa.DataFrameSchema, check_obj: Any, *args: Any, **kwargs: Any) -> Any:
    valid = None
    if not args and kwargs.keys() <= {"lazy"}:
        with contextlib.suppress(Exception):  # pandera, asked next, says what is wrong with the rows
            valid = _valid(self, check_obj) if _is_plain(self) else None
    return _PANDERA(self, check_obj, *args, **kwargs) if valid is None else valid


def _is_plain(schema: pa.DataFrameSchema) -> bool:
    """Return whether a schema is no more than columns, each looked at by itself."""
    config = get_config_context()
    return (
        type(schema) is pa.DataFrameSchema
        and schema.strict == "filter"
        and config.validation_enabled
        and config.validation_depth is ValidationDepth.SCHEMA_AND_DATA
        and _has_defaults(schema, _SCHEMA_DEFAULTS, _SCHEMA_OPTIONS)
        and all(
            type(column) is pa.Column
            and column.name == name
            and _is_plain_type(column.dtype)
            and _has_defaults(column, _COLUMN_DEFAULTS, _COLUMN_OPTIONS)
            and all(type(check) is pa.Check and check.groupby is None for check in column.checks)
            for name, column in schema.columns.items()
        )
    )


def _is_plain_type(dtype: Any) -> bool:
    # A type that takes any time zone changes itself when it reads values, so pandera gives it a copy.
    options = ("time_zone_agnostic", "to_datetime_kwargs", "tz_localize_kwargs")
    return (
        isinstance(dtype, _TYPES)
        and type(dtype).__module__ in _ENGINES
        and not any(getattr(dtype, option, None) for option in options)
    )


def _has_defaults(options: object, defaults: dict[str, Any], known: frozenset[str]) -> bool:
    given = vars(options)
    return given.keys() == defaults.keys() and all(
        name in known or value == defaults[name] for name, value in given.items()
    )


def _valid(schema: pa.DataFrameSchema, rows: Any) -> pd.DataFrame | None:
    """Return rows as pandera does, in the same steps; None if they may not be valid."""
    if type(rows) is not pd.DataFrame or rows.columns.nlevels > 1 or not rows.columns.is_unique:
        return None
    valid: pd.DataFrame = rows.copy()
    if others := [name for name in valid.columns if name not in schema.columns]:
        valid = valid.drop(labels=others, axis=1)
    for name, column in schema.columns.items():
        if name in valid.columns:
            values = valid[name]
            if not _is_of_type(values, column) and (schema.coerce or column.coerce):
                valid[name] = values = column.dtype.try_coerce(values)
            if not _fits(values, column):
                return None
        elif column.required:
            return None
    return valid


def _is_of_type(values: "pd.Series[Any]", column: pa.Column) -> bool:
    """Return whether values are of a column's type, and reading them as such leaves them as they are."""
    # These types are equal whatever the order of the categories, or the name of the time zone.
    inexact = isinstance(values.dtype, pd.CategoricalDtype | pd.DatetimeTZDtype)
    return not inexact and bool(values.dtype == column.dtype.type)


def _fits(values: "pd.Series[Any]", column: pa.Column) -> bool:
    missing = values.hasnans
    if missing and not column.nullable:
        return False
    if not _is_of_type(values, column):
        of_type: Any = column.dtype.check(pandas_engine.Engine.dtype(values.dtype), values)
        if not np.all(of_type):
            return False
    remembered = not missing and (isinstance(values.dtype, pd.StringDtype) or values.dtype.kind in "biuf")
    return all(_passes(check, values, known=_known(check) if remembered else None) for check in column.checks)


def _passes(check: pa.Check, values: "pd.Series[Any]", known: set[Any] | None) -> bool:
    found = [] if known is None else values.tolist()
    if known and known.issuperset(found):
        return True
    passed = bool(check(values).check_passed)
    if known is not None and passed and len(known) < _MOST_VALUES:
        known.update(value for value in found if not isinstance(value, str) or len(value) <= _LONGEST_TEXT)
    return passed


def _known(check: pa.Check) -> set[Any] | None:
    """Return the values that are known to pass a check; None if that does not depend on each value alone."""
    if (known := _passed.get(id(check))) is not None:
        return known[1]
    # Pandera goes by the name of the function too, since a check itself may be given any name.
    if getattr(vars(check)["_check_fn"], "__name__", "") not in _OF_EACH_VALUE:
        return None
    if len(_passed) >= _MOST_CHECKS:
        _passed.clear()
    return _passed.setdefault(id(check), (check, set()))[1]
