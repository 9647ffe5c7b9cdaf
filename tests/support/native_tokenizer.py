"""The core's tokenizer and its parts from Python, without a model."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from mmoe.runtime_bindings.python.library import library_path


class NativeTokenizerError(Exception):
    """The core refused a tokenizer.json; the text is "status N: why"."""


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(Path(library_path()).with_name("libmmoe_tokenizer_c.so")))
    library.mmoe_tokenizer_new.restype = ctypes.c_void_p
    for name in ("encode", "decode", "token_bytes", "stream", "stream_until"):
        getattr(library, f"mmoe_tokenizer_{name}").restype = ctypes.c_size_t
    for name in ("regex_matches", "normalize"):
        getattr(library, f"mmoe_{name}").restype = ctypes.c_size_t
    return library


class NativeTokenizer:
    """A tokenizer.json read by the core."""

    def __init__(self, json: bytes) -> None:
        message = ctypes.create_string_buffer(1000)
        handle = _library().mmoe_tokenizer_new(
            json, ctypes.c_size_t(len(json)), message, ctypes.c_size_t(len(message))
        )
        if handle is None:
            raise NativeTokenizerError(message.value.decode())
        self._handle = ctypes.c_void_p(handle)

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            _library().mmoe_tokenizer_delete(self._handle)

    def encode(self, text: bytes, *, add_bos: bool = False, parse_special: bool = True) -> list[int]:
        """Ids of UTF-8 text; raises NativeTokenizerError when the core refuses it."""
        count, ids = 0, np.empty(len(text) + 8, np.int32)  # no id stands for less than a byte
        message = ctypes.create_string_buffer(1000)
        for _ in range(2):  # U+FFFD takes three bytes for one that is broken
            count = _library().mmoe_tokenizer_encode(
                self._handle,
                text,
                ctypes.c_size_t(len(text)),
                add_bos,
                parse_special,
                _pointer(ids),
                _size(ids),
                message,
                ctypes.c_size_t(len(message)),
            )
            if count == ctypes.c_size_t(-1).value:
                raise NativeTokenizerError(message.value.decode())
            if count <= len(ids):
                break
            ids = np.empty(count, np.int32)
        return [int(token) for token in ids[:count]]

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> bytes:
        """Text of ids."""
        values = np.array(ids, np.int32)
        text = np.empty(64 * len(ids) + 64, np.uint8)
        while True:
            count = _library().mmoe_tokenizer_decode(
                self._handle, _pointer(values), _size(values), skip_special, _pointer(text), _size(text)
            )
            if count <= len(text):
                return text[:count].tobytes()
            text = np.empty(count, np.uint8)

    def token_bytes(self, token: int, *, first: bool) -> bytes:
        """The bytes of one token, as the first one of a text or as a later one."""
        found = np.empty(4096, np.uint8)
        count = _library().mmoe_tokenizer_token_bytes(
            self._handle, token, first, _pointer(found), _size(found)
        )
        return found[:count].tobytes()

    def stream(self, ids: Sequence[int]) -> list[bytes]:
        """The pieces that come out as ids go in one by one, and what is left at the end."""
        values = np.array(ids, np.int32)
        ends = np.empty(len(ids) + 1, np.uint64)
        text = np.empty(0, np.uint8)
        count = 64 * len(ids) + 64
        while count > len(text):
            text = np.empty(count, np.uint8)
            count = _library().mmoe_tokenizer_stream(
                self._handle, _pointer(values), _size(values), _pointer(text), _size(text), _pointer(ends)
            )
        starts = [0, *ends[:-1].tolist()]
        return [text[start:end].tobytes() for start, end in zip(starts, ends.tolist(), strict=True)]

    def stream_until(self, ids: Sequence[int], stops: Sequence[str]) -> list[bytes]:
        """The same up to the first of some strings; as many pieces as ids were taken, and what is left at the end."""
        values = np.array(ids, np.int32)
        data = [stop.encode() for stop in stops]
        stop_ends = np.cumsum([len(stop) for stop in data], dtype=np.uint64)
        ends = np.empty(len(ids) + 1, np.uint64)
        text = np.empty(1024 * len(ids) + 1024, np.uint8)
        used = ctypes.c_size_t()
        count = _library().mmoe_tokenizer_stream_until(
            self._handle,
            _pointer(values),
            _size(values),
            b"".join(data),
            _pointer(stop_ends),
            _size(stop_ends),
            _pointer(text),
            _size(text),
            _pointer(ends),
            ctypes.byref(used),
        )
        assert count <= len(text)
        bounds = [0, *ends[: used.value + 1].tolist()]
        return [text[start:end].tobytes() for start, end in itertools.pairwise(bounds)]


def regex_matches(pattern: str, text: str) -> list[tuple[int, int]]:
    """Places of the core's matches in ``text``, counted in characters.

    Raises:
        NativeTokenizerError: when the core refuses the pattern.
    """
    wanted, data = pattern.encode(), text.encode()
    positions = np.empty(2 * len(data), np.uint64)
    message = ctypes.create_string_buffer(1000)
    count = _library().mmoe_regex_matches(
        wanted,
        ctypes.c_size_t(len(wanted)),
        data,
        ctypes.c_size_t(len(data)),
        _pointer(positions),
        _size(positions),
        message,
        ctypes.c_size_t(len(message)),
    )
    if count == ctypes.c_size_t(-1).value:
        raise NativeTokenizerError(message.value.decode())
    characters = np.cumsum([0, *(np.frombuffer(data, np.uint8) & 0xC0 != 0x80)])
    places = [int(characters[position]) for position in positions[:count].tolist()]
    return list(zip(places[::2], places[1::2], strict=True))


NORMALIZATION_FORMS = ("NFC", "NFD", "NFKC", "NFKD")


def normalize(form: str, text: str) -> str:
    """``text`` in one of `NORMALIZATION_FORMS`, by the core."""
    data = text.encode()
    out = np.empty(40 * len(data) + 1, np.uint8)  # no character becomes more
    count = _library().mmoe_normalize(
        data,
        ctypes.c_size_t(len(data)),
        NORMALIZATION_FORMS.index(form),
        _pointer(out),
        _size(out),
    )
    return out[:count].tobytes().decode()


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _size(array: np.ndarray) -> ctypes.c_size_t:
    return ctypes.c_size_t(len(array))
