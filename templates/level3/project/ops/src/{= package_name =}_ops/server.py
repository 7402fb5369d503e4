"""Runs the application until it is told to end, and then lets it end in order."""

from types import FrameType

import uvicorn
from fastapi import FastAPI

# How long requests that are under way may take.
DRAIN_SECONDS = 20


class Server(uvicorn.Server):
    """A server that takes a repeated signal for the same wish."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End, unless that is under way.

        A terminal tells all processes of a group, and a task runner passes it on once more. To uvicorn the second time
        means that somebody is impatient: it would drop requests, and the end of the prediction log.
        """
        if not self.should_exit:
            super().handle_exit(sig, frame)


def run(app: FastAPI, *, host: str, port: int) -> None:
    """Answer requests.

    Args:
        app: The application.
        host: Address to listen on.
        port: Port to listen on.
    """
    Server(uvicorn.Config(app, host=host, port=port, access_log=False, timeout_graceful_shutdown=DRAIN_SECONDS)).run()
