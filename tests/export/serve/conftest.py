"""A server of the bundled model, on a port of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
import uvicorn

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.serve.app import ServeOptions, build_app
from mmoe.runtime_bindings.python.model import Model

Serve = Callable[..., AbstractContextManager[str]]


@contextlib.contextmanager
def served(model: Model, **options: object) -> Iterator[str]:
    """The address of a server, which ends with the block."""
    app = build_app(model, "demo", ServeOptions(**options))  # type: ignore[arg-type]  # as the test gives them
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)


@pytest.fixture(scope="module")
def model(demo_artifact: Artifact) -> Iterator[Model]:
    with Model(demo_artifact.folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def address(model: Model) -> Iterator[str]:
    with served(model) as found:
        yield found
