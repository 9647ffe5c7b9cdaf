"""The runtime's own tokenizer without a model: what an app will read of a tokenizer.json."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from mmoe.runtime_bindings.python.core import CoreFailure, Status, Uncopied
from mmoe.runtime_bindings.python.errors import RuntimeFailure
from mmoe.runtime_bindings.python.library import tokenizer_library_path

_MESSAGE_BYTES = 1000
_REFUSED = ctypes.c_size_t(-1).value


@cache
def tokenizer_library() -> ctypes.CDLL:
    """The library, whose C ABI is `capi/tokenizer_c.h`.

    Raises:
        RuntimeFailure: it is missing or cannot be loaded.
    """
    path = tokenizer_library_path()
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise RuntimeFailure(f"{path}: cannot be loaded ({error}); install the package again") from error
    library.mmoe_tokenizer_new.restype = ctypes.c_void_p
    for name in ("encode", "decode", "stream"):
        getattr(library, f"mmoe_tokenizer_{name}").restype = ctypes.c_size_t
    return library


class CoreTokenizer(Uncopied):
    """A tokenizer.json, read by the core."""

    def __init__(self, json: bytes) -> None:
        """Reads the text of a tokenizer.json.

        Raises:
            CoreFailure: the core cannot read it, or not everything in it; the message names the part.
        """
        message = ctypes.create_string_buffer(_MESSAGE_BYTES)
        handle = tokenizer_library().mmoe_tokenizer_new(
            json, ctypes.c_size_t(len(json)), message, ctypes.c_size_t(len(message))
        )
        if handle is None:
            raise _failure(message.value)
        self._handle = ctypes.c_void_p(handle)

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            tokenizer_library().mmoe_tokenizer_delete(self._handle)

    def encode(self, text: bytes, *, add_bos: bool = False, parse_special: bool = True) -> list[int]:
        """Ids of UTF-8 text; `add_bos` puts the tokenizer's own beginning and end around it.

        Raises:
            CoreFailure: the tokenizer makes too much of the text.
        """
        count, ids = 0, np.empty(len(text) + 8, np.int32)  # few tokens stand for less than a byte
        message = ctypes.create_string_buffer(_MESSAGE_BYTES)
        for _ in range(2):
            count = tokenizer_library().mmoe_tokenizer_encode(
                self._handle,
                text,
                ctypes.c_size_t(len(text)),
                add_bos,
                parse_special,
                *array(ids),
                message,
                ctypes.c_size_t(len(message)),
            )
            if count == _REFUSED:
                raise _failure(message.value)
            if count <= len(ids):
                break
            ids = np.empty(count, np.int32)
        return [int(token) for token in ids[:count]]

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> bytes:
        """Text of ids, in UTF-8."""
        values = np.array(ids, np.int32)
        count, text = 0, np.empty(64 * len(ids) + 64, np.uint8)
        for _ in range(2):
            count = tokenizer_library().mmoe_tokenizer_decode(
                self._handle, *array(values), skip_special, *array(text)
            )
            if count <= len(text):
                break
            text = np.empty(count, np.uint8)
        return text[:count].tobytes()


def _failure(message: bytes) -> CoreFailure:
    """What a message of the library says, which begins with the status."""
    status, _, told = message.decode(errors="replace").removeprefix("status ").partition(": ")
    return CoreFailure(Status(int(status)), told)


def array(values: npt.NDArray[np.generic]) -> tuple[ctypes.c_void_p, ctypes.c_size_t]:
    """Address and length of an array, as the C functions take them."""
    return ctypes.c_void_p(values.ctypes.data), ctypes.c_size_t(len(values))
