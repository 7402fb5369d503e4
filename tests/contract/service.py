"""Level 3: a service that follows the aliases, scores two versions at once and logs what it answered."""

import asyncio
import contextlib
import datetime as dt
import hashlib
import json
import sqlite3
import threading
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import registry
from fastapi import FastAPI, HTTPException
from level1 import STATE, data, payloads, project, schema, scoring, used

SHARE = 0.5
UNIT = data.GROUP or data.KEY


def log() -> sqlite3.Connection:
    """Open the prediction log: one line for each key and version, also of the version that only listened."""
    connection = sqlite3.connect(STATE / "predictions.db", timeout=30, check_same_thread=False)
    connection.executescript(
        "pragma journal_mode=wal; pragma synchronous=normal; create table if not exists predictions"
        "(key text, version text, answered int, features text, output text, at text, primary key (key, version));"
    )
    return connection


@dataclass(frozen=True)
class Served:
    version: str
    model: Any


@dataclass(frozen=True)
class Table:
    """Who answers. Replaced as one reference, so a request sees the old table or the new one and never a mix."""

    champion: Served
    challenger: Served | None

    @property
    def versions(self) -> tuple[str, str | None]:
        return self.champion.version, self.challenger.version if self.challenger else None

    def answers(self, unit: str) -> Served:
        """Return who answers a unit: always the same one, as long as these two versions compete."""
        if self.challenger is None:
            return self.champion
        digest = hashlib.blake2b(f"{self.versions}:{unit}".encode(), digest_size=8).digest()
        return self.challenger if int.from_bytes(digest) / 2**64 < SHARE else self.champion


class State:
    table: Table
    lines: sqlite3.Connection
    lock = threading.Lock()


def wanted() -> tuple[str, str | None]:
    champion = registry.version_of("champion")
    assert champion is not None
    return champion, registry.version_of("challenger")


def build(versions: tuple[str, str | None]) -> Table:
    champion, challenger = (version and Served(version, registry.load(version)) for version in versions)
    return Table(champion, challenger)


async def follow() -> None:
    """Replace the table when an alias has moved; on any failure the last good one goes on answering."""
    while True:
        await asyncio.sleep(0.2)
        try:
            versions = await asyncio.to_thread(wanted)
            if versions != State.table.versions:
                State.table = await asyncio.to_thread(build, versions)
        except Exception as error:  # noqa: BLE001 - whatever it is, requests must be answered
            print("kept the last good table:", error, flush=True)  # noqa: T201


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    State.table, State.lines = build(wanted()), log()
    following = asyncio.create_task(follow())
    yield
    following.cancel()
    State.lines.close()


app = FastAPI(lifespan=lifespan)
Request = payloads.request_model(schema.fields(data.SCHEMA), key=data.KEY)


@app.post("/score")
def score(body: Request) -> dict[str, Any]:  # type: ignore[valid-type]
    rows, table, now = payloads.rows(body), State.table, dt.datetime.now(dt.UTC).isoformat()
    keys = [str(row.get(data.KEY) or uuid.uuid4()) for row in rows]
    chosen = [table.answers(str(row.get(UNIT) or key)) for row, key in zip(rows, keys, strict=True)]
    try:
        answers = {
            served.version: scoring.score(served.model, {"instances": rows})["predictions"]
            for served in (table.champion, table.challenger)
            if served is not None
        }
    except project.INVALID_ROWS as error:
        raise HTTPException(422, str(error)) from error
    lines = [
        (key, version, served.version == version, json.dumps(row, default=str), json.dumps(output), now)
        for version, outputs in answers.items()
        for key, served, row, output in zip(keys, chosen, rows, outputs, strict=True)
    ]
    with State.lock, State.lines:
        State.lines.executemany("insert or ignore into predictions values (?, ?, ?, ?, ?, ?)", lines)
    versions = [served.version for served in chosen]
    return {"predictions": [answers[v][n] | {"version": v} for n, v in enumerate(versions)]}


@app.get("/version")
def version() -> dict[str, Any]:
    champion, challenger = State.table.versions
    return {"champion": champion, "challenger": challenger, "used": sorted(used)}
