"""Draws how good predictions are, for people to look at: PNG files, 800 pixels wide."""

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn import metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Picture = Callable[[Figure, Numbers, Numbers, str], None]

BINS = 10
# More points than this would hide each other; they are counted in hexagons instead.
MOST_POINTS = 2_000
MAIN, SECOND, REFERENCE, SOFT = "#1f5fa8", "#c8501e", "#767676", "#a9c4e2"
STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": REFERENCE,
    "axes.formatter.limits": (-4, 10),
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.labelsize": 13,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlepad": 32,
    "axes.titlesize": 16,
    "figure.constrained_layout.h_pad": 0.12,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.12,
    "figure.dpi": 100,
    "figure.figsize": (8, 6),
    "font.size": 12,
    "grid.color": "#e6e6e6",
    "lines.linewidth": 2.5,
    # A $ in the name of a target is no formula.
    "text.parse_math": False,
}


def draw(predicted: pd.DataFrame, truth: pd.Series, folder: Path) -> list[Path]:
    """Draw predictions against the truth.

    Args:
        predicted: What `predict` returned for rows that the model was not trained on.
        truth: The target of the same rows, in the same order; its name is written at the axes.
        folder: Where the files go; it is made if it is not there.

    Returns:
        The files: `calibration.png`, `precision_recall.png` and `roc.png` if there are scores, else
        `predicted_actual.png` and `residuals.png`; none if predictions or targets are not numbers. What is undefined,
        such as a curve when all rows have the same target, is said in its picture.
    """
    pictures: dict[str, Picture] = {"predicted_actual": _predicted_actual, "residuals": _residuals}
    if "score" in predicted:
        pictures = {"calibration": _calibration, "precision_recall": _precision_recall, "roc": _roc}
    column = "score" if "score" in predicted else "prediction"
    pairs = np.column_stack([_floats(predicted[column]), _floats(truth)])
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    if not len(pairs):
        return []
    name = str(truth.name) if len(str(truth.name)) <= 30 else f"{str(truth.name)[:30]}…"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{stem}.png" for stem in pictures]
    for path, picture in zip(paths, pictures.values(), strict=True):
        _save(path, picture, pairs[:, 0], pairs[:, 1], name)
    return paths


def _floats(values: pd.Series) -> "Numbers":
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _save(path: Path, picture: "Picture", predicted: "Numbers", actual: "Numbers", name: str) -> None:
    # It warns when the home can't be written and when it looks for fonts; both only make it slower.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from matplotlib import style
    from matplotlib.figure import Figure

    # Whatever a matplotlibrc of this machine says, the same numbers make the same picture.
    with style.context(["default", STYLE]), warnings.catch_warnings():
        # The font may lack a letter of the target's name.
        warnings.simplefilter("ignore")
        figure = Figure()
        picture(figure, predicted, actual, name)
        figure.savefig(path, metadata={"Software": None})


def _roc(figure: "Figure", scores: "Numbers", actual: "Numbers", name: str) -> None:
    axes, positive = figure.subplots(), actual == 1
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set(xlabel="False positive rate: part of the other rows that is found too")
    axes.set(ylabel=f"True positive rate: part of the rows with {name} = 1 found")
    axes.plot([0, 1], [0, 1], color=REFERENCE, linestyle="--", linewidth=1.5, label="by chance")
    title = "ROC curve"
    if positive.all() or not positive.any():
        _say(axes, f"Not defined: no row has {name} {'other than' if positive.all() else '='} 1.")
    else:
        axes.plot(*metrics.roc_curve(positive, scores)[:2], color=MAIN, label="model")
        title = f"ROC curve: area {metrics.roc_auc_score(positive, scores):.3f}"
        axes.legend(loc="lower right")
    _title(axes, title, _classes(positive, name))


def _precision_recall(figure: "Figure", scores: "Numbers", actual: "Numbers", name: str) -> None:
    axes, positive = figure.subplots(), actual == 1
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
    axes.set(xlabel=f"Recall: part of the rows with {name} = 1 that is found")
    axes.set(ylabel=f"Precision: part of the found rows that has {name} = 1")
    axes.axhline(positive.mean(), color=REFERENCE, linestyle="--", linewidth=1.5, label="by chance")
    title = "Precision and recall"
    if not positive.any():
        _say(axes, f"Not defined: no row has {name} = 1.")
    else:
        precision, recall, _ = metrics.precision_recall_curve(positive, scores, drop_intermediate=True)
        axes.plot(recall, precision, color=MAIN, drawstyle="steps-post", label="model")
        title = f"Precision and recall: average precision {metrics.average_precision_score(positive, scores):.3f}"
        axes.legend(loc="lower left")
    _title(axes, title, _classes(positive, name))


