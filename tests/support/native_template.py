"""The core's chat templates from Python, without a model."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from mmoe.runtime_bindings.python.library import library_path

CORRUPT, INVALID_ARGUMENT, OUT_OF_RESOURCES, UNSUPPORTED = 3, 1, 10, 11
NOW = "2026-07-04T12:30:05"


class NativeTemplateError(Exception):
    """The core refused a template or what it was given.

    Attributes:
        status: of the C ABI.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(Path(library_path()).with_name("libmmoe_template_c.so")))
    library.mmoe_template_new.restype = ctypes.c_void_p
    return library


class NativeTemplate:
    """A chat template read by the core."""

    def __init__(self, source: str | bytes) -> None:
        text = source.encode() if isinstance(source, str) else source
        message = ctypes.create_string_buffer(1000)
        handle = _library().mmoe_template_new(
            text, ctypes.c_size_t(len(text)), message, ctypes.c_size_t(len(message))
        )
        if handle is None:
            status, _, reason = message.value.decode(errors="replace").partition(" ")
            raise NativeTemplateError(int(status), reason)
        self._handle = ctypes.c_void_p(handle)

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            _library().mmoe_template_delete(self._handle)

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
        text, origins, count = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t()
        status = _library().mmoe_template_render(
            self._handle,
            given,
            ctypes.c_size_t(len(given)),
            now.encode(),
            ctypes.byref(text),
            ctypes.byref(origins),
            ctypes.byref(count),
        )
        result = ctypes.string_at(text, count.value) if text.value else b""
        if status != 0:
            raise NativeTemplateError(status, result.decode())
        return result, ctypes.string_at(origins, count.value) if count.value else b""
