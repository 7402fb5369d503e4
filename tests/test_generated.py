"""The level 1 repository, used as its team uses it: nothing edited, every task run, a model served."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from support import TASKS, files_in, generate, make, run_in, uv

# The requirements of the maturity model that hold from level 1 on.
REQUIREMENTS = (
    "L1.tech.1", "L1.tech.2", "L1.highlights.1", "L1.creation.1", "L1.release.2", "L1.release.3", "L1.app.1",
    "L1.app.3", "L1.app.4",
)  # fmt: skip

# What level 0 suffers from and level 1 ends.
SYMPTOMS = (
    "L0.highlights.1", "L0.highlights.2", "L0.highlights.3", "L0.tech.1", "L0.tech.2", "L0.creation.1", "L0.release.2",
    "L0.release.3", "L0.app.2",
)  # fmt: skip


@pytest.fixture(scope="module", params=TASKS)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository as the command makes it, with its dependencies locked and the environment that its lock says."""
    return make(tmp_path_factory.mktemp(request.param) / "flight-delays", request.param)


def status(project: Path) -> str:
    return subprocess.run(
        ["git", "status", "--porcelain"], cwd=project, capture_output=True, text=True, check=True
    ).stdout


def test_lint_types_and_tests_are_green_without_an_edit(project: Path) -> None:
    output = run_in(project, "run", "poe", "check")
    assert re.search(r"\d+ passed", output)
    assert "warning" not in output.lower()
    assert status(project) == ""


def test_both_wheels_are_built_and_hold_their_package(project: Path) -> None:
    run_in(project, "run", "poe", "build")
    names = sorted(path.name.split("-")[0] for path in (project / "dist").glob("*.whl"))
    assert names == ["flight_delays", "flight_delays_ops"]
    assert status(project) == ""


def test_the_hooks_that_run_before_a_commit_pass_on_every_file(project: Path) -> None:
    run_in(project, "run", "pre-commit", "run", "--all-files")
    assert status(project) == ""


def test_it_goes_from_data_to_an_answer(project: Path) -> None:
    """Collect twice, train, score a file, serve, ask over HTTP."""
    first = run_in(project, "run", "poe", "collect")
    assert "demo data" in first
    manifest = project / "state/data/manifest.json"
    before = json.loads(manifest.read_text())
    assert sum(part["rows"] for part in before["parts"]) >= 50_000
    assert all(part["demo"] for part in before["parts"])
    run_in(project, "run", "poe", "collect")
    after = json.loads(manifest.read_text())
    days = [part["date"] for part in after["parts"]]
    assert len(days) == len(set(days)) > len(before["parts"])
    assert after["parts"][: len(before["parts"])] == before["parts"]

    run_in(project, "run", "poe", "train")
    model = project / "state/model"
    assert {path.name for path in model.iterdir()} >= {"model.skops", "model.json", "handover.md"}

    sample = project / "state/data" / after["parts"][0]["path"]
    run_in(project, "run", "poe", "score", str(sample), "state/scored.parquet")
    rows = json.loads(run_in(project, "run", "python", "-c", COMPARE.format(sample=sample)).splitlines()[-1])
    with served(project) as url:
        answer = post(f"{url}/score", {"instances": rows["instances"]})
        assert [round(p["prediction"], 6) for p in answer["predictions"]] == rows["batch"]
        broken = [{**rows["instances"][0], "distance": "far"}]
        with pytest.raises(urllib.error.HTTPError) as refused:
            post(f"{url}/score", {"instances": broken})
        assert refused.value.code == 422
        assert b"distance" in refused.value.read()
    assert status(project) == ""


# Requests from stored rows, and what batch scoring said of the same rows.
COMPARE = """
import json, pandas as pd
from flight_delays.data import SCHEMA
rows = pd.read_parquet({sample!r:}, partitioning=None).head(20)
scored = pd.read_parquet("state/scored.parquet").head(20)
instances = json.loads(rows[list(SCHEMA.columns)].to_json(orient="records", date_format="iso"))
print(json.dumps(dict(instances=instances, batch=[round(float(p), 6) for p in scored["prediction"]])))
""".replace("{sample!r:}", '"{sample}"')


def post(url: str, body: object) -> dict[str, list[dict[str, float]]]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, list[dict[str, float]]] = json.load(response)
        return answer


