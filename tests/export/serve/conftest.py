"""A server of the bundled model, on a port of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import httpx
import pytest
import uvicorn

from mmoe.export.artifact.artifact import Artifact
from mmoe.export.serve.app import ServeOptions, build_app
from mmoe.runtime_bindings.python.model import Model

Serve = Callable[..., AbstractContextManager[str]]

# Seconds for what takes less than one, since a machine may be busy: httpx's own five are not enough on each.
PATIENCE = 300
get, post, request = (partial(each, timeout=PATIENCE) for each in (httpx.get, httpx.post, httpx.request))


@contextlib.contextmanager
def served(model: Model, **options: object) -> Iterator[str]:
    """The address of a server, which ends with the block."""
    app = build_app(model, "demo", ServeOptions(**options))  # type: ignore[arg-type]  # as the test gives them
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        # A daemon, or Python would wait at its end for a server that hangs.
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive(), "the server does not end"


@pytest.fixture(scope="module")
def model(demo_artifact: Artifact) -> Iterator[Model]:
    with Model(demo_artifact.folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def address(model: Model) -> Iterator[str]:
    with served(model) as found:
        yield found
