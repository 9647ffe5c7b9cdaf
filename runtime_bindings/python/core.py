"""libmmoe from Python: `core/mmoe.h` by ctypes, its statuses as exceptions."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping, Sequence
from ctypes import POINTER, byref, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_uint32, c_uint64
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmoe.export.errors import OptionError, RuntimeFailure
from mmoe.runtime_bindings.python.library import core_library_path

ABI_VERSION = 1


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


class ModelOptions(ctypes.Structure):
    """`mmoe_model_options`."""

    _fields_ = (("struct_size", c_uint32), ("threads", c_uint32), ("verify_checksums", c_uint32))


class ModelInfo(ctypes.Structure):
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
    )


class Sampling(ctypes.Structure):
    """`mmoe_sampling`."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("temperature", c_float),
        ("top_k", c_int32),
        ("top_p", c_float),
        ("min_p", c_float),
        ("repetition_penalty", c_float),
        ("seed", c_uint64),
    )


class Step(ctypes.Structure):
    """`mmoe_step`."""

    _fields_ = (("id", c_int32), ("finish", c_int32), ("text", ctypes.c_void_p), ("text_bytes", c_size_t))


class Stats(ctypes.Structure):
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
    )


class Memory(ctypes.Structure):
    """`mmoe_memory`."""

    _fields_ = (
        ("struct_size", c_uint32),
        ("anonymous_bytes", c_uint64),
        ("file_bytes", c_uint64),
        ("peak_anonymous_bytes", c_uint64),
        ("peak_file_bytes", c_uint64),
        ("peak_bytes", c_uint64),
    )


class Message(ctypes.Structure):
    """`mmoe_message`."""

    _fields_ = (("role", c_char_p), ("content", c_char_p))


