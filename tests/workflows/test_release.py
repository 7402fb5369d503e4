"""`release.yml`, executed: what a tag publishes, where it is deployed, and what stops it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from workflows.act import Act, Run
from workflows.recorder import digest_of
from workflows.servers import Service, started
from workflows.tools import at_level, git

IMAGE = "ghcr.io/acme/churn:0.1.0"
HOST = {"DEPLOY_HOST": "deploy@app.example.com", "DEPLOY_KNOWN_HOSTS": "app.example.com ssh-ed25519 AAAA"}
KEY = {"DEPLOY_SSH_KEY": "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"}
BUILD, PUBLISH, DEPLOY, NOT_DEPLOYED = "Build and attest", "Publish the GitHub release", "Deploy", "Not deployed"


def tag(name: str, *, private: bool = False) -> dict[str, Any]:
    """Return the payload of a pushed tag."""
    repository = {"full_name": "Acme/Churn", "private": private, "default_branch": "main"}
    return {"ref": f"refs/tags/{name}", "ref_type": "tag", "repository": repository}


@pytest.fixture
def tagged(checkout: Path) -> Path:
    git(checkout, "tag", "v0.1.0")
    return checkout


def few_tests(repository: Path) -> None:
    """Leave one file of tests: the execution of ci.yml runs all of them, and demands the coverage."""
    for path in (repository / "tests").rglob("test_*.py"):
        if path.name != "test_score.py":
            path.unlink()
    tasks = repository / "ops/tasks/level1.toml"
    text = tasks.read_text(encoding="utf-8")
    assert text.count("--fail-under=") == 2
    tasks.write_text(re.sub(r"--fail-under=\d+", "--fail-under=0", text), encoding="utf-8")
    git(repository, "commit", "--quiet", "--all", "--message", "Leave most tests out")


def lint_only(repository: Path) -> None:
    """Leave the tests out of `poe check`: another execution runs them."""
    tasks = repository / "ops/tasks/level1.toml"
    text = tasks.read_text(encoding="utf-8")
    assert 'sequence = ["lint", "test"]' in text
    tasks.write_text(text.replace('sequence = ["lint", "test"]', 'sequence = ["lint"]'), encoding="utf-8")
    git(repository, "commit", "--quiet", "--all", "--message", "Leave the tests out")


def impatient(repository: Path) -> None:
    """Make the check of the service give up at once."""
    script = repository / "ops/src/churn_model_ops/release.py"
    text = script.read_text(encoding="utf-8")
    assert "default=60.0" in text
    script.write_text(text.replace("default=60.0", "default=0.0"), encoding="utf-8")
    git(repository, "commit", "--quiet", "--all", "--message", "Do not wait")


def roll_back(act: Act, repository: Path, name: str = "v0.1.0", **options: Any) -> Run:
    """Start the workflow by hand."""
    return act(repository, "release.yml", "workflow_dispatch", inputs={"tag": name}, **options)


def test_a_tag_is_built_attested_published_and_deployed(act: Act, checkout: Path, service: Service) -> None:
    few_tests(checkout)
    git(checkout, "tag", "v0.1.0")
    variables = HOST | {"SERVICE_URL": service.url}
    run = act(checkout, "release.yml", "push", tag("v0.1.0"), variables=variables, secrets=KEY)
    assert run.jobs == dict.fromkeys([BUILD, PUBLISH, DEPLOY], "success"), run.output
    assert re.search(r"\d+ passed", run.output)

    (image,) = run.of("docker/build-push-action")
    assert image["inputs"]["tags"] == IMAGE
    assert image["inputs"]["sbom"] == image["inputs"]["push"] == "true"
    assert image["inputs"]["provenance"] == "mode=max"
    wheels, provenance, sbom = run.of("actions/attest")
    assert wheels["inputs"]["subject-path"] == "dist/*.whl"
    assert provenance["inputs"]["subject-name"] == sbom["inputs"]["subject-name"] == IMAGE.partition(":")[0]
    assert sbom["inputs"]["sbom-path"] == "dist/sbom.cdx.json"

    (release,) = run.of("gh release create")
    name, *files = release["arguments"]
    assert name == "v0.1.0"
    assert [Path(file).suffix for file in files] == [".whl", ".whl", ".json"]
    assert release["options"] == {"repo": "Acme/Churn", "verify-tag": "true", "generate-notes": "true"}

    (pull,), (up,) = run.of("docker compose pull"), run.of("docker compose up")
    assert run.calls.index(pull) < run.calls.index(up)
    assert up["environment"] == {
        "IMAGE": IMAGE,
        "DOCKER_HOST": "ssh://deploy@app.example.com",
        "MODEL_DIR": "/srv/churn-model/model",
    }
    assert {"wait", "detach", "no-build"} <= up["options"].keys()
    assert f"Deployed {IMAGE}" in run.summary
    assert f"{service.url} answers with version 0.1.0" in run.summary
    assert KEY["DEPLOY_SSH_KEY"].splitlines()[1] not in json.dumps(run.calls)


def test_without_a_host_the_release_says_that_it_is_not_deployed(act: Act, checkout: Path) -> None:
    lint_only(checkout)
    git(checkout, "tag", "v0.1.0")
    run = act(checkout, "release.yml", "push", tag("v0.1.0", private=True))
    assert run.jobs == dict.fromkeys([BUILD, PUBLISH, NOT_DEPLOYED], "success"), run.output
    assert "Not deployed" in run.summary
    assert not run.of("docker compose up")
    # A private repository has no attestations on most plans; the rest of the release must not depend on them.
    assert not run.of("actions/attest")
    assert run.of("gh release create")


@pytest.mark.parametrize("name", ["v0.2.0", "v0.1"])
def test_a_tag_that_is_not_the_version_is_red(name: str, act: Act, checkout: Path) -> None:
    git(checkout, "tag", name)
    run = act(checkout, "release.yml", "push", tag(name), variables=HOST, secrets=KEY)
    assert run.jobs == {BUILD: "failure"}, run.output
    assert f"The tag {name} does not fit the version 0.1.0 in pyproject.toml." in run.output
    assert {call.get("action") for call in run.calls} == {"actions/checkout"}


def test_a_tag_beside_the_main_branch_is_red(act: Act, checkout: Path) -> None:
    git(checkout, "switch", "--quiet", "--create", "side")
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "Not reviewed")
    git(checkout, "tag", "v0.1.0")
    run = act(checkout, "release.yml", "push", tag("v0.1.0"), variables=HOST, secrets=KEY)
    assert run.jobs == {BUILD: "failure"}, run.output
    assert "The tagged commit is not on main." in run.output
    assert {call.get("action") for call in run.calls} == {"actions/checkout"}


def test_a_failing_test_releases_nothing(act: Act, checkout: Path) -> None:
    git(checkout, "rm", "-r", "--quiet", "tests/model", "tests/integration", "tests/unit")
    (checkout / "tests/unit").mkdir()
    (checkout / "tests/unit/test_planted.py").write_text("def test_planted() -> None:\n    assert not True\n")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "Change")
    git(checkout, "tag", "v0.1.0")
    run = act(checkout, "release.yml", "push", tag("v0.1.0"), variables=HOST, secrets=KEY)
    assert run.jobs == {BUILD: "failure"}, run.output
    assert "FAILED tests/unit/test_planted.py::test_planted" in run.output
    assert not run.of("docker/build-push-action")
    assert not run.of("gh release create")


def test_a_roll_back_deploys_the_image_of_an_earlier_tag(act: Act, tagged: Path, service: Service) -> None:
    (tagged / "compose.yaml").unlink()
    git(tagged, "commit", "--quiet", "--all", "--message", "A broken later state")
    variables = HOST | {"SERVICE_URL": service.url, "DEPLOY_MODEL_DIR": "/data/model"}
    run = roll_back(act, tagged, variables=variables, secrets=KEY)
    assert run.jobs == {DEPLOY: "success"}, run.output
    (up,) = run.of("docker compose up")
    assert up["environment"]["IMAGE"] == IMAGE
    assert up["environment"]["MODEL_DIR"] == "/data/model"


def test_a_roll_back_without_a_host_is_red(act: Act, tagged: Path) -> None:
    run = roll_back(act, tagged)
    assert run.jobs == {NOT_DEPLOYED: "failure"}, run.output
    assert "set the variable DEPLOY_HOST first" in run.output


def test_a_tag_that_does_not_exist_is_not_deployed(act: Act, tagged: Path) -> None:
    run = roll_back(act, tagged, "v9.9.9", variables=HOST, secrets=KEY)
    assert run.jobs == {DEPLOY: "failure"}, run.output
    assert not run.of("docker compose up")


@pytest.mark.parametrize(
    ("service", "words"),
    [({"version": "0.0.9"}, "runs version 0.0.9, not 0.1.0"), ({"ready": False}, "can't score")],
    indirect=["service"],
    ids=["another-version", "no-model"],
)
def test_a_service_that_does_not_serve_this_version_is_red(
    service: Service, words: str, act: Act, checkout: Path
) -> None:
    impatient(checkout)
    git(checkout, "tag", "v0.1.0")
    run = roll_back(act, checkout, variables=HOST | {"SERVICE_URL": service.url}, secrets=KEY)
    assert run.jobs == {DEPLOY: "failure"}, run.output
    assert words in run.output


def test_an_unknown_host_key_is_refused(act: Act, tagged: Path) -> None:
    run = roll_back(
        act, tagged, variables=HOST | {"DEPLOY_KNOWN_HOSTS": "other.example.com ssh-ed25519 AAAA"}, secrets=KEY
    )
    assert run.jobs == {DEPLOY: "failure"}, run.output
    assert "Host key verification failed" in run.output


def test_only_the_deployment_uses_the_production_environment(rendered: Path) -> None:
    jobs = yaml.safe_load((rendered / ".github/workflows/release.yml").read_text(encoding="utf-8"))["jobs"]
    assert {name for name, job in jobs.items() if "environment" in job} == {"deploy"}
    assert jobs["deploy"]["environment"]["name"] == "production"
    assert "vars.DEPLOY_HOST != ''" in jobs["deploy"]["if"]


@at_level(2)
def test_the_deployed_service_gets_the_address_of_the_registry(act: Act, tagged: Path, service: Service) -> None:
    variables = HOST | {"SERVICE_URL": service.url, "MLFLOW_TRACKING_URI": "https://elsewhere.example.com"}
    registry = {"MLFLOW_TRACKING_URI": "https://mlflow.example.com", "MLFLOW_TRACKING_USERNAME": "service"}
    secrets = KEY | registry | {"MLFLOW_TRACKING_PASSWORD": "secret", "MLFLOW_TRACKING_TOKEN": ""}
    run = roll_back(act, tagged, variables=variables, secrets=secrets)
    assert run.jobs == {DEPLOY: "success"}, run.output
    (up,) = run.of("docker compose up")
    passed = {name: value for name, value in up["environment"].items() if name.startswith("MLFLOW_")}
    assert passed == {name: value for name, value in secrets.items() if name.startswith("MLFLOW_")}
    compose = yaml.safe_load((tagged / "compose.yaml").read_text(encoding="utf-8"))
    assert set(passed) <= set(compose["services"]["app"]["environment"])


TEST_HOST = {
    "TEST_DEPLOY_HOST": "deploy@test.example.com",
    "TEST_PORT": "8001",
    "DEPLOY_KNOWN_HOSTS": "app.example.com ssh-ed25519 AAAA\ntest.example.com ssh-ed25519 AAAA",
}
FIND, TEST = "Find the image", "Deploy to test"


@at_level(3)
def test_the_same_bytes_reach_the_test_host_and_then_production(
    scripted_act: Act, tagged: Path, service: Service
) -> None:
    variables = HOST | TEST_HOST | {"SERVICE_URL": service.url, "DATA_URI": "s3://data"}
    with started(Service) as test:
        variables["TEST_SERVICE_URL"] = test.url
        run = roll_back(scripted_act, tagged, variables=variables, secrets=KEY)
    assert run.jobs == dict.fromkeys([FIND, TEST, DEPLOY], "success"), run.output
    assert test.url in run.summary
    image = f"{IMAGE.partition(':')[0]}@{digest_of([IMAGE])}"
    first, second = run.of("docker compose up")
    assert (first["job"], second["job"]) == ("test", "deploy")
    common = {"IMAGE": image, "DATA_URI": "s3://data"}
    assert first["environment"].items() >= (common | {"ENVIRONMENT": "test", "PORT": "8001"}).items()
    assert second["environment"].items() >= (common | {"ENVIRONMENT": "production"}).items()
    assert first["environment"]["DOCKER_HOST"] == "ssh://deploy@test.example.com"
    assert first["environment"]["COMPOSE_PROJECT_NAME"] == "churn-model-test"
    passed = {name for call in (first, second) for name in call["environment"]}
    compose = yaml.safe_load((tagged / "compose.yaml").read_text(encoding="utf-8"))["services"]["app"]["environment"]
    handed_on = {entry.partition("=")[0] for entry in compose}
    of_compose = {"IMAGE", "PORT", "MODEL_DIR", "DOCKER_HOST", "COMPOSE_PROJECT_NAME"}
    assert passed - of_compose <= handed_on
    assert {"ENVIRONMENT", "DATA_URI", "PREDICTIONS_URI"} <= handed_on


@at_level(4)
def test_the_service_gets_the_key_of_its_log(scripted_act: Act, tagged: Path) -> None:
    variables = HOST | TEST_HOST
    run = roll_back(scripted_act, tagged, variables=variables, secrets=KEY | {"LOG_HASH_KEY": "nobody knows it"})
    assert run.jobs == dict.fromkeys([FIND, TEST, DEPLOY], "success"), run.output
    for up in run.of("docker compose up"):
        assert up["environment"]["LOG_HASH_KEY"] == "nobody knows it"
    compose = yaml.safe_load((tagged / "compose.yaml").read_text(encoding="utf-8"))
    assert "LOG_HASH_KEY" in compose["services"]["app"]["environment"]


@at_level(3)
def test_an_image_that_does_not_answer_on_the_test_host_goes_no_further(scripted_act: Act, checkout: Path) -> None:
    impatient(checkout)
    git(checkout, "tag", "v0.1.0")
    with started(Service) as test:
        test.version = "0.0.9"
        variables = HOST | TEST_HOST | {"TEST_SERVICE_URL": test.url}
        run = roll_back(scripted_act, checkout, variables=variables, secrets=KEY)
    assert run.jobs == {FIND: "success", TEST: "failure"}, run.output


@at_level(3)
def test_what_was_built_and_attested_is_what_is_deployed(rendered: Path) -> None:
    jobs = yaml.safe_load((rendered / ".github/workflows/release.yml").read_text(encoding="utf-8"))["jobs"]
    assert jobs["build"]["outputs"] == {"digest": "${{ steps.image.outputs.digest }}"}
    assert jobs["image"]["steps"][-1]["env"]["BUILT"].count("needs.build.outputs.digest") == 1
    assert jobs["test"]["env"]["IMAGE"] == jobs["deploy"]["env"]["IMAGE"] == "${{ needs.image.outputs.image }}"