class served:  # noqa: N801 - reads as a phrase: with served(project)
    """The service of a repository on a free port of this machine, while the block runs."""

    def __init__(self, project: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        words = [uv(), "run", "poe", "serve", "--port", str(self._port)]
        kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        self._process = subprocess.Popen(words, cwd=project, env=kept, start_new_session=True)

    def __enter__(self) -> str:
        url = f"http://127.0.0.1:{self._port}"
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{url}/ready", timeout=5):
                    return url
            except OSError:
                assert self._process.poll() is None, "the service ended"
                time.sleep(0.2)
        pytest.fail("the service was not ready within a minute")

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, 15)
        self._process.wait(20)


@pytest.fixture(params=TASKS)
def rendered(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return generate(tmp_path / "project", project_name="Churn model", task=request.param)


def test_what_a_data_scientist_edits_is_four_short_files(rendered: Path) -> None:
    package = rendered / "src/churn_model"
    assert {path.name for path in package.iterdir()} == {
        "__init__.py", "data.py", "features.py", "model.py", "score.py", "py.typed",
    }  # fmt: skip
    assert sum(path.read_text().count("\n") for path in package.iterdir()) <= 250
    imports = {
        line
        for path in package.glob("*.py")
        for line in path.read_text().splitlines()
        if re.match("(from|import) ", line)
    }
    assert not [line for line in imports if "_ops" in line or re.match(r"from \.", line)]


def test_every_requirement_of_the_level_has_a_place_a_test_a_criterion_and_an_owner(rendered: Path) -> None:
    page = (rendered / "docs/maturity.md").read_text()
    rows = {
        cells[1]: cells[2:-1] for line in page.splitlines() if len(cells := [c.strip() for c in line.split("|")]) > 4
    }
    for requirement in REQUIREMENTS:
        cells = rows[requirement]
        assert len(cells) == 5
        assert all(cells), requirement
    for symptom in SYMPTOMS:
        assert rows[symptom][-1], symptom


def test_every_path_that_the_documents_name_is_there(rendered: Path) -> None:
    """Links, and names of files and folders in backquotes."""
    known = set(files_in(rendered))
    folders = {str(parent) for path in known for parent in Path(path).parents}
    absent = []
    for page in [path for path in known if path.endswith(".md")]:
        text = (rendered / page).read_text()
        links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
        absent += [f"{page}: {link}" for link in links if link and not ((rendered / page).parent / link).exists()]
        named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", text)
        local = [
            name
            for name in named
            if not name.startswith("state") and name.split("/")[0] in {p.split("/")[0] for p in known}
        ]
        absent += [f"{page}: {name}" for name in local if name.rstrip("/") not in known | folders]
    assert absent == []


def test_every_task_that_the_readme_names_exists(rendered: Path) -> None:
    tasks = set(tomllib.loads((rendered / "ops/tasks/level1.toml").read_text())["tool"]["poe"]["tasks"])
    readme = (rendered / "README.md").read_text()
    table = re.findall(r"^\| `([a-z-]+)(?: [A-Z ]+)?` \|", readme.split("## Tasks")[1].split("##")[0], re.MULTILINE)
    assert set(table) == tasks
    pages = [path for path in files_in(rendered) if path.endswith((".md", ".yml", ".yaml"))]
    for page in pages:
        for task in re.findall(r"uv run poe ([a-z]+)", (rendered / page).read_text()):
            assert task in tasks, f"{page}: {task}"


NAMES = ("x9", "churn_model", "z" * 40)


@pytest.mark.parametrize("package_name", NAMES)
@pytest.mark.parametrize("task", TASKS)
def test_style_does_not_depend_on_the_names(package_name: str, task: str, tmp_path: Path) -> None:
    project = generate(tmp_path / "p", package_name=package_name, task=task, project_name="Flüge & Züge", license="MIT")
    for words in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words], cwd=project, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_no_line_ends_in_blanks_and_every_file_ends_in_one_newline(rendered: Path) -> None:
    for name, file in files_in(rendered).items():
        text = file.content.decode()
        assert not re.search(r"[ \t]$", text, re.MULTILINE), name
        assert text == "" or (text.endswith("\n") and not text.endswith("\n\n")), name


@pytest.mark.parametrize("word", ["scaffold", "template", "jinja", "copier"])
def test_the_repository_speaks_of_the_project_not_of_its_making(word: str, rendered: Path) -> None:
    for name, file in files_in(rendered).items():
        text = file.content.decode().lower().replace(".mlops-scaffold", "")
        assert word not in text or name.startswith((".mlops-scaffold/", ".github/")), name
