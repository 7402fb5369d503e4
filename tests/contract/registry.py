"""Level 2: tracked training, a registry with aliases, reproduction, and the trace back to the data files."""

import hashlib
import inspect
import logging
import os
import subprocess
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
import mlflow
from level1 import COLUMNS, STATE, data, model, project, read, settings, split, storage
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature

NAME = "delays"
mlflow.set_tracking_uri(f"sqlite:///{STATE}/mlflow.db")
for name in ("alembic", "mlflow"):
    logging.getLogger(name).setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="mlflow")
client = mlflow.MlflowClient()


def code_digest() -> str:
    """Return the hash of the team's code: with the model's file, all that decides an answer."""
    folder = Path(inspect.getfile(project.data)).parent
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))).hexdigest()


CODE = code_digest()


def create() -> None:
    """Set up the store once, before a second process opens it."""
    STATE.mkdir(parents=True, exist_ok=True)
    mlflow.create_experiment(NAME, artifact_location=(STATE / "artifacts").as_uri())
    client.create_registered_model(NAME)


def train(manifest: Any, params: dict[str, Any]) -> str:
    """Train on collected days, record all that is needed to do it again, register; return the version."""
    fit, held_out = split.split(read(manifest), settings.holdout)
    mlflow.set_experiment(NAME)
    with mlflow.start_run() as run, tempfile.TemporaryDirectory() as temporary:
        fitted = model.train(fit, params, settings.seed)
        inputs = {"params": params, "seed": settings.seed, "parts": asdict(manifest)["parts"]}
        tags = {"data_digest": manifest.digest, "code_digest": CODE, "commit": commit(), "seed": str(settings.seed)}
        mlflow.log_params(params)
        mlflow.log_metrics(model.evaluate(fitted, held_out))
        mlflow.log_dict(inputs, "inputs.json")
        mlflow.set_tags(tags)
        weights, packed = Path(temporary, "weights"), Path(temporary, "packed")
        weights.mkdir()
        model.save_model(fitted, weights)
        some = held_out.head(5)
        mlflow.pyfunc.save_model(
            packed,
            loader_module="registry",
            data_path=weights,
            signature=infer_signature(some[COLUMNS], model.predict(fitted, some)),
            pip_requirements=["pandas", "pandera", "scikit-learn", "skops"],
        )
        mlflow.log_artifacts(packed, "model")
        made = client.create_model_version(NAME, f"{run.info.artifact_uri}/model", run.info.run_id, tags=tags)
    client.set_registered_model_alias(NAME, "candidate", str(made.version))
    return str(made.version)


def commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def version_of(alias: str) -> str | None:
    try:
        return str(client.get_model_version_by_alias(NAME, alias).version)
    except MlflowException:
        return None


def move(alias: str, version: str | None) -> None:
    """Point an alias to a version, or to none."""
    if version is None:
        client.delete_registered_model_alias(NAME, alias)
    else:
        client.set_registered_model_alias(NAME, alias, version)


def folder_of(version: str) -> Path:
    """Return the version's files on this machine."""
    return Path(mlflow.artifacts.download_artifacts(client.get_model_version(NAME, version).source))


def load(version: str) -> Any:
    """Load a version, if the code of this process is the code that it was trained with."""
    if client.get_model_version(NAME, version).tags["code_digest"] != CODE:
        raise RuntimeError(f"Version {version} needs other code than this process has loaded.")
    return model.load_model(next(folder_of(version).rglob("model.skops")).parent)


def inputs_of(version: str) -> tuple[Any, dict[str, Any]]:
    """Return the data and the other inputs of the run behind a version."""
    run = client.get_model_version(NAME, version).run_id
    inputs = mlflow.artifacts.load_dict(f"runs:/{run}/inputs.json")
    return storage.Manifest(parts=tuple(storage.Part(**part) for part in inputs["parts"])), inputs


def reproduce(version: str) -> tuple[dict[str, float], dict[str, float]]:
    """Train again from what the run recorded; return the metrics of then and of now."""
    manifest, inputs = inputs_of(version)
    fit, held_out = split.split(read(manifest), settings.holdout)
    then = client.get_run(client.get_model_version(NAME, version).run_id).data.metrics
    return then, model.evaluate(model.train(fit, inputs["params"], inputs["seed"]), held_out)


def trace(version: str) -> dict[str, Any]:
    """Follow a version back to run, commit and data files; reading compares each file with its hash."""
    found = client.get_model_version(NAME, version)
    manifest, _ = inputs_of(version)
    assert manifest.digest == found.tags["data_digest"]
    rows = read(manifest)
    return {"version": version, "run": found.run_id, **found.tags, "files": len(manifest.parts), "rows": len(rows)}


class _Loaded:
    """What MLflow's own tools see: the contract's model as a `pyfunc`."""

    def __init__(self, fitted: Any) -> None:
        self.fitted = fitted

    def predict(self, rows: Any) -> Any:
        return model.predict(self.fitted, data.validate(rows, labelled=False))


def _load_pyfunc(path: str) -> _Loaded:
    return _Loaded(model.load_model(next(Path(path).rglob("model.skops")).parent))
