"""The runtime's own chat templates without a model: what an app will send of a conversation."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import NamedTuple

from mmoe.runtime_bindings.python.conversation import json_bytes
from mmoe.runtime_bindings.python.core import CoreFailure, Status, Uncopied
from mmoe.runtime_bindings.python.errors import RuntimeFailure
from mmoe.runtime_bindings.python.library import template_library_path

_MESSAGE_BYTES = 1000


@cache
def _library() -> ctypes.CDLL:
    path = template_library_path()
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise RuntimeFailure(f"{path}: cannot be loaded ({error}); install the package again") from error
    library.mmoe_template_new.restype = ctypes.c_void_p
    return library


class Span(NamedTuple):
    """A piece of a rendered text.

    Attributes:
        text: The piece; a character is never cut in two.
        is_data: Whether a message, a tool or a document held it; otherwise the template wrote it.
    """

    text: str
    is_data: bool


class CoreTemplate(Uncopied):
    """A chat template, read by the core."""

    def __init__(self, source: str | bytes) -> None:
        """Parses the template.

        Raises:
            CoreFailure: the core cannot read it; the message names the line.
        """
        text = source.encode() if isinstance(source, str) else source
        message = ctypes.create_string_buffer(_MESSAGE_BYTES)
        handle = _library().mmoe_template_new(
            text, ctypes.c_size_t(len(text)), message, ctypes.c_size_t(len(message))
        )
        if handle is None:
            status, _, reason = message.value.decode(errors="replace").partition(" ")
            raise CoreFailure(Status(int(status)), reason)
        self._handle = ctypes.c_void_p(handle)

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            _library().mmoe_template_delete(self._handle)

    def render(self, variables: Mapping[str, object], *, now: str | None = None) -> str:
        """The text that the template makes of its variables.

        Args:
            variables: ``messages``, the special tokens, and what else the template may name.
            now: what it takes for the local time, ``2026-07-04T12:30:00``; None for the clock's.

        Raises:
            CoreFailure: the template refuses them, or needs what the core does not have.
        """
        return self.render_with_origins(json_bytes(variables), now=now)[0].decode()

    def spans(self, variables: Mapping[str, object], *, now: str | None = None) -> list[Span]:
        """The text of `render` in pieces that are the template's or data's; raises as it does."""
        text, origins = self.render_with_origins(json_bytes(variables), now=now)
        found, begin = [], 0
        for is_data, bytes_ in itertools.groupby(origins):
            end = begin + len(list(bytes_))
            found.append(Span(text[begin:end].decode(), bool(is_data)))
            begin = end
        return found

    def render_with_origins(self, variables: bytes, *, now: str | None = None) -> tuple[bytes, bytes]:
        """The text for variables in JSON, and for each byte of it whether data (1) or the template (0) has it."""
        text, origins, count = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t()
        status = _library().mmoe_template_render(
            self._handle,
            variables,
            ctypes.c_size_t(len(variables)),
            (now or datetime.now().isoformat(timespec="seconds")).encode(),
            ctypes.byref(text),
            ctypes.byref(origins),
            ctypes.byref(count),
        )
        result = ctypes.string_at(text, count.value) if text.value else b""
        if status != Status.OK:
            raise CoreFailure(Status(status), result.decode())
        return result, ctypes.string_at(origins, count.value) if count.value else b""
