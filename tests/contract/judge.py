"""Levels 3 and 4: the decisions. The gate, the A/B test, and drift and performance of what was served."""

import json
import math
import sqlite3
import time
from typing import Any

import numpy as np
import pandas as pd
import registry
from level1 import COLUMNS, STATE, data, instances, model, read, schema, scoring, settings, split
from scipy import stats

ALPHA = 0.01
EFFECT = 0.1


def gate(candidate: str, champion: str | None) -> dict[str, Any]:
    """Compare two versions on rows that neither was trained on: the newest of the candidate's data, also by slice."""
    _, held_out = split.split(read(registry.inputs_of(candidate)[0]), settings.holdout)
    slices = [field.name for field in schema.fields(data.SCHEMA) if field.choices]
    groups = {"all": held_out}
    groups |= {f"{column}={value}": rows for column in slices for value, rows in held_out.groupby(column)}
    metrics: dict[str, dict[str, float]] = {}
    for version in filter(None, (candidate, champion)):
        loaded = registry.load(version)
        metrics[version] = {
            name: model.evaluate(loaded, rows)[settings.primary_metric] for name, rows in groups.items()
        }
    started = time.perf_counter()
    scoring.score(loaded, {"instances": instances(held_out.head(1))})
    milliseconds = (time.perf_counter() - started) * 1e3
    passed = champion is None or settings.is_better(metrics[candidate]["all"], metrics[champion]["all"])
    return {"metric": settings.primary_metric, "metrics": metrics, "ms_one_row": milliseconds, "passed": passed}


def served(version: str, period: Any, *, newest: int | None = None) -> pd.DataFrame:
    """Join the logged predictions of a version with the answers that were collected since, by key.

    Returns:
        Validated, labelled rows as they were requested, and the columns that the version predicted.
    """
    with sqlite3.connect(STATE / "predictions.db", timeout=30) as connection:
        lines = connection.execute(
            "select key, features, output from predictions where version = ? order by rowid desc limit ?",
            (version, newest or -1),
        ).fetchall()
    requested = pd.DataFrame([json.loads(features) | {data.KEY: key} for key, features, _ in lines])
    predicted = pd.DataFrame([json.loads(output) | {data.KEY: key} for key, _, output in lines])
    labels = read(period)[[data.KEY, data.TARGET]]
    rows = data.validate(requested.merge(labels, on=data.KEY), labelled=True)
    return rows.merge(predicted, on=data.KEY)


def trace(key: str) -> dict[str, Any]:
    """Follow the answer that a key was given back to version, run, commit and data files."""
    with sqlite3.connect(STATE / "predictions.db", timeout=30) as connection:
        (version,) = connection.execute(
            "select version from predictions where key = ? and answered order by rowid", (key,)
        ).fetchone()
    return registry.trace(version)


def loss(rows: pd.DataFrame) -> pd.Series:
    """Return a proper loss of each row: the Brier score where there is a probability, else the squared error."""
    predicted = rows["score"] if "score" in rows else rows["prediction"]
    return (predicted - rows[data.TARGET]) ** 2


def ab_test(
    champion: str, challenger: str, period: Any, *, alpha: float = 0.05, best_at: int = 5_000
) -> dict[str, Any]:
    """Decide between two versions that have both predicted each row, validly at every look.

    The interval is the asymptotic confidence sequence of Waudby-Smith et al., https://arxiv.org/abs/2103.06476,
    theorem 2.2, tightest after `best_at` rows.
    """
    both = served(champion, period).merge(served(challenger, period), on=data.KEY, suffixes=("", "_challenger"))
    output = "score" if "score" in both else "prediction"
    difference = loss(both.assign(**{output: both[f"{output}_challenger"]})) - loss(both)
    rows, mean = len(both), float(difference.mean())
    rho = (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / best_at
    width = math.sqrt(2 * (rows * rho + 1) / (rows**2 * rho) * math.log(math.sqrt(rows * rho + 1) / alpha))
    low, high = mean - width * float(difference.std()), mean + width * float(difference.std())
    decision = "promote" if high < 0 else "reject" if low > 0 else "wait"
    decision = decision if rows > 500 else "wait"
    return {
        "champion": champion,
        "challenger": challenger,
        "rows": rows,
        "difference": mean,
        "interval": [low, high],
        "decision": decision,
    }


def drift(version: str, current: pd.DataFrame) -> dict[str, Any]:
    """Compare each column of the schema with the training data; significance alone is no drift, its size counts too.

    Numbers by Kolmogorov and Smirnov, categories by chi-square with Cramér's V, corrected for its bias (Bergsma 2013,
    https://doi.org/10.1016/j.jkss.2012.10.002). `TIME` is left out: tomorrow is always after today.
    """
    fit, _ = split.split(read(registry.inputs_of(version)[0]), settings.holdout)
    reference = fit.sample(min(len(current), len(fit)), random_state=0)
    fields = [field for field in schema.fields(data.SCHEMA) if field.name != data.TIME]
    found = {}
    for field in fields:
        before, now = reference[field.name], current[field.name]
        if field.kind in ("number", "integer") and not field.choices:
            test = stats.ks_2samp(before.dropna(), now.dropna())
            p, effect = float(test.pvalue), float(test.statistic)
        else:
            counts = pd.crosstab(np.repeat([0, 1], [len(before), len(now)]), pd.concat([before, now]).to_numpy())
            test = stats.chi2_contingency(counts)
            total, free = counts.to_numpy().sum(), counts.shape[1] - 1
            p, effect = float(test.pvalue), math.sqrt(max(0.0, test.statistic / total - free / (total - 1)))
        found[field.name] = {"p": p, "effect": effect, "drifted": p < ALPHA / len(fields) and effect > EFFECT}
    return found


def monitor(version: str, period: Any, newest: int, beside: str | None = None) -> dict[str, Any]:
    """Judge the newest served rows of a version: drift of the inputs and the predictions, metrics on real answers.

    Args:
        version: The version that served.
        period: The days whose answers are known.
        newest: Number of rows.
        beside: A version to measure on the same rows.
    """
    current = served(version, period, newest=newest)
    rows, loaded = current[[*COLUMNS, data.KEY, data.TARGET]], registry.load(version)
    fit, _ = split.split(read(registry.inputs_of(version)[0]), settings.holdout)
    output = "score" if "score" in current else "prediction"
    columns = drift(version, current)
    before = model.predict(loaded, fit.sample(min(len(current), len(fit)), random_state=0))[output]
    return {
        "rows": len(current),
        "columns": columns,
        "drifted": [name for name, facts in columns.items() if facts["drifted"]],
        "prediction_ks": float(stats.ks_2samp(before, current[output]).statistic),
        "live": model.evaluate(loaded, rows),
        "beside": model.evaluate(registry.load(beside), rows) if beside else None,
    }
