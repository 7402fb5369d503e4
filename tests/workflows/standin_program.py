"""One call of `docker`, `gh` or `uv audit`; started by the scripts that `standins.make_programs` writes."""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from workflows.recorder import record, refuse
from workflows.standins import contracts

WITHOUT_VALUE = "bool"
# What the compose file or docker itself takes from the environment; and all that begins with MLFLOW_.
PASSED = ("IMAGE", "MODEL_DIR", "DOCKER_HOST")


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


def docker(words: list[str]) -> None:
    """`docker compose up|pull|logs|restart`, on this machine or on DOCKER_HOST."""
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


def uv(words: list[str]) -> None:
    """`uv audit` asks a service on the internet; everything else is the real uv."""
    if words[:1] != ["audit"]:
        real = os.environ["STANDIN_UV"]
        os.execv(real, [real, *words])
    record(program="uv audit", arguments=words[1:])
    if os.environ.get("STANDIN_VULNERABLE"):
        refuse("Found 1 known vulnerability")


def main() -> None:
    """Do what the program would do with these arguments."""
    {"docker": docker, "gh": gh, "uv": uv}[sys.argv[1]](sys.argv[2:])
