"""Tells which of two versions loses less, by an interval that holds however often somebody looks at it.

An ordinary confidence interval holds at one look that was fixed beforehand. Who looks again and again, and stops as soon
as it leaves zero out, is wrong far more often than it says. A confidence sequence holds at all looks together.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """What is known of a mean.

    Attributes:
        count: Number of observations.
        mean: Their mean.
        low: The true mean is not less, with the chosen confidence.
        high: Nor more.
    """

    count: int
    mean: float
    low: float
    high: float


def radius(count: Any, *, alpha: float, best_at: int) -> Any:
    """Return half the width of the confidence sequence, in standard deviations of one observation.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas: Time-uniform central limit theory and asymptotic confidence
    sequences, https://arxiv.org/abs/2103.06476, theorem 2.2, and the approximate best rho after it.

    Args:
        count: Number of observations so far, or an array of such numbers.
        alpha: The chance that the true mean is ever outside.
        best_at: The number of observations at which it is narrowest. It has to be chosen before the first look.
    """
    wanted = -2 * math.log(alpha)
    rho2 = (wanted + math.log(wanted + 1)) / best_at
    grown = count * rho2 + 1
    return np.sqrt(2 * grown / (count**2 * rho2) * np.log(np.sqrt(grown) / alpha))


def interval(observations: Floats, *, alpha: float, best_at: int) -> Interval:
    """Return what is known of the mean of independent observations, valid at every look.

    Args:
        observations: At least two.
        alpha: The chance that the true mean is ever outside.
        best_at: See `radius`.
    """
    count, mean = len(observations), float(observations.mean())
    half = float(observations.std(ddof=1) * radius(count, alpha=alpha, best_at=best_at))
    return Interval(count=count, mean=mean, low=mean - half, high=mean + half)


def contrast(losses: Floats, canary: npt.NDArray[np.bool_], share: float) -> Floats:
    """Turn the losses of two arms into observations whose mean is the difference: that of the canary less the champion's.

    Each loss is weighted by the inverse of the chance to be in its arm, after the mean of the arm is taken off: without
    that, chance in the sizes of the arms would widen the interval. Source: as `radius`, section 3, with a constant
    for each arm as its regression.

    Args:
        losses: The loss of each unit.
        canary: Which of them the canary answered; there are some of both.
        share: The chance of a unit to be answered by the canary.
    """
    of_canary, of_champion = losses[canary].mean(), losses[~canary].mean()
    weights = np.where(canary, 1 / share, -1 / (1 - share))
    observations: Floats = of_canary - of_champion + weights * (losses - np.where(canary, of_canary, of_champion))
    return observations
