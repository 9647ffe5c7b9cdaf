"""libmmoe from Python: `core/mmoe.h` by ctypes, its statuses as exceptions."""

from __future__ import annotations

import ctypes
import os
import re
from array import array
from collections.abc import Callable, Iterable
from ctypes import POINTER, byref, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_uint32, c_uint64
from enum import IntEnum
from functools import cache
from typing import Any, NoReturn, SupportsIndex

from mmoe.runtime_bindings.python.errors import RuntimeFailure
from mmoe.runtime_bindings.python.library import core_library_path

ABI_VERSION = 2
MAX_THREADS = 1024

# Lone surrogates that do not stand for a byte that could not be decoded.
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


class Status(IntEnum):
    """What a call of the core ended with; the names are those of `mmoe.h`."""

    OK = 0
    INVALID_ARGUMENT = 1
    NOT_FOUND = 2
    CORRUPT = 3
    VERSION = 4
    CONTEXT_FULL = 5
    BUSY = 6
    CANCELLED = 7
    CLOSED = 8
    BUFFER_TOO_SMALL = 9
    OUT_OF_RESOURCES = 10
    UNSUPPORTED = 11
    IO = 12
    RUNTIME = 13


class CoreFailure(RuntimeFailure):
    """The core refused a call.

    Attributes:
        status: why.
    """

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status


OnProgressFunction = ctypes.CFUNCTYPE(c_int32, ctypes.c_void_p, c_int32, c_uint64, c_uint64)
"""`mmoe_on_progress`."""


class ModelOptionsStruct(ctypes.Structure):
    """`mmoe_model_options`."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("threads", c_uint32),
        ("verify_checksums", c_uint32),
        ("on_progress", OnProgressFunction),
        ("progress_context", ctypes.c_void_p),
    )


class ModelInfoStruct(ctypes.Structure):
    """`mmoe_model_info`."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("vocab_size", c_int32),
        ("max_seq_len", c_int32),
        ("max_context_len", c_int32),
        ("layers", c_int32),
        ("bos_id", c_int32),
        ("threads", c_uint32),
        ("has_chat", c_int32),
        ("load_seconds", c_double),
        ("program_bytes", c_uint64),
        ("sliding_window", c_int32),
        ("window_rows", c_int32),
        ("max_draft_tokens", c_int32),
    )


class SessionMemoryStruct(ctypes.Structure):
    """`mmoe_session_memory`."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("planned_bytes", c_uint64),
        ("cache_bytes", c_uint64),
        ("speculation_bytes", c_uint64),
    )


class SamplingStruct(ctypes.Structure):
    """`mmoe_sampling`."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("temperature", c_float),
        ("top_k", c_int32),
        ("top_p", c_float),
        ("min_p", c_float),
        ("repetition_penalty", c_float),
        ("seed", c_uint64),
        ("frequency_penalty", c_float),
        ("presence_penalty", c_float),
    )


class LogitBiasStruct(ctypes.Structure):
    """`mmoe_logit_bias`."""

    _fields_ = (("id", c_int32), ("bias", c_float))


class TokenLogprobStruct(ctypes.Structure):
    """`mmoe_token_logprob`."""

    _fields_ = (("id", c_int32), ("logprob", c_float))


class StepStruct(ctypes.Structure):
    """`mmoe_step`."""

    _fields_ = (("id", c_int32), ("finish", c_int32), ("text", ctypes.c_void_p), ("text_bytes", c_size_t))


class TextStruct(ctypes.Structure):
    """`mmoe_text`."""

    _fields_ = (("bytes", c_char_p), ("count", c_size_t))


class LimitsStruct(ctypes.Structure):
    """`mmoe_limits`."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("stop", POINTER(TextStruct)),
        ("stop_count", c_size_t),
        ("min_new_tokens", c_int64),
        ("max_new_tokens", c_int64),
    )


class SpeculationStruct(ctypes.Structure):
    """`mmoe_speculation`."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("max_draft_tokens", c_int32),
        ("document", POINTER(c_int32)),
        ("document_count", c_size_t),
    )


