"""Runs levels 2, 3 and 4 on the contract of a level 1 repository, with requests all the time.

    cd REPOSITORY && WIRING=<package>_ops uv run --with … python …/tests/contract/loop.py

The days from January to July 2013 must have been collected. January and February are the past; March and July are
traffic, whose answers become known afterwards. Prints one JSON document; an invariant that does not hold ends the run.
"""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from level1 import COLUMNS, STATE, between, data, instances, members, read, scoring, settings, used

shutil.rmtree(STATE, ignore_errors=True)
import judge  # noqa: E402 - the folder of an earlier run must be gone before MLflow opens its store
import registry  # noqa: E402

WINTER = between("2013-01-01", "2013-02-28")
MARCH = between("2013-03-01", "2013-03-31")
UNTIL_JUNE = between("2013-01-01", "2013-06-30")
JULY = between("2013-07-01", "2013-07-31")
ROWS_PER_REQUEST = 50
REQUESTS_PER_SECOND = 40
WINDOW = 6_000


class Traffic:
    """Two clients with a connection each that never try twice: every failure counts."""

    def __init__(self, port: int) -> None:
        self.port, self.ok, self.stopped = port, 0, False
        self.failures: list[str] = []
        self.together: set[frozenset[str]] = set()
        self.versions: Counter[str] = Counter()
        self.milliseconds: list[float] = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._send) for _ in range(2)]

    def of(self, manifest: Any) -> None:
        """Send the rows of a period from now on, in an order of its own, again and again."""
        rows = instances(read(manifest).sample(frac=1, random_state=0))
        self._rows, self._next = rows, 0

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self.stopped = True
        for thread in self._threads:
            thread.join()

    def receives(self, rows: int) -> None:
        """Wait until so many more rows have been answered."""
        end = self.ok + rows // ROWS_PER_REQUEST
        until(lambda: self.ok > end, f"{rows} rows")

    def _batch(self) -> list[dict[str, Any]]:
        with self._lock:
            first, self._next = self._next, self._next + ROWS_PER_REQUEST
            return [self._rows[n % len(self._rows)] for n in range(first, first + ROWS_PER_REQUEST)]

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        due = time.perf_counter()
        while not self.stopped:
            started, batch = time.perf_counter(), self._batch()
            try:
                versions = answering(connection, batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a failed request
                self.failures.append(repr(error))
                connection.close()
            else:
                with self._lock:
                    self.ok += 1
                    self.versions.update(versions)
                    self.together.add(frozenset(versions))
                    self.milliseconds.append((time.perf_counter() - started) * 1e3)
            due = max(due + 2 / REQUESTS_PER_SECOND, time.perf_counter() - 1)
            time.sleep(max(0.0, due - time.perf_counter()))


@contextlib.contextmanager
def service() -> Iterator[int]:
    """Run the service on a free port of this machine and end it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = ["uvicorn", "service:app", "--port", str(port), "--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen(
        [sys.executable, "-m", *words, "--app-dir", str(Path(__file__).parent)], stdout=sys.stderr
    )
    try:
        until(lambda: process.poll() is not None or asked(port), "the service answers")
        assert process.poll() is None, "the service ended"
        yield port
    finally:
        process.terminate()
        process.wait(20)


def answering(connection: http.client.HTTPConnection, batch: list[dict[str, Any]]) -> list[str]:
    """Have rows scored and return the version that answered each."""
    connection.request("POST", "/score", json.dumps({"instances": batch}), {"content-type": "application/json"})
    response = connection.getresponse()
    content = response.read()
    assert response.status == 200, content[:200]
    return [prediction["version"] for prediction in json.loads(content)["predictions"]]


def asked(port: int) -> dict[str, Any] | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/version")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
    except OSError:
        return None
    finally:
        connection.close()
    return found


def serves(port: int, champion: str, challenger: str | None = None) -> None:
    """Wait until the service answers with these versions."""
    wanted = (champion, challenger)
    until(lambda: (found := asked(port)) and (found["champion"], found["challenger"]) == wanted, f"{wanted} serve")


def until(condition: Callable[[], Any], what: str, seconds: float = 90) -> Any:
    """Wait for something and return it."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)
    return found


report: dict[str, Any] = {"stages": {}}


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    report["stages"][name] = round(time.perf_counter() - started, 2)


def main() -> None:
    registry.create()
    with stage("2 train two versions"):
        simple = registry.train(WINTER, dict(settings.baseline))
        better = registry.train(WINTER, dict(settings.params))
    with stage("2 reproduce a run"):
        then, now = registry.reproduce(better)
        assert then == now, (then, now)
        report["reproduced"] = now
    with stage("3 first release, gate"):
        assert judge.gate(simple, None)["passed"]
        registry.move("champion", simple)
        report["gate"] = judge.gate(better, simple)
        assert report["gate"]["passed"], report["gate"]
    with service() as port:
        traffic = Traffic(port)
        traffic.of(MARCH)
        traffic.start()
        try:
            compete(port, simple, better)
            age(port, traffic, better)
        finally:
            traffic.stop()
        used.update(asked(port)["used"])  # type: ignore[index]
    milliseconds = sorted(traffic.milliseconds)
    report["requests"] = {
        "ok": traffic.ok,
        "failed": len(traffic.failures),
        "rows_by_version": dict(traffic.versions),
        "p50_ms": milliseconds[len(milliseconds) // 2],
        "p99_ms": milliseconds[len(milliseconds) * 99 // 100],
    }
    pair = frozenset((report["ab_test"]["champion"], report["ab_test"]["challenger"]))
    assert all(len(versions) == 1 or versions == pair for versions in traffic.together), traffic.together
    report["members"] = {"used": sorted(used), "unused": sorted(members - used)}
    assert not traffic.failures, traffic.failures[:3]
    assert used == members, members - used


def compete(port: int, simple: str, better: str) -> None:
    """Two versions compete; one wins, is taken back and comes again."""
    with stage("3 A/B test"):
        registry.move("challenger", better)
        serves(port, simple, better)
        batch = instances(read(MARCH).head(100))
        one, other = (answering(http.client.HTTPConnection("127.0.0.1", port), batch) for _ in range(2))
        assert one == other, "a key has changed its version"
        assert set(one) == {simple, better}
        looks = iter(lambda: judge.ab_test(simple, better, MARCH), None)
        report["ab_test"] = until(lambda: (found := next(looks))["decision"] != "wait" and found, "A/B decision")
        assert report["ab_test"]["decision"] == "promote", report["ab_test"]
    with stage("3 promotion, rollback, promotion"):
        registry.move("challenger", None)
        for version in (better, simple, better):
            registry.move("champion", version)
            serves(port, version)
    with stage("3 trace a prediction"):
        report["trace"] = judge.trace(batch[0][data.KEY])
    with stage("3 Azure ML's entry points, MLflow's own loader"):
        folder, rows = registry.folder_of(better), read(MARCH).head(3)
        os.environ["AZUREML_MODEL_DIR"] = str(folder)
        scoring.init()
        request = {"instances": instances(rows)}
        answer = scoring.score(registry.load(better), request)
        assert scoring.run(json.dumps(request)) == answer
        unpacked = registry.mlflow.pyfunc.load_model(folder)
        assert unpacked.predict(rows[COLUMNS]).to_dict("records") == answer["predictions"]


def age(port: int, traffic: Traffic, better: str) -> None:
    """The season changes; the service is given a model that knows it."""
    with stage("4 monitor, same season"):
        traffic.receives(WINDOW // 2)
        report["march"] = judge.monitor(better, MARCH, WINDOW)
        assert not report["march"]["drifted"], report["march"]
    with stage("4 monitor, months later"):
        traffic.of(JULY)
        traffic.receives(WINDOW)
        report["july"] = judge.monitor(better, JULY, WINDOW)
        assert report["july"]["drifted"], report["july"]
    with stage("4 retrain, gate, promotion"):
        fresh = registry.train(UNTIL_JUNE, dict(settings.params))
        report["retrained"] = judge.gate(fresh, better)
        assert report["retrained"]["passed"], report["retrained"]
        registry.move("champion", fresh)
        serves(port, fresh)
    with stage("4 monitor, new champion"):
        traffic.receives(WINDOW // 2)
        report["after"] = judge.monitor(fresh, JULY, WINDOW // 2, beside=better)
        metric = settings.primary_metric
        assert settings.is_better(report["after"]["live"][metric], report["after"]["beside"][metric]), report["after"]


if __name__ == "__main__":
    main()
    print(json.dumps(report))  # noqa: T201
