"""A generated level 1 repository as higher levels meet it: the contract, with a note of what is used, and its wiring.

The team's package itself is never imported here; `WIRING` names the wiring, such as `flight_delays_ops`.
"""

import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any

WIRING = os.environ["WIRING"]
STATE = Path("state/loop").absolute()

config, contract, payloads, project, schema, split, storage = (
    import_module(f"{WIRING}.{name}")
    for name in ("config", "contract", "payloads", "project", "schema", "split", "storage")
)
used: set[str] = set()
members = {
    f"{part}.{member}"
    for part, protocol in (("data", contract.Data), ("model", contract.Model), ("scoring", contract.Scoring))
    for member in vars(protocol)
    if not member.startswith("_")
}


class Recorded:
    """One part of the contract; offers what the protocol names and nothing else."""

    def __init__(self, part: str) -> None:
        self._part = part

    def __getattr__(self, member: str) -> Any:
        name = f"{self._part}.{member}"
        if name not in members:
            raise AttributeError(f"{name} is not in the contract")
        used.add(name)
        return getattr(getattr(project, self._part), member)


data, model, scoring = Recorded("data"), Recorded("model"), Recorded("scoring")
COLUMNS = list(data.SCHEMA.columns)
settings = config.TrainingConfig.read()
store = storage.Store(config.data_uri())


def between(first: str, last: str) -> Any:
    """Return the manifest of the collected days of a period, as if nothing else had been collected."""
    return storage.Manifest(parts=tuple(part for part in store.manifest().parts if first <= part.date <= last))


def read(manifest: Any) -> Any:
    """Return the validated, labelled rows of a manifest; each file is compared with its hash."""
    with store.files(manifest.parts) as paths:
        return data.validate(data.load(paths), labelled=True)


def instances(rows: Any) -> list[dict[str, Any]]:
    """Return rows as a client sends them: JSON values, without the answer, with the key."""
    found: list[dict[str, Any]] = json.loads(rows[[*COLUMNS, data.KEY]].to_json(orient="records", date_format="iso"))
    return found
