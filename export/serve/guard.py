"""Who may ask, and how much: checked before anything of a request is read."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmoe.export.serve.errors import ApiError

if TYPE_CHECKING:
    from mmoe.export.serve.app import ServeOptions

# What a client may take to send a request's body.
_BODY_SECONDS = 30
# The page asks this server alone, and runs no script but its own.
_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        b"form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class Guard:
    """Middleware that refuses other hosts' names, pages of other origins, wrong keys, and bodies that are too large."""

    def __init__(self, app: ASGIApp, options: ServeOptions, count: Callable[[str, int], None]) -> None:
        self._app, self._options, self._count = app, options, count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(_known(scope["path"]), message["status"])
                message = {**message, "headers": [*message["headers"], *_HEADERS]}
            await send(message)

        try:
            self._check(scope)
            body = _Body(receive, self._options.max_body_bytes)
            await self._app(scope, body.receive, counted)
        except ApiError as error:
            await error.response()(scope, receive, counted)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        hosts = self._options.hosts
        # A page elsewhere whose name was made to lead here would otherwise speak with us as if it were ours.
        if hosts is not None and name.lower() not in hosts:
            raise ApiError(403, f"this server is not called {name!r}; start it with --host to serve others")
        origin = headers.get("origin")
        if origin is not None and _host_of(origin) != host:
            raise ApiError(403, f"pages of {origin} may not use this server")
        key = self._options.api_key
        if key is not None and (scope["path"].startswith("/v1/") or scope["path"] == "/metrics"):
            # The scheme's name is of any case; headers are bytes, which are read as Latin-1.
            scheme, _, given = headers.get("authorization", "").partition(" ")
            is_right = hmac.compare_digest(given.encode("latin-1"), key.encode())
            if scheme.lower() != "bearer" or not is_right:
                raise ApiError(401, "the API key is missing or wrong", code="invalid_api_key")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._options.max_body_bytes:
            raise _too_large(self._options.max_body_bytes)


class _Body:
    """A body that is refused as soon as it is too large or too slow, whatever its length was said to be."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most = receive, most
        self._read = 0
        self._whole = False

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), _BODY_SECONDS)
        except TimeoutError:
            raise ApiError(408, f"the body did not come within {_BODY_SECONDS} seconds") from None
        self._read += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._read > self._most:
            raise _too_large(self._most)
        return message


def _host_of(origin: str) -> str | None:
    """Whose page asks; None where that is no address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _too_large(most: int) -> ApiError:
    return ApiError(413, f"the body has more than {most:,} bytes", code="request_too_large")


def _known(path: str) -> str:
    """A label that no client can make up."""
    known = ("/", "/health", "/metrics", "/v1/models", "/v1/chat/completions", "/v1/completions")
    return path if path in known else "other"
