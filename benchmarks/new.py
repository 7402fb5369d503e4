"""What `new` costs beside its peers, on this machine, in one run.

    uv run --group benchmarks python benchmarks/new.py [--rounds N]

Every peer writes a project from a local template, without a network. Copier and cookiecutter get the files that `new`
writes, as templates of their own kind; `kedro new` writes its own, smaller starter. Printed are CPU seconds (user and
system, children included), the best of the rounds, and the ratio to ours. Byte code is cached for all of them.
"""

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mlops_scaffold import __version__
from mlops_scaffold.layers import SUFFIX, paths, stack
from mlops_scaffold.questions import read_questions, resolve
from mlops_scaffold.template import export
from mlops_scaffold.templates import built_in
from mlops_scaffold.tree import write_tree

BIN = Path(sys.executable).parent


def cookiecutter_template(root: Path) -> Path:
    """The same files for cookiecutter: its own delimiters set to ours, the variables below its name."""
    templates = built_in()
    answers = resolve(read_questions(templates), {"template_version": __version__}, {"project_name": "Churn"})
    names = "|".join(map(re.escape, answers))
    project = root / "{= cookiecutter.distribution_name =}"
    plain = []

    def qualified(tag: re.Match[str]) -> str:
        return re.sub(rf"(?<![\w.'\"-])({names})(?![\w'\"])", r"cookiecutter.\1", tag[0])

    for layer in stack(templates, answers):
        for path in paths(templates, layer):
            text = templates[f"{layer}/{path}"].content.decode()
            target = re.sub(r"{=.*?=}", qualified, path.removesuffix(SUFFIX))
            if path.endswith(SUFFIX):
                text = re.sub(r"{[=%](?! *block).*?[=%]}", qualified, text, flags=re.DOTALL)
            else:
                plain.append(f"*/{Path(target).name}")
            (project / target).parent.mkdir(parents=True, exist_ok=True)
            (project / target).write_text(text)
    environment = {
        "variable_start_string": "{=",
        "variable_end_string": "=}",
        "trim_blocks": True,
        "lstrip_blocks": True,
    }
    hidden = {"_jinja2_env_vars": environment, "_copy_without_render": plain}
    simple = {name: value if isinstance(value, str) else str(value) for name, value in answers.items()}
    lists = {"supported_pythons": {str(n): version for n, version in enumerate(answers["supported_pythons"])}}
    (root / "cookiecutter.json").write_text(json.dumps(simple | lists | hidden))
    return root


def cpu_seconds(command: list[str], target: Path, rounds: int) -> tuple[float, int]:
    """The least CPU seconds of some rounds, after one that warms the caches, and the files that were written."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    best = float("inf")
    for turn in range(rounds + 1):
        shutil.rmtree(target, ignore_errors=True)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, env=environment, cwd=target.parent)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if turn:
            best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    files = sum(1 for path in target.rglob("*") if path.is_file() and ".git" not in path.relative_to(target).parts)
    return best, files


def commands(folder: Path) -> Mapping[str, tuple[list[str], Path]]:
    """Name → the command and the directory that it writes."""
    (folder / "export").mkdir()
    write_tree(export(built_in(), {"level": 1, "template_version": __version__}), folder / "export")
    cookie = cookiecutter_template(folder / "cookie")
    out = {name: folder / name for name in ("new", "copier-copy", "churn", "kedro-new")}
    kedro = [str(BIN / "kedro"), "new", "--name", "kedro-new", "--tools", "none", "--example", "n", "--telemetry", "no"]
    return {
        "mlops-scaffold new --defaults --no-lock": (
            [str(BIN / "mlops-scaffold"), "new", str(out["new"]), "--defaults", "--no-lock"],
            out["new"],
        ),
        "copier copy (same files)": (
            [str(BIN / "copier"), "copy", "--quiet", "--defaults", str(folder / "export"), str(out["copier-copy"])],
            out["copier-copy"],
        ),
        "cookiecutter (same files)": (
            [str(BIN / "cookiecutter"), str(cookie), "--no-input", "--output-dir", str(folder)],
            out["churn"],
        ),
        "kedro new (its own files)": (kedro, out["kedro-new"]),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        measured = {
            label: cpu_seconds(command, target, rounds) for label, (command, target) in commands(Path(name)).items()
        }
        for tool in ("mlops-scaffold", "copier", "cookiecutter", "kedro"):
            measured[f"{tool} --help"] = cpu_seconds([str(BIN / tool), "--help"], Path(name, "none"), rounds)
    ours = {"new": next(iter(measured.values()))[0], "help": measured["mlops-scaffold --help"][0]}
    print(f"{'command':42}{'files':>6}{'CPU s':>8}{'ours is':>10}")
    for label, (seconds, files) in measured.items():
        own = ours["help" if label.endswith("--help") else "new"]
        print(f"{label:42}{files or '':>6}{seconds:8.3f}{own / seconds:9.2f}x")


if __name__ == "__main__":
    main()
