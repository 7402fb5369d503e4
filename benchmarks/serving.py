"""What a scoring request takes in the service of a level 3 repository, beside `mlflow models serve` on the same model.

    uv run python benchmarks/serving.py [--task regression] [--seconds 5] [--rounds 3]

Makes a repository by `new`, installs its locked dependencies, which needs the package index, trains on its demo data
and releases the model. Both servers then run at once, with one process each, and are asked in turns: one row a request,
over connections that stay open. Ours also logs each prediction, names each request and follows the registry meanwhile.

Printed are milliseconds of a request, the best round of each, and CPU milliseconds of the server for it (Linux), which
depend less on what else the machine does. "scoring script" is what the team's own `score()` takes of it, measured in a
process of its own: the same work for both, which no server can save.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CLIENTS = (1, 8)
START_SECONDS = 120
ROW = {
    "scheduled_departure": "2013-06-15T08:00:00",
    "carrier": "UA",
    "origin": "EWR",
    "dest": "BOS",
    "distance": 200.0,
}
SCRIPT = """
import time
from {package}_ops import champion, describe, project
model, _ = describe.load(champion.folder())
times = []
for _ in range(300):
    begin = time.process_time()
    project.scoring.score(model, {{"instances": [{row}]}})
    times.append(time.process_time() - begin)
print(sorted(times)[150] * 1000)
"""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server.

    Attributes:
        name: What the table calls it.
        process: Its process, which may have others below it.
        port: Where it listens on this machine.
        path: Where it takes requests.
        body: A request of one row.
    """

    name: str
    process: subprocess.Popen[bytes]
    port: int
    path: str
    body: str

    def cpu_seconds(self) -> float:
        """CPU time of the process and of those below it, so far."""
        parents: dict[int, tuple[int, float]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue  # it has ended
                ticks = int(fields[11]) + int(fields[12])
                parents[int(entry.name)] = (int(fields[1]), ticks / os.sysconf("SC_CLK_TCK"))
        own = {self.process.pid}
        while more := {pid for pid, (parent, _) in parents.items() if parent in own} - own:
            own |= more
        return sum(parents[pid][1] for pid in own if pid in parents)


@dataclass(frozen=True, kw_only=True)
class Times:
    """Milliseconds of a request in one round."""

    p50: float
    p99: float
    cpu: float


def measure(server: Server, clients: int, seconds: float) -> Times:
    """Ask a server for some seconds."""
    taken: list[float] = []
    lock, end = threading.Lock(), time.perf_counter() + seconds

    def ask() -> None:
        connection, mine = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60), []
        while (begin := time.perf_counter()) < end:
            connection.request("POST", server.path, server.body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
            mine.append(time.perf_counter() - begin)
            if response.status != http.HTTPStatus.OK:
                sys.exit(f"{server.name} answers {response.status}: {answer!r}")
        connection.close()
        with lock:
            taken.extend(mine)

    before = server.cpu_seconds()
    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu, taken = server.cpu_seconds() - before, sorted(taken)
    milliseconds = [1000 * taken[int(part * len(taken))] for part in (0.5, 0.99)]
    return Times(p50=milliseconds[0], p99=milliseconds[1], cpu=1000 * cpu / len(taken))


@contextmanager
def started(name: str, words: list[str], cwd: Path, path: str, body: object) -> Iterator[Server]:
    """Start a server, wait until it answers a request, and end it after the block."""
    port = int(words[words.index("--port") + 1])
    environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    environment |= {"PATH": f"{cwd / '.venv/bin'}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (cwd.parent / f"{name.partition(' ')[0]}.log").open("wb") as log:
        process = subprocess.Popen(words, cwd=cwd, env=environment, stdout=log, stderr=log, start_new_session=True)
        server = Server(name=name, process=process, port=port, path=path, body=json.dumps(body))
        try:
            deadline = time.monotonic() + START_SECONDS
            while not answers(server):
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"{name} does not start:\n{Path(log.name).read_text()[-3000:]}")
                time.sleep(0.2)
            yield server
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def answers(server: Server) -> bool:
    """Whether a server answers a request."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("POST", server.path, server.body, {"Content-Type": "application/json"})
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False


def free_port() -> str:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


def prepare(project: Path, task: str) -> None:
    """Make a repository with a released model."""
    environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    new = [sys.executable, "-m", "mlops_scaffold", "new", str(project), "--defaults"]
    ops = ".venv/bin/flight-delays-ops"
    for words in (
        [*new, "--level", "3", "-d", f"task={task}"],
        ["uv", "sync", "--quiet"],
        [ops, "train"],
        [ops, "release-model", "candidate"],
    ):
        cwd = project if project.exists() else project.parent
        done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(words)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def script_milliseconds(project: Path) -> float:
    """CPU milliseconds of one row in the scoring script."""
    code = SCRIPT.format(package="flight_delays", row=ROW)
    done = subprocess.run([".venv/bin/python", "-c", code], cwd=project, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=("classification", "regression"), default="classification")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary) / "flight-delays"
        prepare(project, options.task)
        print(f"scoring script alone: {script_milliseconds(project):.1f} CPU ms\n")
        (model,) = project.glob("state/mlflow/artifacts/*/artifacts/model")
        ours = [".venv/bin/uvicorn", "flight_delays_ops.app:app", "--no-access-log", "--port", free_port()]
        theirs = [".venv/bin/mlflow", "models", "serve", "--env-manager", "local", "--workers", "1"]
        theirs += ["--model-uri", str(model), "--port", free_port()]
        split = {"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())]}}
        with (
            started("ours", ours, project, "/score", {"instances": [ROW | {"flight_id": "1"}]}) as one,
            started("mlflow models serve", theirs, project, "/invocations", split) as other,
        ):
            report(one, other, options.seconds, options.rounds)


def report(one: Server, other: Server, seconds: float, rounds: int) -> None:
    """Print times and ratios."""
    print("| clients | | p50 ms | p99 ms | CPU ms |\n|---|---|---|---|---|")
    for clients in CLIENTS:
        found: dict[str, list[Times]] = {one.name: [], other.name: []}
        for _ in range(rounds):
            for server in (one, other):
                found[server.name].append(measure(server, clients, seconds))
        best = {
            name: [min(getattr(times, what) for times in those) for what in ("p50", "p99", "cpu")]
            for name, those in found.items()
        }
        for name, numbers in best.items():
            print(f"| {clients} | {name} | " + " | ".join(f"{number:.1f}" for number in numbers) + " |")
        ratios = [a / b for a, b in zip(best[one.name], best[other.name], strict=True)]
        print(f"| {clients} | **ours is** | " + " | ".join(f"**{ratio:.2f} x**" for ratio in ratios) + " |")


if __name__ == "__main__":
    main()
