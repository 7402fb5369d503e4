"""Checks that the service answers with the released model.

The release workflow runs this file with the standard library only.
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
from typing import Any


class ServedError(Exception):
    """The service does not answer with the model; the message says what it does and what to do."""


def check(url: str, version: str, *, timeout: float, pause: float = 2.0) -> None:
    """Wait until the service answers with a version of the model.

    Args:
        url: Address of the service, such as `https://models.example.com/churn`.
        version: Number of the registered version.
        timeout: Seconds after which the service has failed.
        pause: Seconds between two attempts.

    Raises:
        ServedError: The service still gives another answer after `timeout`.
    """
    deadline = time.monotonic() + timeout
    while problem := _problem(url.rstrip("/"), version):
        if time.monotonic() + pause > deadline:
            raise ServedError(problem)
        time.sleep(pause)


def _problem(url: str, version: str) -> str | None:
    try:
        model = json.loads(_get(f"{url}/version")).get("model")
        number = _number(model)
    except (OSError, ValueError, AttributeError) as error:
        return f"The service does not answer at {url}/version: {error}. Read the container's log on the host."
    if model is None:
        return f"The service at {url} has no model. Read the container's log on the host: it says what is missing."
    if number is None:
        return (
            f"The service at {url} answers with a model that is not from the registry. Deploy the application again by the "
            "workflow Release, which hands the address of the registry to the container."
        )
    if number != version:
        return (
            f"The service at {url} answers with version {number} of the model, not {version}. Does the address lead to this "
            "host, and does the container have the same MLFLOW_TRACKING_URI?"
        )
    return None


def _number(model: Any) -> str | None:
    return None if model is None or model.get("version") is None else str(model["version"])


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
    """Check the service and return the exit code."""
    parser = argparse.ArgumentParser(prog="served", description="Wait until the service answers with a model.")
    parser.add_argument("url", help="address of the service")
    parser.add_argument("version", help="number of the registered version")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        check(options.url, options.version, timeout=options.timeout)
    except ServedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{options.url} answers with version {options.version} of the model.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
