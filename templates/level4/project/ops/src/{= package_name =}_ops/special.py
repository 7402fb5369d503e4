"""What is needed of the distributions of statistics, from SciPy, which is imported when it is needed."""

import importlib
from typing import Any


def normal_tail(z: float) -> float:
    """Return the chance that a standard normal number is larger."""
    return float(_special().ndtr(-z))


def normal_quantile(chance: float) -> float:
    """Return what a standard normal number is larger than with a chance."""
    return float(-_special().ndtri(chance))


def chi_squared_tail(statistic: float, freedom: int) -> float:
    """Return the chance that a chi-squared number is larger.

    Args:
        statistic: The number.
        freedom: Its degrees of freedom.
    """
    return float(_special().chdtrc(freedom, statistic))


def kolmogorov_tail(statistic: float) -> float:
    """Return the chance that the limit of the Kolmogorov-Smirnov statistic is larger."""
    return float(_special().kolmogorov(statistic))


def least_part(count: int, rows: int, alpha: float) -> float:
    """Return the lower end of the interval for a part, which the true part is below with a chance of at most alpha.

    Source: Clopper, Pearson: The use of confidence or fiducial limits, Biometrika 26, 1934, 404-413.

    Args:
        count: How many rows have what is looked for.
        rows: Of how many.
        alpha: The chance.
    """
    return float(_special().betaincinv(count, rows - count + 1, alpha)) if count else 0.0


def _special() -> Any:
    # SciPy ships no types.
    return importlib.import_module("scipy.special")
