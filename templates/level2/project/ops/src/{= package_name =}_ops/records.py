"""Runs and versions as plain data, and what MLflow returns turned into them."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# How the metrics of the models begin that were measured beside a new one.
OTHERS = ("baseline_", "champion_")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training.

    Attributes:
        id: Names it.
        name: The name that MLflow gave it.
        status: "RUNNING", "FINISHED" or "FAILED".
        started: When, in UTC.
        params: Its settings.
        metrics: What was measured; undefined ones are left out.
        tags: Where it comes from, see `lineage`.
        link: Its page on the server, if there is a server.
    """

    id: str
    name: str
    status: str
    started: dt.datetime
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    link: str | None

    @property
    def own_metrics(self) -> dict[str, float]:
        """The metrics of the run's model, without those of the models that were measured beside it."""
        return {name: value for name, value in self.metrics.items() if not name.startswith(OTHERS)}


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of the registered model.

    Attributes:
        number: "1", "2" and so on.
        run_id: The run that made it.
        created: When it was registered, in UTC.
        tags: Where it comes from, and what became of it.
        aliases: Such as "champion".
        description: The first lines of its model card.
    """

    number: str
    run_id: str
    created: dt.datetime
    tags: Mapping[str, str]
    aliases: tuple[str, ...]
    description: str


def run_of(run: Any, address: str | None) -> Run:
    """Return MLflow's run as plain data.

    Args:
        run: What its client returned.
        address: Of the server's pages, if there is a server.
    """
    info, data = run.info, run.data
    return Run(
        id=info.run_id,
        name=info.run_name or "",
        status=info.status,
        started=_time(info.start_time),
        params=dict(data.params),
        metrics=dict(data.metrics),
        tags={name: value for name, value in data.tags.items() if not name.startswith("mlflow.")},
        link=f"{address.rstrip('/')}/#/experiments/{info.experiment_id}/runs/{info.run_id}" if address else None,
    )


def version_of(version: Any, aliases: Mapping[str, Any]) -> Version:
    """Return MLflow's version as plain data.

    Args:
        version: What its client returned.
        aliases: Those of the registered model, each with the number of its version.
    """
    # MLflow's numbers are whole numbers or texts, depending on the store.
    number = str(version.version)
    return Version(
        number=number,
        run_id=version.run_id or "",
        created=_time(version.creation_timestamp),
        tags=dict(version.tags),
        aliases=tuple(sorted(alias for alias, of in aliases.items() if str(of) == number)),
        description=version.description or "",
    )


def known_runs(runs: Sequence[Run], most: int = 5) -> str:
    """Return a sentence that says which runs there are."""
    if not runs:
        return "It holds no run yet: run `poe train`."
    newest = ", ".join(f"{run.id[:12]} ({run.status}, {run.started:%Y-%m-%d %H:%M})" for run in runs[:most])
    return f"The newest runs are {newest}."


def known_versions(versions: Sequence[Version], most: int = 10) -> str:
    """Return a sentence that says which versions there are."""
    if not versions:
        return "It holds no version yet: run `poe train`."
    newest = (" ".join([version.number, *(f"@{alias}" for alias in version.aliases)]) for version in versions[:most])
    return f"The newest versions are {', '.join(newest)}."


def _time(milliseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
