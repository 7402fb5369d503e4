"""How often a level 4 repository would train again without a reason, and how soon it does with one.

    uv run python benchmarks/false_triggers.py [--seeds 200] [--rows 1000] [--repository FOLDER]

Makes a repository by `new` and installs its locked dependencies, which needs the package index. Each seed draws a
reference of 10,000 rows with ten columns (six numbers, five of them correlated; four texts of sixty values) and
predictions, then 30 windows, and asks the repository's own code by its own `config/monitoring.toml`. A trigger is a
signal of one kind outside its limit in so many of the newest windows, as the configuration says. Performance is the
mean absolute error on 300 real values a window, beside 2,000 rows held out.

Printed are the windows and the seeds with an alarm, with 95 % intervals (Clopper and Pearson); and, for a shift of one
number from the first window on, after how many windows half and nine of ten seeds train again.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from monitor import clean, package, prepare

SCRIPT = """
import sys
from pathlib import Path
import numpy as np
import pandas as pd
from scipy.stats import beta
from {package}_ops import drift, estimate, profile, project
from {package}_ops.monitoring_config import Monitoring

seeds, rows, windows, reference_rows = int(sys.argv[1]), int(sys.argv[2]), 30, 10_000
settings = Monitoring.read(Path(sys.argv[3]) / "config")
letters = np.array([f"c{{number}}" for number in range(60)], dtype=object)
zipf = 1 / np.arange(1, 61); zipf /= zipf.sum()

class Model:
    def evaluate(self, model, df):
        return {{"mae": float(np.abs(df["y"].to_numpy()).mean())}}

project.model = Model()

def sample(generator, count, shift=0.0):
    common = generator.normal(size=count)
    found = {{f"n{{each}}": 0.7 * common + 0.7 * generator.normal(size=count) for each in range(1, 6)}}
    found["n0"] = generator.normal(size=count) + shift
    found |= {{f"t{{each}}": list(generator.choice(letters, count, p=zipf)) for each in range(4)}}
    found["prediction"] = common + 0.5 * found["n0"] + generator.normal(size=count)
    return found

def labelled(generator, count):
    return estimate.measure(None, pd.DataFrame({{"y": generator.normal(size=count)}}), "mae")

def month(seed, shift=0.0, count=windows, performance=False):
    generator = np.random.default_rng(seed)
    reference = {{
        name: profile.learn(list(values), "category" if name[0] == "t" else "number")
        for name, values in sample(generator, reference_rows).items()
    }}
    held_out = labelled(generator, 2_000) if performance else None
    found = []
    for _ in range(count):
        values = sample(generator, rows, shift)
        changes = drift.changes(reference, {{name: part.cells.count(values[name]) for name, part in reference.items()}})
        limits = settings.drift
        alarmed = {{n for n, each in changes.items() if each.p_value <= limits.alpha and each.distance > limits.effect}}
        alarms = {{"drift": bool(alarmed - {{"prediction"}}), "prediction drift": "prediction" in alarmed}}
        if held_out:
            rules = settings.performance
            chance = estimate.worse(labelled(generator, rules.min_labels), held_out, "minimize", rules.tolerance)[1]
            alarms["performance"] = chance <= rules.alpha
        found.append(alarms)
    return found

def first_trigger(found):
    k, n = settings.trigger.breached, settings.trigger.of
    for end in range(1, len(found) + 1):
        newest = found[max(0, end - n):end]
        if any(sum(each.get(kind, False) for each in newest) >= k for kind in settings.trigger.signals):
            return end
    return None

def rate(count, of):
    low = beta.ppf(0.025, count, of - count + 1) if count else 0.0
    high = beta.ppf(0.975, count + 1, of - count) if count < of else 1.0
    return f"{{count:,}} of {{of:,}} = {{count / of:.2%}} ({{low:.2%}} to {{high:.2%}})"

months = [month(seed, performance=True) for seed in range(seeds)]
print(f"windows of {{rows:,}} rows; configured: alpha {{settings.drift.alpha}} each for drift and performance")
flat = [window for each in months for window in each]
for kind in ("drift", "prediction drift", "performance"):
    print(f"no change, windows with an alarm of {{kind}}: {{rate(sum(each[kind] for each in flat), len(flat))}}")
print(f"no change, windows with any alarm: {{rate(sum(any(each.values()) for each in flat), len(flat))}}")
triggered = rate(sum(first_trigger(each) is not None for each in months), seeds)
print(f"no change, seeds that train again within {{windows}} windows: {{triggered}}", flush=True)
for shift in (0.1, 0.2, 0.25, 0.3, 0.5):
    some = range(1_000, 1_000 + max(20, seeds // 5))
    taken = sorted(first_trigger(month(seed, shift, 15)) or 99 for seed in some)
    half, most = (str(taken[int(part * len(taken)) - 1]).replace("99", "more than 15") for part in (0.5, 0.9))
    print(f"a shift of {{shift}} sd: half train again after {{half}} windows, 9 of 10 after {{most}}", flush=True)
"""


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--repository", type=Path, help="one that is there, with its environment")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        project = options.repository or Path(temporary) / "flight-delays"
        if not options.repository:
            prepare(project)
        words = [str(project.resolve() / ".venv/bin/python"), "-c", SCRIPT.format(package=package(project))]
        words += [str(options.seeds), str(options.rows), str(project.resolve())]
        subprocess.run(words, cwd=temporary, env=clean(), check=True)


if __name__ == "__main__":
    main()
