"""Two fresh checkouts and one tracking server: MLflow's own, on PostgreSQL, artifacts over HTTP."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from service import FLIGHT, get, post, served
from support import free_port, install, make, run_in, try_in, uv
from tracking_server import mlflow_server, postgres


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a team's tracking server."""
    with postgres() as database, mlflow_server(database, tmp_path_factory.mktemp("artifacts")) as url:
        yield url


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A level 2 repository as its first commit; clone it."""
    return make(tmp_path_factory.mktemp("origin") / "flight-delays", "classification", level=2)


@pytest.fixture(scope="module")
def settings(server: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a checkout needs to share data, runs and models."""
    return {"MLFLOW_TRACKING_URI": server, "DATA_URI": str(tmp_path_factory.mktemp("shared") / "data")}


@pytest.fixture
def fresh(repository: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Clone the repository to a place of its own, with an environment of its own and no state."""

    def clone(name: str) -> Path:
        checkout = tmp_path / name
        subprocess.run(["git", "clone", "--quiet", str(repository), str(checkout)], check=True)
        install(checkout)
        return checkout

    return clone


def test_one_trains_and_the_other_compares_releases_and_serves(
    fresh: Callable[[str], Path], settings: dict[str, str], server: str
) -> None:
    ada, sam = fresh("ada"), fresh("sam")
    run_in(ada, "run", "poe", "collect", **settings)
    first = run_in(ada, "run", "poe", "train", **settings)
    assert server in first
    assert "not persisted" not in first
    assert not (ada / "state/mlflow").exists()
    run_in(sam, "run", "poe", "train", "--set", "params.C=0.05", **settings)
    shutil.rmtree(ada)

    assert "params.C" in run_in(sam, "run", "poe", "compare", "1", "2", **settings)
    run_in(sam, "run", "poe", "release-model", "1", **settings)
    run_in(sam, "run", "poe", "release-model", "2", **settings)
    with served(sam, **settings) as url:
        assert get(f"{url}/version")["model"]["version"] == "2"
        assert post(f"{url}/score", {"instances": [FLIGHT]})["model"]["version"] == "2"
    assert "Version 1 is released" in run_in(sam, "run", "poe", "release-model", "previous", **settings)
    # What Ada trained is rebuilt by Sam, from the commit, the shared data and the recorded settings.
    assert "identical" in run_in(sam, "run", "poe", "reproduce", "1", **settings)
    names = {file["path"] for file in artifacts(server, "2")}
    assert names >= {"model", "inputs.json", "model_card.md", "plots"}


def artifacts(server: str, version: str) -> list[dict[str, str]]:
    """Ask the server over its public API which files the run of a version has."""
    api = f"{server}/api/2.0/mlflow"
    run = get(f"{api}/model-versions/get?name=flight-delays&version={version}")["model_version"]["run_id"]
    files: list[dict[str, str]] = get(f"{api}/artifacts/list?run_id={run}")["files"]
    return files


def test_a_server_that_is_away_is_one_sentence_and_nothing_is_registered(
    fresh: Callable[[str], Path], settings: dict[str, str]
) -> None:
    checkout = fresh("away")
    nobody = {**settings, "MLFLOW_TRACKING_URI": f"http://user:secret@127.0.0.1:{free_port()}"}
    for words in (["train"], ["release-model", "1"]):
        done = try_in(checkout, "run", "poe", *words, **nobody)
        assert done.returncode == 1, done.stdout
        assert re.search(r"The tracking server at http://127\.0\.0\.1:\d+ does not answer", done.stdout), done.stdout
        assert "secret" not in done.stdout
        assert "Traceback" not in done.stdout
    assert not (checkout / "state/mlflow").exists()


def test_a_server_that_goes_away_in_the_middle_leaves_nothing_half_registered(
    fresh: Callable[[str], Path], settings: dict[str, str], tmp_path: Path
) -> None:
    """The server goes away while the model's tests run, and comes back with what it had."""
    checkout, port, folder = fresh("middle"), free_port(), tmp_path / "artifacts"
    folder.mkdir()
    store, url = f"sqlite:///{tmp_path}/mlflow.db", f"http://127.0.0.1:{port}"
    mine = {**settings, "MLFLOW_TRACKING_URI": url}
    paused, pause = tmp_path / "paused", checkout / "tests/model/test_pause.py"
    pause.write_text(PAUSE.format(marker=str(paused)))
    with ExitStack() as servers:
        servers.enter_context(mlflow_server(store, folder, port))
        run_in(checkout, "run", "poe", "collect", **mine)
        training = subprocess.Popen(
            [uv(), "run", "poe", "train"],
            cwd=checkout,
            env={**os.environ, **mine},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        while not paused.exists():
            assert training.poll() is None, training.communicate()[0]
            time.sleep(0.1)
        servers.close()
        paused.unlink()
        output, _ = training.communicate(timeout=300)
    assert training.returncode == 1, output
    assert f"The tracking server at {url} does not answer" in output
    assert "Traceback" not in output
    pause.unlink()
    with mlflow_server(store, folder, port):
        assert get(f"{url}/api/2.0/mlflow/model-versions/search").get("model_versions", []) == []
        run_in(checkout, "run", "poe", "train", **mine)
        assert len(get(f"{url}/api/2.0/mlflow/model-versions/search")["model_versions"]) == 1


PAUSE = """import time
from pathlib import Path


def test_wait_until_the_server_is_gone() -> None:
    marker = Path({marker!r})
    marker.touch()
    for _ in range(600):
        if not marker.exists():
            return
        time.sleep(0.1)
"""
