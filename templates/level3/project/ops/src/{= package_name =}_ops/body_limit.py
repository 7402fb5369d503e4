"""Refuses what is too large, as an error like all others."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Raises an `HTTPException` with status 413 where the body of a request is read, and does not read it to its end."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        """Make it.

        Args:
            app: What reads the requests.
            most: The most bytes that a body may have.
        """
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        announced = dict(scope.get("headers", ())).get(b"content-length", b"")
        size = 0

        async def receive_little() -> Message:
            nonlocal size
            if announced.isdigit() and int(announced) > self._most:
                raise self._too_large()
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._most:
                raise self._too_large()
            return message

        await self._app(scope, receive_little if scope["type"] == "http" else receive, send)

    def _too_large(self) -> HTTPException:
        sentence = f"The request has more than {self._most:,} bytes. Send fewer rows at a time."
        return HTTPException(413, sentence)
