"""Names each request, so that an answer can be found in the log."""

import re
import time
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-request-id"
ALLOWED = re.compile(rb"[A-Za-z0-9_.-]{1,64}")


class RequestIds:
    """Takes over the header `X-Request-ID` or makes one, and returns it with each answer.

    `request.state` holds it as `request_id`, and as `began` when the request came.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its name."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == HEADER), b"")
        request_id = given if ALLOWED.fullmatch(given) else uuid.uuid4().hex.encode()
        scope["state"] = {**scope.get("state", {}), "request_id": request_id.decode(), "began": time.perf_counter()}

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (HEADER, request_id)]
            await send(message)

        await self._app(scope, receive, send_named)