def _calibration(figure: "Figure", scores: "Numbers", actual: "Numbers", name: str) -> None:
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    bins = _bins(scores)
    rows = np.array([len(rows) for rows in bins])
    mean = np.array([scores[rows].mean() for rows in bins])
    share = np.array([(actual[rows] == 1).mean() for rows in bins])
    low, high = _interval(share, rows)
    top = max(scores.max(), high.max()) * 1.04
    axes.set(xlim=(0, top), ylim=(-0.02 * top, top), ylabel=f"Part of the rows with {name} = 1")
    axes.plot([0, top], [0, top], color=REFERENCE, linestyle="--", linewidth=1.5, label="perfect")
    axes.errorbar(mean, share, [share - low, high - share], color=MAIN, marker="o", label="model, with 95% interval")
    axes.legend(loc="best")
    below.hist(scores, bins=50, range=(0, top), color=SOFT)
    below.set(xlabel=f"Score: predicted probability of {name} = 1", ylabel="Rows")
    error = np.average(np.abs(mean - share), weights=rows)
    size = f"{rows.min():,}" if rows.min() == rows.max() else f"{rows.min():,} to {rows.max():,}"
    many = f"{len(bins)} bins of {size} rows" if len(bins) > 1 else "one bin"
    _title(axes, f"Calibration: expected calibration error {error:.3f}", f"{_classes(actual == 1, name)}, in {many}")


def _predicted_actual(figure: "Figure", predicted: "Numbers", actual: "Numbers", name: str) -> None:
    axes, x, y = figure.subplots(), _span(predicted), _span(actual)
    axes.set(xlim=x, ylim=y, xlabel=f"Predicted {name}", ylabel=f"Actual {name}")
    if len(actual) > MOST_POINTS:
        drawn = axes.hexbin(predicted, actual, gridsize=(45, 30), extent=(*x, *y), bins="log", cmap="Blues", mincnt=1)
        figure.colorbar(drawn, label="Rows", format="{x:,.0f}")
    else:
        axes.scatter(predicted, actual, s=24, color=MAIN, alpha=0.35 if len(actual) > 200 else 0.7, linewidths=0)
    axes.axline((x[0], x[0]), slope=1, color=REFERENCE, linestyle="--", linewidth=1.5, label="perfect")
    bins = _bins(predicted)
    if len(bins) > 1:
        means = [[values[rows].mean() for rows in bins] for values in (predicted, actual)]
        axes.plot(*means, color=SECOND, marker="o", label=f"mean, in {len(bins)} bins of equally many rows")
    axes.legend(loc="upper left")
    spread = np.square(actual - actual.mean()).sum()
    r2 = f": R² {1 - np.square(actual - predicted).sum() / spread:.3f}" if spread else ""
    hidden = (predicted < x[0]) | (predicted > x[1]) | (actual < y[0]) | (actual > y[1])
    _title(axes, f"Predicted and actual values{r2}", _shown(len(actual), int(hidden.sum())))


def _residuals(figure: "Figure", predicted: "Numbers", actual: "Numbers", name: str) -> None:
    axes, residuals = figure.subplots(), actual - predicted
    span = _span(residuals)
    axes.hist(residuals, bins=int(np.clip(np.sqrt(len(residuals)), 5, 60)), range=span, color=SOFT)
    axes.axvline(0, color=REFERENCE, linestyle="--", linewidth=1.5, label="perfect")
    axes.axvline(residuals.mean(), color=SECOND, label=f"mean: {residuals.mean():.3g}")
    axes.set(xlim=span, ylabel="Rows", xlabel=f"Actual minus predicted {name}; above 0 the prediction is too low")
    axes.legend(loc="upper right")
    hidden = (residuals < span[0]) | (residuals > span[1])
    title = f"Residuals: mean absolute error {np.abs(residuals).mean():.3g}"
    _title(axes, title, _shown(len(residuals), int(hidden.sum())))


def _bins(values: "Numbers") -> "list[NDArray[np.intp]]":
    """Return the positions of the rows in bins of about equally many, lowest values first; equal values stay together."""
    count = int(np.clip(len(values) // 10, 1, BINS))
    edges = np.quantile(values, np.linspace(0, 1, count + 1)[1:-1])
    places = np.searchsorted(edges, values, side="left")
    return [np.flatnonzero(places == place) for place in np.unique(places)]


def _interval(share: "Numbers", rows: "NDArray[np.int_]") -> "tuple[Numbers, Numbers]":
    """Return Wilson's 95 % confidence interval of shares of rows."""
    z = 1.96
    centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    return np.minimum(centre - half, share), np.maximum(centre + half, share)


def _span(values: "Numbers") -> tuple[float, float]:
    """Return the ends of an axis; of many rows, the most extreme hundredth does not decide them."""
    low, high = np.quantile(values, [0.005, 0.995]) if len(values) > 200 else (values.min(), values.max())
    margin = (high - low) * 0.03 or 1.0
    return float(low - margin), float(high + margin)


def _classes(positive: "NDArray[np.bool_]", name: str) -> str:
    return f"{len(positive):,} rows held out, {positive.mean():.1%} with {name} = 1"


def _shown(rows: int, hidden: int) -> str:
    return f"{rows:,} rows held out" + (f", {hidden:,} of them outside the picture" if hidden else "")


def _title(axes: "Axes", title: str, facts: str) -> None:
    axes.set_title(title)
    axes.annotate(facts, (0, 1), (0, 12), xycoords="axes fraction", textcoords="offset points", color=REFERENCE)


def _say(axes: "Axes", text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", backgroundcolor="white")
