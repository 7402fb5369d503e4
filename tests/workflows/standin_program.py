"""One call of `docker`, `gh` or `uv audit`; started by the scripts that `standins.make_programs` writes."""

import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from workflows.recorder import digest_of, record, refuse
from workflows.standins import contracts

WITHOUT_VALUE = "bool"
# What the compose file or docker itself takes from the environment; and all that begins with MLFLOW_.
PASSED = {"IMAGE", "MODEL_DIR", "DOCKER_HOST", "ENVIRONMENT", "DATA_URI", "PREDICTIONS_URI"}
PASSED |= {"COMPOSE_PROJECT_NAME", "LOG_HASH_KEY", "PORT"}

# What the tasks of a project take from the environment.
SETTINGS = ("MLFLOW_", "SERVICE_URL", "DATA_URI", "PREDICTIONS_URI", "LOG_HASH_KEY")


def split(command: str, words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return options and positional arguments, by the real command's options."""
    known: dict[str, str] = contracts()["programs"][command]
    options, positional = {}, []
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            positional.append(word)
            continue
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or name not in known:
            refuse(f"{command}: unknown option {word}")
        options[name] = value if equals else "true" if known[name] == WITHOUT_VALUE else next(rest)
    return options, positional


def check_ssh(address: str) -> None:
    """Refuse what ssh refuses: an unknown host, a key that others can read, no key."""
    host, folder = urlsplit(address).hostname or "", Path.home() / ".ssh"
    known = folder / "known_hosts"
    if not any(line.split()[0] == host for line in known.read_text(encoding="utf-8").splitlines() if line.strip()):
        refuse(f"Host key verification failed: {host} is not in known_hosts")
    key = folder / "id_ed25519"
    if key.stat().st_mode & 0o077:
        refuse("UNPROTECTED PRIVATE KEY FILE")
    if not key.read_text(encoding="utf-8").startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n"):
        refuse("Load key: invalid format")
    if "StrictHostKeyChecking yes" not in (folder / "config").read_text(encoding="utf-8"):
        refuse("ssh would trust an unknown host")


def imagetools_inspect(words: list[str]) -> None:
    """`docker buildx imagetools inspect NAME:TAG --format '{{.Manifest.Digest}}'`: the digest that a build invented."""
    command = "docker buildx imagetools inspect"
    options, (image,) = split(command, words)
    if options != {"format": "{{.Manifest.Digest}}"}:
        refuse(f"{command}: this stand-in prints only the digest")
    if not Path(os.environ["RUNNER_TEMP"], f"login-{image.partition('/')[0]}").exists():
        refuse(f"denied: not signed in to read {image}")
    record(program=command, options=options, arguments=[image])
    sys.stdout.write(f"{digest_of([image])}\n")


def docker(words: list[str]) -> None:
    """`docker compose up|pull|logs|restart`, on this machine or on DOCKER_HOST, and `docker buildx imagetools`."""
    if words[:3] == ["buildx", "imagetools", "inspect"]:
        imagetools_inspect(words[3:])
        return
    command = " ".join(["docker", *words[:2]])
    if command not in contracts()["programs"]:
        refuse(f"{command} is not in contracts.yaml: run refresh_contracts.py")
    options, services = split(command, words[2:])
    if not Path("compose.yaml").is_file():
        refuse("no configuration file provided: not found")
    known = yaml.safe_load(Path("compose.yaml").read_text(encoding="utf-8"))["services"]
    if unknown := [service for service in services if service not in known]:
        refuse(f"no such service: {unknown[0]}")
    passed = {key: value for key, value in os.environ.items() if key in PASSED or key.startswith("MLFLOW_")}
    record(program=command, options=options, arguments=services, environment=passed)
    if (host := passed.get("DOCKER_HOST", "")).startswith("ssh://"):
        check_ssh(host)


def gh(words: list[str]) -> None:
    """`gh release create TAG FILE...`."""
    command = " ".join(["gh", *words[:2]])
    if command not in contracts()["programs"]:
        refuse(f"{command} is not in contracts.yaml: run refresh_contracts.py")
    options, positional = split(command, words[2:])
    if not os.environ.get("GH_TOKEN"):
        refuse("gh: To use GitHub CLI in a GitHub Actions workflow, set the GH_TOKEN environment variable.")
    tag, *files = positional
    for file in files:
        if not Path(file).is_file():
            refuse(f"no matches found for {file}")
    record(program=command, options=options, arguments=[tag, *sorted(Path(file).name for file in files)])


def scripted(words: list[str], script: dict[str, dict[str, Any]]) -> None:
    """`uv run poe TASK …` by a script: its outputs, the files that it writes, and how it ends. Nothing is installed."""
    if words[:2] != ["run", "poe"]:
        return
    task, *rest = words[2:]
    marked = [f"{task} {mark}" for mark in ("--decide", "--to test", "--to production") if mark in " ".join(rest)]
    names = [name for name in [*marked, task] if name in script]
    if not names:
        refuse(f"the script does not know poe {' '.join(words[2:])}")
    passed = {key: value for key, value in os.environ.items() if value and key.startswith(SETTINGS)}
    record(program="poe", task=marked[0] if marked else task, arguments=words[2:], environment=passed)
    played = script[names[0]]
    if "--outputs" in rest:
        with Path(rest[rest.index("--outputs") + 1]).open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in played.get("outputs", {}).items())
    for name, text in played.get("files", {}).items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"poe {' '.join(words[2:])}\n")
    sys.exit(played.get("code", 0))


def uv(words: list[str]) -> None:
    """`uv audit` asks a service on the internet; everything else is the real uv, unless the tasks are scripted."""
    if script := os.environ.get("STANDIN_POE"):
        scripted(words, json.loads(script))
        return
    if words[:1] != ["audit"]:
        real = os.environ["STANDIN_UV"]
        os.execv(real, [real, *words])
    record(program="uv audit", arguments=words[1:])
    if os.environ.get("STANDIN_VULNERABLE"):
        refuse("Found 1 known vulnerability")


def main() -> None:
    """Do what the program would do with these arguments."""
    {"docker": docker, "gh": gh, "uv": uv}[sys.argv[1]](sys.argv[2:])
