"""What `new` costs beside its peers, on this machine, in one run.

    uv run --group benchmarks python benchmarks/new.py [--rounds N]

Every peer writes a project from a local template, without a network. Copier and cookiecutter get the files that `new`
writes, as templates of their own kind (cookiecutter only those of level 1: it has no template inheritance); `kedro new`
writes its own, smaller starter. Printed are CPU seconds (user and system, children included), the best of the rounds,
and the ratio of ours, at the same level, to theirs. Byte code is cached for all of them.
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
from dataclasses import dataclass
from pathlib import Path

from mlops_scaffold import __version__
from mlops_scaffold.layers import SUFFIX, paths, stack
from mlops_scaffold.questions import read_questions, resolve
from mlops_scaffold.template import export
from mlops_scaffold.templates import built_in
from mlops_scaffold.tree import write_tree

BIN = Path(sys.executable).parent


@dataclass(frozen=True, kw_only=True)
class Case:
    """A command to measure, the directory that it writes, and the label of ours that it is compared with."""

    label: str
    command: list[str]
    target: Path
    ours: str


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


def cases(folder: Path) -> list[Case]:
    """What is measured, ours before its peers."""
    found = []
    for level in (1, 2):
        ours = f"mlops-scaffold new --level {level}"
        export_to, made, copied = (folder / f"{name}{level}" for name in ("export", "new", "copied"))
        export_to.mkdir()
        write_tree(export(built_in(), {"level": level, "template_version": __version__}), export_to)
        new = [str(BIN / "mlops-scaffold"), "new", str(made), "--defaults", "--no-lock", "--level", str(level)]
        copy = [str(BIN / "copier"), "copy", "--quiet", "--defaults", str(export_to), str(copied)]
        found += [
            Case(label=ours, command=new, target=made, ours=ours),
            Case(label=f"copier copy, level {level}", command=copy, target=copied, ours=ours),
        ]
    cookie = [str(BIN / "cookiecutter"), str(cookiecutter_template(folder / "cookie")), "--no-input", "--output-dir"]
    kedro = [str(BIN / "kedro"), "new", "--name", "kedro-new", "--tools", "none", "--example", "n", "--telemetry", "no"]
    found += [
        Case(
            label="cookiecutter, level 1", command=[*cookie, str(folder)], target=folder / "churn", ours=found[0].label
        ),
        Case(label="kedro new, its own files", command=kedro, target=folder / "kedro-new", ours=found[0].label),
    ]
    for tool in ("mlops-scaffold", "copier", "cookiecutter", "kedro"):
        command = [str(BIN / tool), "--help"]
        found.append(
            Case(label=f"{tool} --help", command=command, target=folder / "none", ours="mlops-scaffold --help")
        )
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        wanted = cases(Path(name))
        measured = {case.label: cpu_seconds(case.command, case.target, rounds) for case in wanted}
    print(f"{'command':32}{'files':>6}{'CPU s':>8}{'ours is':>10}")
    for case in wanted:
        seconds, files = measured[case.label]
        print(f"{case.label:32}{files or '':>6}{seconds:8.3f}{measured[case.ours][0] / seconds:9.2f}x")


if __name__ == "__main__":
    main()
