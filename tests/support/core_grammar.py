"""The core's grammars without a model, by `capi/grammar_c.h`."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mmoe.runtime_bindings.python.core import CoreFailure, Status
from mmoe.runtime_bindings.python.grammar import Grammar, JsonSchema
from mmoe.runtime_bindings.python.library import grammar_library_path

_MESSAGE_BYTES = 1000
_TOO_AMBIGUOUS = 2 ** (8 * ctypes.sizeof(ctypes.c_size_t)) - 1


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(grammar_library_path()))
    for name in ("vocabulary", "grammar", "matcher"):
        getattr(library, f"mmoe_{name}_new").restype = ctypes.c_void_p
        getattr(library, f"mmoe_{name}_delete").argtypes = [ctypes.c_void_p]
    library.mmoe_grammar_read.restype = ctypes.c_size_t
    return library


def _new(name: str, *arguments: Any) -> ctypes.c_void_p:
    message = ctypes.create_string_buffer(_MESSAGE_BYTES)
    handle = getattr(_library(), f"mmoe_{name}_new")(*arguments, message, ctypes.c_size_t(_MESSAGE_BYTES))
    if handle is None:
        raise _failure(message)
    return ctypes.c_void_p(handle)


def _failure(message: ctypes.Array[ctypes.c_char]) -> CoreFailure:
    status, _, reason = message.value.decode(errors="replace").partition(" ")
    return CoreFailure(Status(int(status)), reason)


class CoreVocabulary:
    """The tokens of a tokenizer.json that a text within a grammar is made of."""

    def __init__(self, tokenizer_json: str, stop_ids: Sequence[int] = ()) -> None:
        data = tokenizer_json.encode()
        stops = (ctypes.c_int32 * len(stop_ids))(*stop_ids)
        self.handle = _new(
            "vocabulary", data, ctypes.c_size_t(len(data)), stops, ctypes.c_size_t(len(stop_ids))
        )
        members = json.loads(tokenizer_json)
        ids = [*members["model"]["vocab"].values(), *(token["id"] for token in members["added_tokens"])]
        self.size = max(ids) + 1

    def __del__(self) -> None:
        if hasattr(self, "handle"):
            _library().mmoe_vocabulary_delete(self.handle)


class CoreGrammar:
    """A grammar; without a vocabulary it reads bytes only.

    Raises:
        CoreFailure: The core refuses it.
    """

    def __init__(
        self,
        *,
        json_schema: JsonSchema | None = None,
        grammar: str | None = None,
        vocabulary: CoreVocabulary | None = None,
    ) -> None:
        self.vocabulary = vocabulary  # the grammar must not outlive it
        kind, data, size = Grammar.of(json_schema, grammar).arguments
        self.handle = _new(
            "grammar", None if vocabulary is None else vocabulary.handle, kind, data, ctypes.c_size_t(size)
        )

    def __del__(self) -> None:
        if hasattr(self, "handle"):
            _library().mmoe_grammar_delete(self.handle)

    def read(self, text: str | bytes) -> tuple[int, bool]:
        """How many bytes of a text it can begin with, and whether the text is whole then.

        Raises:
            CoreFailure: The grammar is too ambiguous.
        """
        data = text.encode() if isinstance(text, str) else text
        ends = ctypes.c_int32()
        message = ctypes.create_string_buffer(_MESSAGE_BYTES)
        read: int = _library().mmoe_grammar_read(
            self.handle,
            data,
            ctypes.c_size_t(len(data)),
            ctypes.byref(ends),
            message,
            ctypes.c_size_t(_MESSAGE_BYTES),
        )
        if read == _TOO_AMBIGUOUS:
            raise _failure(message)
        return read, bool(ends.value)

    def accepts(self, text: str | bytes) -> bool:
        """Whether a text is of the grammar."""
        return self.read(text)[1]


class CoreMatcher:
    """A text within a grammar for a vocabulary."""

    def __init__(self, grammar: CoreGrammar, *, at_start: bool = True) -> None:
        assert grammar.vocabulary is not None
        self._grammar = grammar
        self._size = grammar.vocabulary.size
        self._handle = ctypes.c_void_p(_library().mmoe_matcher_new(grammar.handle, int(at_start)))

    def __del__(self) -> None:
        _library().mmoe_matcher_delete(self._handle)

    def allowed(self) -> tuple[npt.NDArray[np.bool_], bool]:
        """Which tokens may come next, ``[V]``, and whether the text may end.

        Raises:
            CoreFailure: The grammar is too ambiguous.
        """
        found = np.empty(self._size, np.uint8)
        ends = ctypes.c_int32()
        message = ctypes.create_string_buffer(_MESSAGE_BYTES)
        status = _library().mmoe_matcher_allowed(
            self._handle,
            found.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_size_t(self._size),
            ctypes.byref(ends),
            message,
            ctypes.c_size_t(_MESSAGE_BYTES),
        )
        if status != Status.OK:
            raise _failure(message)
        return found.astype(bool), bool(ends.value)

    def push(self, token_id: int) -> bool:
        """Takes a token; whether it was allowed."""
        return bool(_library().mmoe_matcher_push(self._handle, token_id))
