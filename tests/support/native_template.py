"""The core's chat templates from Python, with a fixed clock and the origins of their text."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mmoe.runtime_bindings.python.core import CoreFailure
from mmoe.runtime_bindings.python.template import CoreTemplate

CORRUPT, INVALID_ARGUMENT, OUT_OF_RESOURCES, UNSUPPORTED = 3, 1, 10, 11
NOW = "2026-07-04T12:30:05"


class NativeTemplateError(Exception):
    """The core refused a template or what it was given.

    Attributes:
        status: of the C ABI.
    """

    def __init__(self, failure: CoreFailure) -> None:
        super().__init__(str(failure))
        self.status = int(failure.status)


class NativeTemplate:
    """A chat template read by the core."""

    def __init__(self, source: str | bytes) -> None:
        try:
            self._template = CoreTemplate(source)
        except CoreFailure as failure:
            raise NativeTemplateError(failure) from failure

    def render(self, variables: Mapping[str, object] | bytes, *, now: str = NOW) -> str:
        """The text that the template makes of its variables."""
        return self._render(variables, now)[0].decode()

    def spans(self, variables: Mapping[str, object], *, now: str = NOW) -> list[tuple[str, bool]]:
        """The same in pieces, each with whether it is data."""
        text, origins = self._render(variables, now)
        pieces: list[tuple[bytes, bool]] = []
        for byte, origin in zip(text, origins, strict=True):
            if not pieces or pieces[-1][1] != bool(origin):
                pieces.append((b"", bool(origin)))
            pieces[-1] = (pieces[-1][0] + bytes([byte]), bool(origin))
        return [(piece.decode(), data) for piece, data in pieces]

    def _render(self, variables: Mapping[str, object] | bytes, now: str) -> tuple[bytes, bytes]:
        given = variables if isinstance(variables, bytes) else json.dumps(dict(variables)).encode()
        try:
            return self._template.render_with_origins(given, now=now)
        except CoreFailure as failure:
            raise NativeTemplateError(failure) from failure
