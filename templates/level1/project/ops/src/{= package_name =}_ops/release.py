"""Checks of a release: the tag is the version of the project, and the service answers with that version.

The release workflow runs this file with the standard library only, so that the job that holds the key of the host
installs nothing.
"""

import argparse
import json
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path


class ReleaseError(Exception):
    """A release that must stop; the message says why and what to do."""


def tagged_version(tag: str, pyprojects: list[Path]) -> str:
    """Return the version that a tag releases.

    Args:
        tag: Git tag, `v` followed by the version, such as `v1.2.3`.
        pyprojects: The `pyproject.toml` of every wheel that is released.

    Raises:
        ReleaseError: The tag names another version than one of the files.
    """
    released = tag.removeprefix("v")
    for pyproject in pyprojects:
        version = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["version"]
        if tag != f"v{version}":
            raise ReleaseError(
                f"The tag {tag} does not fit the version {version} in {pyproject}. "
                f"Delete the tag, set the version to {released}, run `uv lock`, commit, and tag that commit."
            )
    return released


def check_service(url: str, version: str, *, timeout: float, pause: float = 2.0) -> None:
    """Wait until the service at `url` runs `version` and has a model loaded.

    Args:
        url: Address of the service, such as `https://models.example.com/churn`.
        version: Version that `/version` must report.
        timeout: Seconds after which the service has failed.
        pause: Seconds between two attempts.

    Raises:
        ReleaseError: The service still gives another answer after `timeout`.
    """
    deadline = time.monotonic() + timeout
    while problem := _problem(url.rstrip("/"), version):
        if time.monotonic() + pause > deadline:
            raise ReleaseError(problem)
        time.sleep(pause)


def _problem(url: str, version: str) -> str | None:
    try:
        running = json.loads(_get(f"{url}/version")).get("version")
    except (OSError, ValueError) as error:
        return f"The service does not answer at {url}/version: {error}. Read the container's log on the host."
    if running != version:
        return f"The service at {url} runs version {running}, not {version}. Does the address lead to this host?"
    try:
        _get(f"{url}/ready")
    except OSError as error:
        return (
            f"The service at {url} runs version {version} but can't score: {error}. "
            "Put a model into the host's model directory and restart the container."
        )
    return None


def _get(url: str) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise ValueError("the address must start with http:// or https://")
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - the scheme is checked above
            body: bytes = response.read()
    except urllib.error.HTTPError as error:
        error.close()  # an answer too, and still open
        raise
    return body


def main(arguments: list[str] | None = None) -> int:
    """Run one check and return the exit code."""
    parser = argparse.ArgumentParser(prog="release", description="Checks of a release.")
    checks = parser.add_subparsers(dest="check", required=True)
    tag = checks.add_parser("tag", help="check that a tag is the version of the project")
    tag.add_argument("tag")
    tag.add_argument("pyproject", nargs="*", type=Path, default=[Path("pyproject.toml"), Path("ops/pyproject.toml")])
    service = checks.add_parser("service", help="wait until the service runs a version and can score")
    service.add_argument("url")
    service.add_argument("version")
    service.add_argument("--timeout", type=float, default=60.0, help="seconds (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        if options.check == "tag":
            sys.stdout.write(f"version={tagged_version(options.tag, options.pyproject)}\n")
        else:
            check_service(options.url, options.version, timeout=options.timeout)
            sys.stdout.write(f"{options.url} answers with version {options.version}.\n")
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