class StatsStruct(ctypes.Structure):
    """`mmoe_stats`."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("load_seconds", c_double),
        ("ttft_seconds", c_double),
        ("prefill_tokens", c_int64),
        ("prefill_seconds", c_double),
        ("decode_tokens", c_int64),
        ("decode_seconds", c_double),
        ("program_seconds", c_double),
        ("drafted_tokens", c_int64),
        ("accepted_tokens", c_int64),
    )


class MemoryStruct(ctypes.Structure):
    """`mmoe_memory`."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("anonymous_bytes", c_uint64),
        ("file_bytes", c_uint64),
        ("peak_anonymous_bytes", c_uint64),
        ("peak_file_bytes", c_uint64),
        ("peak_bytes", c_uint64),
    )


Handle = c_uint64
_ids = POINTER(c_int32)
_size = POINTER(c_size_t)
# Without these ctypes would pass a 64-bit value as an int.
_ARGUMENTS: dict[str, list[Any]] = {
    "model_open": [c_char_p, POINTER(ModelOptionsStruct), POINTER(Handle)],
    "model_close": [Handle],
    "model_sampling": [Handle, POINTER(SamplingStruct)],
    "model_get_info": [Handle, POINTER(ModelInfoStruct)],
    "model_warm_up": [Handle, OnProgressFunction, ctypes.c_void_p],
    "model_session_memory": [Handle, c_int64, POINTER(SessionMemoryStruct)],
    "memory_get": [POINTER(MemoryStruct)],
    "tokenize": [Handle, c_char_p, c_size_t, c_int32, c_int32, _ids, c_size_t, _size],
    "detokenize": [Handle, _ids, c_size_t, c_int32, c_char_p, c_size_t, _size],
    "token_bytes": [Handle, c_int32, c_int32, c_char_p, c_size_t, _size],
    "chat_json": [Handle, c_char_p, c_size_t, c_char_p, _ids, c_size_t, _size],
    "chat_text": [Handle, c_char_p, c_size_t, c_char_p, c_char_p, c_size_t, _size],
    "chat_fit": [Handle, c_char_p, c_size_t, c_char_p, c_size_t, _ids, c_size_t, _size, _size],
    "tool_calls": [Handle, c_char_p, c_size_t, c_char_p, c_size_t, _size],
    "session_open": [Handle, POINTER(SamplingStruct), POINTER(Handle)],
    "session_close": [Handle],
    "session_set_sampling": [Handle, POINTER(SamplingStruct)],
    "session_set_logit_bias": [Handle, POINTER(LogitBiasStruct), c_size_t],
    "session_logprobs": [Handle, POINTER(TokenLogprobStruct), POINTER(TokenLogprobStruct), c_size_t],
    "session_prefill": [Handle, _ids, c_size_t, _size],
    "session_prompt": [Handle, _ids, c_size_t, _size],
    "session_next": [Handle, POINTER(StepStruct)],
    "session_set_limits": [Handle, POINTER(LimitsStruct)],
    "session_hide_tool_calls": [Handle, c_int32],
    "session_set_grammar": [Handle, c_int32, c_char_p, c_size_t],
    "model_check_grammar": [Handle, c_int32, c_char_p, c_size_t],
    "session_set_speculation": [Handle, POINTER(SpeculationStruct)],
    "session_flush": [Handle, POINTER(StepStruct)],
    "session_commit": [Handle],
    "session_decode": [Handle, c_int32],
    "session_logits": [Handle, POINTER(c_float), c_size_t],
    "session_position": [Handle, POINTER(c_int64)],
    "session_truncate": [Handle, c_int64],
    "session_reset": [Handle],
    "session_cancel": [Handle],
    "session_clear_cancel": [Handle],
    "session_count_experts": [Handle, c_int32],
    "session_expert_counts": [Handle, POINTER(c_uint64), c_size_t, _size, _size],
    "session_stats": [Handle, POINTER(StatsStruct)],
    "session_save": [Handle, c_char_p],
    "session_restore": [Handle, c_char_p],
    "sampler_open": [POINTER(SamplingStruct), POINTER(Handle)],
    "sampler_close": [Handle],
    "sampler_set_logit_bias": [Handle, POINTER(LogitBiasStruct), c_size_t],
    "sampler_sample_text": [
        Handle,
        POINTER(c_float),
        c_size_t,
        _ids,
        c_size_t,
        _ids,
        c_size_t,
        POINTER(c_int32),
    ],
}

# Of each call's arguments, behind the handle, which is the library's own number.
_INTEGERS = {
    name: [
        (place, kind)
        for place, kind in enumerate(arguments)
        if place and kind in (c_int32, c_int64, c_size_t)
    ]
    for name, arguments in _ARGUMENTS.items()
}


