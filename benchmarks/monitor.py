"""What reading a window of the log costs in a level 4 repository, as it grows: time and memory.

    uv run python benchmarks/monitor.py [--rows 10000 1000000 10000000] [--repository FOLDER]

Makes a repository by `new`, installs its locked dependencies, which needs the package index, and writes a log of one
day as the service writes it: the flights of `tests/sample.csv`, each with a key of its own. Of many rows, 300,000 are
written and their files linked under further names, so that ten million need no disk of five gigabytes. Then the
monitor's own code reads the day in a process of its own, with a reference for each of the five columns and for the
predictions.

Printed are seconds, CPU seconds and the largest memory of that process; the first line is what a day of one row takes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROWS = (10_000, 1_000_000, 10_000_000)
SEGMENT, DISTINCT = 25_000, 300_000
WRITE = """
import datetime as dt, json, os, random, sys
from pathlib import Path
import pandas as pd
from {package}_ops import shipping
rows, folder = int(sys.argv[1]), Path("state/predictions/production/date=2024-03-01")
folder.mkdir(parents=True)
sample = pd.read_csv("tests/sample.csv").to_dict("records")
names = {columns}
draw, first = random.Random(0), dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
for number in range(0, rows, {segment}):
    moment = first + dt.timedelta(days=number / rows)
    path = folder / f"{{moment:{{shipping.TIME}}}}-bench-{{number}}.jsonl"
    if number >= {distinct}:
        os.link(sorted(folder.iterdir())[number // {segment} % ({distinct} // {segment})], path)
        continue
    with path.open("w") as file:
        for key in range(number, min(rows, number + {segment})):
            row = draw.choice(sample)
            line = {{
                "at": (first + dt.timedelta(seconds=key % 80_000)).isoformat(), "request": f"{{key:032x}}", "row": 0,
                "key": f"key-{{key}}", "unit": f"key-{{key}}", "rollout": "", "stage": "", "variant": "champion",
                "version": "1", "share": None, "answered": True, "features": {{name: row[name] for name in names}},
                "output": {{"prediction": int(draw.random() < 0.3), "score": draw.random()}}, "ms": 3.125,
                "environment": "production",
            }}
            file.write(json.dumps(line, separators=(",", ":")) + "\\n")
"""
READ = """
import datetime as dt, json, resource, time
import pandas as pd
from {package}_ops import profile, window
from {package}_ops.reference import Reference
sample = pd.read_csv("tests/sample.csv")
kinds = {{"scheduled_departure": "hour", "distance": "number"}}
reference = Reference(
    version="1", metric="roc_auc", direction="maximize", held_out=None, slices=[], learnt=[],
    features={{name: profile.learn(sample[name].tolist(), kinds.get(name, "category")) for name in {columns}}},
    predictions={{"score": profile.learn([number / 1000 for number in range(1000)], "number")}},
)
start = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
clock, cpu = time.perf_counter(), time.process_time()
seen = window.of(start, start + dt.timedelta(days=1), lambda number: reference)
print(json.dumps({{
    "rows": seen.rows, "seconds": time.perf_counter() - clock, "cpu": time.process_time() - cpu,
    "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}}))
"""
COLUMNS = ["scheduled_departure", "carrier", "origin", "dest", "distance"]


def prepare(project: Path) -> None:
    """Make a repository."""
    new = [sys.executable, "-m", "mlops_scaffold", "new", str(project), "--level", "4", "--defaults"]
    for words, cwd in ((new, project.parent), (["uv", "sync", "--quiet"], project)):
        subprocess.run(words, cwd=cwd, env=clean(), check=True, stdout=subprocess.DEVNULL)


def clean() -> dict[str, str]:
    """Return the environment of this process without its own virtual environment."""
    left_out = ("VIRTUAL_ENV", "PYTHONPATH", "PREDICTIONS_URI", "DATA_URI")
    return {name: value for name, value in os.environ.items() if name not in left_out}


def package(project: Path) -> str:
    """Return the name of a repository's package."""
    (found,) = (path.name.removesuffix("_ops") for path in project.glob("ops/src/*_ops"))
    return found


def measure(project: Path, rows: int) -> dict[str, float]:
    """Read a day of so many rows."""
    facts = {"package": package(project), "columns": COLUMNS, "segment": SEGMENT, "distinct": DISTINCT}
    python = str(project / ".venv/bin/python")
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary, "tests").symlink_to(project / "tests")
        for words in ([python, "-c", WRITE.format(**facts), str(rows)], [python, "-c", READ.format(**facts)]):
            done = subprocess.run(words, cwd=temporary, env=clean(), stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--repository", type=Path, help="one that is there, with its environment")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        project = options.repository or Path(temporary) / "flight-delays"
        if not options.repository:
            prepare(project)
        print("| rows | s | CPU s | CPU µs a row | MB |\n|---|---|---|---|---|")
        for rows in (1, *options.rows):
            found = measure(project.resolve(), rows)
            each = 1e6 * found["cpu"] / found["rows"]
            numbers = f"{found['seconds']:.2f} | {found['cpu']:.2f} | {each:.1f} | {found['megabytes']:.0f}"
            print(f"| {found['rows']:,} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