_handle = c_uint64
_ids = POINTER(c_int32)
_size = POINTER(c_size_t)
# Without these ctypes would pass a 64-bit value as an int.
_ARGUMENTS: dict[str, list[Any]] = {
    "model_open": [c_char_p, POINTER(ModelOptions), POINTER(_handle)],
    "model_close": [_handle],
    "model_get_info": [_handle, POINTER(ModelInfo)],
    "memory_get": [POINTER(Memory)],
    "tokenize": [_handle, c_char_p, c_size_t, c_int32, c_int32, _ids, c_size_t, _size],
    "detokenize": [_handle, _ids, c_size_t, c_int32, c_char_p, c_size_t, _size],
    "chat": [_handle, POINTER(Message), c_size_t, _ids, c_size_t, _size],
    "chat_json": [_handle, c_char_p, c_size_t, c_char_p, _ids, c_size_t, _size],
    "chat_text": [_handle, c_char_p, c_size_t, c_char_p, c_char_p, c_size_t, _size],
    "session_open": [_handle, POINTER(Sampling), POINTER(_handle)],
    "session_close": [_handle],
    "session_set_sampling": [_handle, POINTER(Sampling)],
    "session_prefill": [_handle, _ids, c_size_t, _size],
    "session_prompt": [_handle, _ids, c_size_t, _size],
    "session_next": [_handle, POINTER(Step)],
    "session_commit": [_handle],
    "session_decode": [_handle, c_int32],
    "session_logits": [_handle, POINTER(c_float), c_size_t],
    "session_position": [_handle, POINTER(c_int64)],
    "session_truncate": [_handle, c_int64],
    "session_reset": [_handle],
    "session_cancel": [_handle],
    "session_clear_cancel": [_handle],
    "session_stats": [_handle, POINTER(Stats)],
    "sampler_open": [POINTER(Sampling), POINTER(_handle)],
    "sampler_close": [_handle],
    "sampler_sample": [_handle, POINTER(c_float), c_size_t, _ids, c_size_t, POINTER(c_int32)],
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
    for name, arguments in _ARGUMENTS.items():
        getattr(library, f"mmoe_{name}").argtypes = arguments
    return library


def call(name: str, *arguments: Any) -> None:
    """Calls ``mmoe_name``.

    Raises:
        CoreFailure: it did not return `MMOE_OK`.
    """
    library = _library()
    status = getattr(library, f"mmoe_{name}")(*arguments)
    if status != Status.OK:
        raise CoreFailure(Status(status), library.mmoe_last_error().decode(errors="replace"))


def _initialised(kind: type[Any], **fields: Any) -> Any:
    return kind(ctypes.sizeof(kind), **fields)


def _id_array(ids: Sequence[int]) -> npt.NDArray[np.int32]:
    try:
        return np.array(ids, np.int32)
    except OverflowError as error:
        raise CoreFailure(Status.INVALID_ARGUMENT, f"a token id is outside int32 ({error})") from error


def _pointer(array: npt.NDArray[np.int32]) -> Any:
    return array.ctypes.data_as(_ids)


def _conversation(conversation: Mapping[str, object], now: str | None) -> tuple[bytes, bytes | None]:
    return json.dumps(dict(conversation)).encode(), None if now is None else now.encode()


def memory() -> Memory:
    """Resident memory of this process by kind, with its peaks."""
    found: Memory = _initialised(Memory)
    call("memory_get", byref(found))
    return found


class CoreModel:
    """An open artifact folder; close it, or use it as a context manager. Its sessions close with it."""

    def __init__(self, folder: Path, *, threads: int | None = None, verify_checksums: bool = False) -> None:
        """Opens the folder.

        Args:
            folder: what `convert` wrote.
            threads: of the pool that all models of the process share; None keeps it.
            verify_checksums: whether to read every file and compare it with the manifest.

        Raises:
            OptionError: threads is below 1.
            CoreFailure: the artifact cannot be opened, or other models use a pool of another size.
        """
        if threads is not None and threads < 1:
            raise OptionError(f"threads must be at least 1, not {threads}")
        options = _initialised(ModelOptions, threads=threads or 0, verify_checksums=verify_checksums)
        self.folder = folder
        self._handle = _handle()
        call("model_open", str(folder).encode(), byref(options), byref(self._handle))

    def __enter__(self) -> CoreModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()

    def close(self) -> None:
        """Closes the model and its sessions; a second time does nothing."""
        if self._handle:
            handle, self._handle = self._handle, _handle()
            call("model_close", handle)

    @property
    def handle(self) -> Any:
        """For `session_open`."""
        return self._handle

    @property
    def info(self) -> ModelInfo:
        """Sizes, threads and times."""
        found: ModelInfo = _initialised(ModelInfo)
        call("model_get_info", self._handle, byref(found))
        return found

    def tokenize(self, text: str, *, add_bos: bool = True, parse_special: bool = False) -> list[int]:
        """Ids of a text."""
        data = text.encode(errors="replace")
        # A token stands for a byte at least, so this always has room.
        ids = np.empty(len(data) + 16, np.int32)
        count = c_size_t()
        arguments = (self._handle, data, len(data), add_bos, parse_special)
        call("tokenize", *arguments, _pointer(ids), len(ids), byref(count))
        return [int(token) for token in ids[: count.value]]

    def chat(self, messages: Sequence[tuple[str, str]]) -> list[int]:
        """Ids of a conversation of (role, content), ready for the assistant's turn."""
        array = (Message * len(messages))(*(Message(role.encode(), text.encode()) for role, text in messages))
        count = c_size_t()
        ids = np.empty(0, np.int32)
        for _ in range(2):
            try:
                call("chat", self._handle, array, len(messages), _pointer(ids), len(ids), byref(count))
                break
            except CoreFailure as failure:
                if failure.status != Status.BUFFER_TOO_SMALL:
                    raise
                ids = np.empty(count.value, np.int32)
        return [int(token) for token in ids]

    def chat_json(self, conversation: Mapping[str, object], *, now: str | None = None) -> list[int]:
        """Ids of a conversation by the artifact's own template.

        Args:
            conversation: what Hugging Face's `apply_chat_template` takes: ``messages``, ``tools``,
                ``add_generation_prompt`` and so on.
            now: what the template takes for the local time, ``2026-07-04T12:30:00``; None: the clock's.

        Raises:
            CoreFailure: the artifact has no template, or it refuses the conversation.
        """
        data, moment = _conversation(conversation, now)
        count = c_size_t()
        ids = np.empty(0, np.int32)
        for _ in range(2):
            try:
                call(
                    "chat_json", self._handle, data, len(data), moment, _pointer(ids), len(ids), byref(count)
                )
                break
            except CoreFailure as failure:
                if failure.status != Status.BUFFER_TOO_SMALL:
                    raise
                ids = np.empty(count.value, np.int32)
        return [int(token) for token in ids]

    def chat_text(self, conversation: Mapping[str, object], *, now: str | None = None) -> str:
        """The text that the ids of `chat_json` stand for."""
        data, moment = _conversation(conversation, now)
        count = c_size_t()
        text = ctypes.create_string_buffer(0)
        for _ in range(2):
            try:
                call("chat_text", self._handle, data, len(data), moment, text, len(text), byref(count))
                break
            except CoreFailure as failure:
                if failure.status != Status.BUFFER_TOO_SMALL:
                    raise
                text = ctypes.create_string_buffer(count.value)
        return text.raw[: count.value].decode()


class CoreSession:
    """A context of one conversation; see `mmoe.h` for what each call does."""

    def __init__(self, model: CoreModel, sampling: Sampling | None = None) -> None:
        self._model = model  # the session must not outlive it
        self._handle = _handle()
        self._vocab_size = model.info.vocab_size
        call("session_open", model.handle, sampling and byref(sampling), byref(self._handle))

    def __del__(self) -> None:
        if getattr(self, "_handle", None) and self._model.handle:
            self.close()

    def close(self) -> None:
        """Closes the session; a second time does nothing."""
        if self._handle:
            handle, self._handle = self._handle, _handle()
            call("session_close", handle)

    @property
    def handle(self) -> Any:
        """For the calls that have no method here."""
        return self._handle

    def prefill(self, ids: Sequence[int]) -> None:
        """Appends tokens."""
        array = _id_array(ids)
        call("session_prefill", self._handle, _pointer(array), len(array), None)

    def truncate(self, position: int) -> None:
        """Keeps the first tokens."""
        call("session_truncate", self._handle, position)

    def next(self) -> tuple[int, int, bytes]:
        """Id, finish and text of the next token."""
        step = Step()
        call("session_next", self._handle, byref(step))
        return step.id, step.finish, ctypes.string_at(step.text, step.text_bytes)

    def logits(self) -> npt.NDArray[np.float32]:
        """float32 ``[V]`` of the last token run."""
        found = np.empty(self._vocab_size, np.float32)
        call("session_logits", self._handle, found.ctypes.data_as(POINTER(c_float)), len(found))
        return found

    @property
    def stats(self) -> Stats:
        """Counts and times since the last prefill."""
        found: Stats = _initialised(Stats)
        call("session_stats", self._handle, byref(found))
        return found


class CoreSampler:
    """The sampler by itself."""

    def __init__(self, sampling: Sampling) -> None:
        self._handle = _handle()
        call("sampler_open", byref(sampling), byref(self._handle))

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            call("sampler_close", self._handle)

    def sample(self, logits: npt.NDArray[np.float32], seen: Sequence[int]) -> int:
        """The next token; see `mmoe_sampler_sample`."""
        chosen = c_int32()
        ids = _id_array(seen)
        data = logits.ctypes.data_as(POINTER(c_float))
        call("sampler_sample", self._handle, data, len(logits), _pointer(ids), len(ids), byref(chosen))
        return chosen.value


def sampling_struct(
    *, temperature: float, top_k: int, top_p: float, min_p: float, repetition_penalty: float, seed: int
) -> Sampling:
    """`mmoe_sampling` with its size."""
    found: Sampling = _initialised(
        Sampling,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        seed=seed,
    )
    return found
