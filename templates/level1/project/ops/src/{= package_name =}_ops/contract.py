"""The contract between the team's package and the wiring: what the wiring may use, and nothing else.

It stays as it is from level 1 to level 4. The type checker compares the team's modules with these protocols.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pandera.pandas as pa

CONTRACT = 1


class Data(Protocol):
    """What `data.py` offers."""

    @property
    def SCHEMA(self) -> pa.DataFrameSchema:  # noqa: N802
        """The columns that the model may see, without the target."""

    @property
    def TARGET(self) -> str:  # noqa: N802
        """The column to predict."""

    @property
    def KEY(self) -> str:  # noqa: N802
        """The column that names each row once; compared as text."""

    @property
    def TIME(self) -> str | None:  # noqa: N802
        """The column with the time of a row, if there is one; data is collected and split by it."""

    @property
    def GROUP(self) -> str | None:  # noqa: N802
        """The column whose rows belong together (a customer's, say), if there is one; a split keeps them on one side."""

    def load(self, paths: Sequence[Path]) -> pd.DataFrame:
        """Read Parquet files of collected rows."""

    def validate(self, df: pd.DataFrame, *, labelled: bool) -> pd.DataFrame:
        """Return the same rows in the same order with the same index and converted types, or raise.

        With `labelled`, the columns `KEY`, `TARGET`, `TIME` and `GROUP` are kept.
        """


class Model(Protocol):
    """What `model.py` offers."""

    def train(self, df: pd.DataFrame, params: Mapping[str, Any], seed: int) -> Any:
        """Fit a model on validated, labelled rows."""

    def evaluate(self, model: Any, df: pd.DataFrame) -> dict[str, float]:
        """Return the metrics on validated, labelled rows, which may be a slice; NaN where a metric is undefined there."""

    def predict(self, model: Any, rows: pd.DataFrame) -> pd.DataFrame:
        """Return `prediction`, and for classification `score`, of each row from that row alone.

        `score` is the probability that `TARGET` is 1. Several threads may call this at once.
        """

    def save_model(self, model: Any, dir: Path) -> None:
        """Write `model.skops` to an existing folder."""

    def load_model(self, dir: Path) -> Any:
        """Read `model.skops` from a folder."""


class Scoring(Protocol):
    """What `score.py` offers: a pure function, and Azure ML's two entry points over it."""

    def score(self, model: Any, payload: dict[str, Any]) -> dict[str, Any]:
        """Answer `{"instances": [...]}` with `{"predictions": [...]}` in the same order, or raise.

        Several threads may call this at once, with different models.
        """

    def init(self) -> None:
        """Load the model of this process."""

    def run(self, data: str) -> dict[str, Any]:
        """Answer one request in JSON."""
