"""Tells people, through a webhook, what nobody is watching.

The workflows run this file with the standard library only, because the installation may be what failed.
"""

import argparse
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request

VARIABLE = "ALERT_WEBHOOK_URL"


class AlertError(Exception):
    """Nobody was told; the message says why and what to do. It never holds the address, which is a secret."""


def send(url: str, text: str, *, attempts: int = 3, pause: float = 5.0) -> None:
    """Post a message as JSON with the field `text`, which Slack, Mattermost, Google Chat and many others take.

    Args:
        url: Address of the webhook.
        text: The message.
        attempts: How often to try while the webhook does not answer.
        pause: Seconds between two attempts.

    Raises:
        AlertError: The webhook can't be reached or does not take the message.
    """
    while problem := _problem(url, text):
        attempts -= 1
        if attempts < 1:
            raise AlertError(f"Nobody was told: {problem}.")
        time.sleep(pause)


def _problem(url: str, text: str) -> str | None:
    if not url.startswith(("http://", "https://")):
        raise AlertError(f"Nobody was told: {VARIABLE} does not start with https://. Set it to the webhook's address.")
    try:
        body = json.dumps({"text": text}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - checked above
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - checked above
            return None
    except urllib.error.HTTPError as error:
        error.close()  # an answer too, and still open
        if error.code < http.HTTPStatus.INTERNAL_SERVER_ERROR:
            raise AlertError(
                f"Nobody was told: the webhook answered {error.code} {error.reason}. Check the address in {VARIABLE}."
            ) from None
        return f"the webhook answered {error.code} {error.reason}. Look at the service behind {VARIABLE}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        return f"the webhook does not answer ({reason}). Check the address in {VARIABLE} and the network"


def main(arguments: list[str] | None = None) -> int:
    """Send one message and return the exit code; without a webhook, say so and return 0."""
    parser = argparse.ArgumentParser(prog="alert", description="Post a message to the webhook in ALERT_WEBHOOK_URL.")
    parser.add_argument("text", help="the message")
    text = parser.parse_args(arguments).text
    url = os.environ.get(VARIABLE, "")
    if not url:
        sys.stdout.write(f"Nobody was told, because {VARIABLE} is not set. The message was: {text}\n")
        return 0
    try:
        send(url, text)
    except AlertError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"Told the webhook: {text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
