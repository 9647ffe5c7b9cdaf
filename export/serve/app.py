"""The routes."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from mmoe.export.serve.choices import ChatChoices, Choices, CompletionChoices
from mmoe.export.serve.errors import ApiError, no_such_model
from mmoe.export.serve.guard import Guard
from mmoe.export.serve.metrics import Metrics
from mmoe.export.serve.request import TextRequest, read_chat, read_completion
from mmoe.export.serve.texts import Texts
from mmoe.export.serve.worker import Worker
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.records import memory

PAGE = Path(__file__).parent / "page"
_PAGE_FILES = {"/": "index.html", "/page.css": "page.css", "/page.js": "page.js"}


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """How to serve.

    Attributes:
        api_key: What clients must know; None for nothing.
        hosts: Names under which the server may be asked for; None for any.
        sessions: Texts that are generated at once, each with a KV cache.
        queue: Texts that wait beside these at most.
        max_body_bytes: Of a request.
        time_limit: Seconds after which a text ends with what it has.
    """

    api_key: str | None = None
    hosts: frozenset[str] | None = frozenset({"localhost", "127.0.0.1", "[::1]"})
    sessions: int = 4
    queue: int = 64
    max_body_bytes: int = 1 << 20
    time_limit: float = 600


def build_app(model: Model, model_id: str, options: ServeOptions) -> Starlette:
    """The application of an open model, which it does not close.

    Args:
        model: What answers.
        model_id: What clients call it.
        options: How to serve.
    """
    return _Server(model, model_id, options).app


class _Server:
    def __init__(self, model: Model, model_id: str, options: ServeOptions) -> None:
        self._model, self._id, self._options = model, model_id, options
        self._metrics = Metrics()
        self._created = int(time.time())
        self._worker: Worker | None = None
        routes = [Route(path, self._page(name)) for path, name in _PAGE_FILES.items()]
        routes += [
            Route("/health", self._health),
            Route("/metrics", self._show_metrics),
            Route("/v1/models", self._models),
            Route("/v1/models/{model:path}", self._describe_model),
            Route("/v1/chat/completions", self._answering(read_chat, ChatChoices), methods=["POST"]),
            Route("/v1/completions", self._answering(read_completion, CompletionChoices), methods=["POST"]),
        ]
        self.app = Starlette(
            routes=routes,
            exception_handlers={HTTPException: _refused, Exception: _failed},
            middleware=[Middleware(Guard, options=options, count=self._metrics.count_request)],
            lifespan=self._lifespan,
        )

    def _lifespan(self, _: Starlette) -> _Lifespan:
        return _Lifespan(self)

    def start(self) -> None:
        """Opens the sessions."""
        options = self._options
        self._worker = Worker(self._model, sessions=options.sessions, queue=options.queue)

    def stop(self) -> None:
        """Ends what runs."""
        if self._worker is not None:
            self._worker.close()

    @property
    def _busy(self) -> Worker:
        assert self._worker is not None, "requests come after the start"
        return self._worker

    def _page(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        async def respond(_: Request) -> Response:
            return FileResponse(PAGE / name, headers={"Cache-Control": "no-cache"})

        return respond

    async def _health(self, _: Request) -> Response:
        running, waiting = self._busy.load
        now = memory()
        return JSONResponse(
            {
                "status": "ok",
                "model": self._id,
                "running": running,
                "waiting": waiting,
                "anonymous_bytes": now.anonymous_bytes,
                "file_bytes": now.file_bytes,
                "max_context_len": self._model.info.max_context_len,
                "has_chat": self._model.info.has_chat,
            }
        )

    async def _show_metrics(self, _: Request) -> Response:
        return PlainTextResponse(self._metrics.page(*self._busy.load))

    @property
    def _description(self) -> dict[str, object]:
        return {"id": self._id, "object": "model", "created": self._created, "owned_by": "mmoe"}

    async def _models(self, _: Request) -> Response:
        return JSONResponse({"object": "list", "data": [self._description]})

    async def _describe_model(self, request: Request) -> Response:
        asked = request.path_params["model"]
        if asked != self._id:
            return no_such_model(asked, self._id).response()
        return JSONResponse(self._description)

    def _answering(
        self,
        read: Callable[[Mapping[str, Any], Model, str], TextRequest],
        shape: type[Choices],
    ) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            try:
                body = await _json_body(request)
                # Templates, tokenizers and grammars take their time, which other clients should not notice.
                wanted = await asyncio.to_thread(read, body, self._model, self._id)
                texts = Texts(wanted, self._busy, self._options.time_limit)
            except ApiError as error:
                return error.response()
            choices = shape(wanted, self._model, self._id, secrets.token_hex(12))
            if wanted.stream:
                return StreamingResponse(
                    self._stream(texts, choices),
                    media_type="text/event-stream",
                    headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
                )
            return await self._whole(request, texts, choices)

        return respond

    async def _whole(self, request: Request, texts: Texts, choices: Choices) -> Response:
        async def collect() -> None:
            async for choice, events in texts.events():
                choices.add(choice, events)

        with texts:
            collecting = asyncio.create_task(collect())
            gone = asyncio.create_task(_disconnected(request))
            try:
                await asyncio.wait({collecting, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not collecting.done():
                    self._metrics.count_cancelled(texts.unfinished)
                    return Response(status_code=499)  # nobody reads it
                collecting.result()
            except ApiError as error:
                return error.response()
            finally:
                collecting.cancel()
                gone.cancel()
                self._count(choices)
        return JSONResponse(choices.response())

    async def _stream(self, texts: Texts, choices: Choices) -> AsyncIterator[str]:
        with texts:
            parts: list[str] = []
            try:
                for chunk in choices.opening():
                    yield _event(chunk)
                async for choice, events in texts.events():
                    parts += [_event(chunk) for chunk in choices.chunks(choice, events)]
                    if parts and not texts.has_more:
                        yield "".join(parts)
                        parts.clear()
                parts += [_event(chunk) for chunk in choices.closing()]
            except ApiError as error:
                parts.append(_event(error.content()))
            except (GeneratorExit, asyncio.CancelledError):
                self._metrics.count_cancelled(texts.unfinished)
                raise
            finally:
                self._count(choices)
            yield "".join([*parts, "data: [DONE]\n\n"])

    def _count(self, choices: Choices) -> None:
        self._metrics.count_tokens(choices.prompt_tokens, choices.cached_tokens, choices.completion_tokens)


class _Lifespan:
    """Starts the server when the first client can come, and stops it after the last."""

    def __init__(self, server: _Server) -> None:
        self._server = server

    async def __aenter__(self) -> None:
        self._server.start()

    async def __aexit__(self, *_: object) -> None:
        self._server.stop()


async def _refused(request: Request, error: Exception) -> Response:
    """A path or a method that is not there, in the shape of the other errors."""
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail.lower()}"
    return ApiError(error.status_code, message, headers=error.headers).response()


async def _failed(_: Request, __: Exception) -> Response:
    """A fault of ours, whose traceback the log has."""
    return ApiError(500, "the server has a fault; its log says more", code="internal_error").response()


async def _json_body(request: Request) -> Mapping[str, Any]:
    try:
        body = json.loads(await request.body())
    except ClientDisconnect as gone:
        raise ApiError(400, "the client went away before its request had ended") from gone
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"the body is no JSON: {error}", code="invalid_json") from error
    if not isinstance(body, dict):
        raise ApiError(400, "the body must be a JSON object", code="invalid_json")
    return body


async def _disconnected(request: Request) -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(0.1)


def _event(content: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n"
