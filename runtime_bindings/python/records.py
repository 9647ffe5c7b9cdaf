"""What the runtime says of itself: models, steps, statistics, memory; the names are those of `core/mmoe.h`."""

from __future__ import annotations

from collections.abc import Mapping
from ctypes import byref
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, NamedTuple

from mmoe.runtime_bindings.python.core import MemoryStruct, call, initialised


class FinishReason(StrEnum):
    """Why a text ended."""

    STOP_TOKEN = "stop_token"
    """The model ended it."""
    STOP_STRING = "stop_string"
    """It came to a stop string."""
    LENGTH = "length"
    """It has as many tokens as were asked for."""
    CONTEXT_FULL = "context_full"
    """The context has no room for another token."""
    CANCELLED = "cancelled"
    """Somebody cancelled it, or its session went on to something else."""


class Message(NamedTuple):
    """One turn of a conversation.

    Attributes:
        role: "system", "user", "assistant", "tool", or what else the template knows.
        content: The text; special tokens in it are plain text.
    """

    role: str
    content: str


class Step(NamedTuple):
    """What one `Session.next` gave.

    Attributes:
        id: The new token; with `STOP_TOKEN` and `STOP_STRING` the one that ended the text, otherwise -1 at its end.
        text: What became readable: whole characters, maybe none.
        finish_reason: None while the text goes on.
    """

    id: int
    text: str
    finish_reason: FinishReason | None


class TokenLogprob(NamedTuple):
    """What the model thought of a token.

    Attributes:
        id: The token.
        logprob: Natural logarithm of its probability, before bias, penalties and temperature.
    """

    id: int
    logprob: float


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """An open model.

    Attributes:
        vocab_size: Width V of the logits.
        max_seq_len: Tokens per call of the program: the prefill chunk.
        max_context_len: Tokens that the KV cache holds.
        layers: Of the decoder.
        bos_id: The token that begins a text; None if there is none.
        threads: Of the pool that all models of the process share.
        has_chat: Whether `Model.chat` works.
        load_seconds: What opening it took.
        program_bytes: Size of `model.pte`.
        sliding_window: Keys that the layers with a window see; None without such layers.
        window_rows: Rows that these layers keep: `Session.truncate` goes back no further than they reach.
        max_draft_tokens: For `Session.set_speculation`; 0 if the artifact was converted without.
    """

    vocab_size: int
    max_seq_len: int
    max_context_len: int
    layers: int
    bos_id: int | None
    threads: int
    has_chat: bool
    load_seconds: float
    program_bytes: int
    sliding_window: int | None
    window_rows: int | None
    max_draft_tokens: int


@dataclass(frozen=True, kw_only=True)
class SessionMemory:
    """What a session takes, known before it is opened.

    Beside it are some bytes for each token of the vocabulary and of the context, and what a delegate (linears of
    XNNPACK) allocates by itself.

    Attributes:
        planned_bytes: Mapped for the caches and activations of the program. A page takes memory from the moment that
            something is written to it.
        cache_bytes: The part of it that the tokens of the context fill; 0 if a delegate keeps the caches to itself.
        speculation_bytes: Mapped beside it from the first `Session.set_speculation` on.
    """

    planned_bytes: int
    cache_bytes: int
    speculation_bytes: int


@dataclass(frozen=True, kw_only=True)
class Stats:
    """Counts and times since a session's last `prompt` or `prefill`, measured inside the library.

    Attributes:
        load_seconds: Of the model and of the session.
        ttft_seconds: From the start of the prompt until its first new token was chosen.
        prefill_tokens: Tokens of the prompt that were run; those that the context held already are not among them.
        prefill_seconds: Of running them.
        decode_tokens: Tokens run since then.
        decode_seconds: Of running and choosing them; the caller's own time is not in it.
        program_seconds: The part of `decode_seconds` inside the program.
        drafted_tokens: Tokens that speculative decoding guessed.
        accepted_tokens: Those of them that were right; `decode_tokens` counts them, too.
    """

    load_seconds: float
    ttft_seconds: float
    prefill_tokens: int
    prefill_seconds: float
    decode_tokens: int
    decode_seconds: float
    program_seconds: float
    drafted_tokens: int = 0
    accepted_tokens: int = 0

    @property
    def prefill_tokens_per_second(self) -> float:
        """Speed of the prompt; 0 before there is one."""
        return self.prefill_tokens / self.prefill_seconds if self.prefill_seconds else 0.0

    @property
    def decode_tokens_per_second(self) -> float:
        """Speed of decoding; 0 before there was any."""
        return self.decode_tokens / self.decode_seconds if self.decode_seconds else 0.0


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Resident memory of the process, bytes.

    Attributes:
        anonymous_bytes: Heap, KV caches, activations.
        file_bytes: Pages of mapped files, the experts among them.
        peak_anonymous_bytes: The most seen at the end of a call of the library.
        peak_file_bytes: The same of files.
        peak_bytes: Of the whole resident set, by the system's own count.
    """

    anonymous_bytes: int
    file_bytes: int
    peak_anonymous_bytes: int
    peak_file_bytes: int
    peak_bytes: int


def memory() -> Memory:
    """Resident memory of this process by kind, with its peaks."""
    found = initialised(MemoryStruct)
    call("memory_get", byref(found))
    return Memory(**values_of(found, Memory))


def values_of(structure: Any, record: type[Any]) -> Mapping[str, Any]:
    """The fields of a structure that a record has, too."""
    return {field.name: getattr(structure, field.name) for field in fields(record)}