@cache
def _library() -> ctypes.CDLL:
    path = core_library_path()
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise RuntimeFailure(f"{path}: cannot be loaded ({error}); install the package again") from error
    found = library.mmoe_abi_version()
    if found != ABI_VERSION:
        raise RuntimeFailure(
            f"{path}: has ABI {found}, this package needs {ABI_VERSION}; install the package again"
        )
    library.mmoe_last_error.restype = c_char_p
    library.mmoe_version.restype = c_char_p
    for name, arguments in _ARGUMENTS.items():
        getattr(library, f"mmoe_{name}").argtypes = arguments
    return library


def call(name: str, *arguments: Any) -> None:
    """Calls ``mmoe_name``.

    Raises:
        CoreFailure: it did not return `MMOE_OK`, or an integer does not fit its argument.
    """
    library = _library()
    for place, kind in _INTEGERS[name]:
        if kind(arguments[place]).value != arguments[place]:
            raise _out_of_range(arguments[place], 8 * ctypes.sizeof(kind))
    status = getattr(library, f"mmoe_{name}")(*arguments)
    if status != Status.OK:
        raise CoreFailure(Status(status), library.mmoe_last_error().decode(errors="replace"))


def _out_of_range(value: int, bits: int) -> CoreFailure:
    # ctypes takes an integer modulo its type's range: 2**64 + 2 would be 2.
    return CoreFailure(Status.INVALID_ARGUMENT, f"{value} does not fit {bits} bits")


def library_version() -> str:
    """Of libmmoe, such as ``0.1.0``.

    Raises:
        RuntimeFailure: There is no library, or it has another ABI.
    """
    version: bytes = _library().mmoe_version()
    return version.decode("ascii")


class Uncopied:
    """What has a handle of the library. A copy would close it twice; elsewhere the number is another thing's."""

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} cannot be copied or pickled: it is open in this process; open another one"
        )


def initialised(kind: type[Any], **fields: Any) -> Any:
    """A structure that begins with its own size, as the library wants it.

    Raises:
        CoreFailure: An integer does not fit its field.
    """
    found = kind(ctypes.sizeof(kind), **fields)
    for name, value in fields.items():
        if isinstance(value, int) and getattr(found, name) != value:
            raise _out_of_range(value, 8 * getattr(kind, name).size)
    return found


def id_array(ids: Iterable[int]) -> ctypes.Array[c_int32]:
    """Token ids as the library takes them.

    Raises:
        CoreFailure: An id is outside int32.
        TypeError: These are bytes: a text that was not decoded, although each of them is an integer.
    """
    if isinstance(ids, bytes | bytearray):
        raise TypeError("token ids, not bytes; decode them for a text")
    try:
        values = array("i", ids)
    except OverflowError as error:
        raise CoreFailure(Status.INVALID_ARGUMENT, f"a token id is outside int32 ({error})") from error
    return (c_int32 * len(values)).from_buffer(values) if values else (c_int32 * 0)()


def path_bytes(path: str | os.PathLike[str]) -> bytes:
    """A path as the library takes it.

    Raises:
        CoreFailure: It holds a NUL, at which it would end.
    """
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise CoreFailure(Status.INVALID_ARGUMENT, f"{os.fsdecode(path)!r} holds a NUL, which no path can")
    return encoded


def utf8(text: str) -> bytes:
    """Bytes of a text; those that the system could not decode, in an argument or on stdin, are what they were.

    The library reads bytes that are no UTF-8 as U+FFFD. Other lone surrogates become U+FFFD here.
    """
    return _NO_BYTE.sub("\ufffd", text).encode(errors="surrogateescape")


def filled(call_with: Callable[[Any, int, Any], None], kind: Any, guess: int) -> Any:
    """What a call writes into an array of a size that only it knows.

    Args:
        call_with: Calls it with an array, its length, and where to write the length that is needed.
        kind: Type of the elements.
        guess: Length to try first.

    Returns:
        The array, as long as what was written.
    """
    count = c_size_t(guess)
    for _ in range(2):
        found = (kind * count.value)()
        try:
            call_with(found, len(found), byref(count))
            return found[: count.value]
        except CoreFailure as failure:
            if failure.status is not Status.BUFFER_TOO_SMALL:
                raise
    raise AssertionError("the library asked for more room twice")
