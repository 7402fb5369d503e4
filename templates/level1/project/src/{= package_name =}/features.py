"""The features: what the model gets to see of a row."""

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

CATEGORIES = ["carrier", "origin", "dest", "month", "hour"]
NUMBERS = ["distance"]


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """Derive the features of each row from that row alone.

    Args:
        rows: Rows that fit `data.SCHEMA`; other columns are ignored.

    Returns:
        One row for each row, with the columns `CATEGORIES` and `NUMBERS` and the same index.
    """
    departure = rows["scheduled_departure"].dt
    return rows.assign(month=departure.month, hour=departure.hour)[CATEGORIES + NUMBERS]


def encoder() -> ColumnTransformer:
    """Return the unfitted step that turns features into numbers.

    A category that is unknown, or was seen fewer than 20 times, counts as "other".
    """
    return ColumnTransformer(
        [
            ("categories", OneHotEncoder(min_frequency=20, handle_unknown="infrequent_if_exist"), CATEGORIES),
            ("numbers", StandardScaler(), NUMBERS),
        ]
    )
