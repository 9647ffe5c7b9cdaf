"""Token-by-token generation with its timing: prompt in, tokens out, one reason for the end."""

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.sampling import Sampler, SamplingConfig


class LanguageModel(Protocol):
    """What generation needs of a model; `ModelRunner` has it."""

    @property
    def position(self) -> int: ...

    @property
    def max_context_len(self) -> int: ...

    def prefill(self, ids: Sequence[int]) -> npt.NDArray[np.float32]: ...

    def decode(self, token_id: int) -> npt.NDArray[np.float32]: ...


class StopReason(StrEnum):
    """Why a generation ended."""

    STOP_TOKEN = "stop_token"
    MAX_NEW_TOKENS = "max_new_tokens"
    CONTEXT_FULL = "context_full"


@dataclass(frozen=True, kw_only=True)
class GenerationStats:
    """Counts and times of a generation; the consumer's own time between tokens is not in them.

    Attributes:
        prompt_tokens: tokens of the prompt.
        new_tokens: tokens handed out (a stop token is not).
        ttft_seconds: from the start of the prefill until the first token is chosen.
        decode_steps: calls of the model after the prefill.
        decode_seconds: time of those calls and of choosing their tokens.
        stop_reason: why it ended; None while it runs or if the consumer left early.
    """

    prompt_tokens: int
    new_tokens: int
    ttft_seconds: float
    decode_steps: int
    decode_seconds: float
    stop_reason: StopReason | None

    @property
    def prefill_tokens_per_second(self) -> float:
        """Prompt tokens over the time to the first token; 0 before the prefill."""
        return self.prompt_tokens / self.ttft_seconds if self.ttft_seconds else 0.0

    @property
    def decode_tokens_per_second(self) -> float:
        """Decode steps per second; 0 without any."""
        return self.decode_steps / self.decode_seconds if self.decode_seconds else 0.0


class Generation(Iterator[int]):
    """An iterator over new token ids; `stats` may be read at any time."""

    def __init__(
        self,
        model: LanguageModel,
        prompt_ids: Sequence[int],
        *,
        sampling: SamplingConfig,
        max_new_tokens: int | None,
        stop_ids: Collection[int],
    ) -> None:
        if max_new_tokens is not None and max_new_tokens < 0:
            raise OptionError(f"max_new_tokens must not be negative, not {max_new_tokens}")
        self._model = model
        self._prompt = tuple(prompt_ids)
        self._sampler = Sampler(sampling)
        self._seen = set(self._prompt)
        self._max_new_tokens = max_new_tokens
        self._stop_ids = frozenset(stop_ids)
        self._last: int | None = None
        self._new_tokens = 0
        self._ttft_seconds = 0.0
        self._decode_steps = 0
        self._decode_seconds = 0.0
        self._stop_reason: StopReason | None = None

    @property
    def stats(self) -> GenerationStats:
        """Counts and times so far."""
        return GenerationStats(
            prompt_tokens=len(self._prompt),
            new_tokens=self._new_tokens,
            ttft_seconds=self._ttft_seconds,
            decode_steps=self._decode_steps,
            decode_seconds=self._decode_seconds,
            stop_reason=self._stop_reason,
        )

    def __next__(self) -> int:
        if self._stop_reason is None:
            self._stop_reason = self._limit_reached()
        if self._stop_reason is not None:
            raise StopIteration
        token = self._step()
        if token in self._stop_ids:
            self._stop_reason = StopReason.STOP_TOKEN
            raise StopIteration
        self._last = token
        self._seen.add(token)
        self._new_tokens += 1
        return token

    def _limit_reached(self) -> StopReason | None:
        if self._max_new_tokens is not None and self._new_tokens >= self._max_new_tokens:
            return StopReason.MAX_NEW_TOKENS
        if self._last is not None and self._model.position >= self._model.max_context_len:
            return StopReason.CONTEXT_FULL
        return None

    def _step(self) -> int:
        began = time.perf_counter()
        logits = self._model.prefill(self._prompt) if self._last is None else self._model.decode(self._last)
        token = self._sampler.sample(logits, seen=self._seen)
        seconds = time.perf_counter() - began
        if self._last is None:
            self._ttft_seconds = seconds
        else:
            self._decode_steps += 1
            self._decode_seconds += seconds
        return token


def generate(
    model: LanguageModel,
    prompt_ids: Sequence[int],
    *,
    sampling: SamplingConfig | None = None,
    max_new_tokens: int | None = None,
    stop_ids: Collection[int] = (),
) -> Generation:
    """Continues a prompt; nothing runs until the first token is asked for.

    The prompt is appended to the context that the model holds. Tokens are handed out before they are run, so
    when the iterator ends the last one is not in the model's context yet.

    Args:
        model: a loaded model.
        prompt_ids: at least one token id.
        sampling: how to choose tokens; greedy if None.
        max_new_tokens: tokens to hand out at most; None goes on until a stop token or the context's end.
        stop_ids: tokens that end the text; they are not handed out.

    Returns:
        An iterator over token ids with `stats`.

    Raises:
        OptionError: max_new_tokens is negative.
        RuntimeFailure: while iterating, as the model's `prefill` and `decode` raise it.
    """
    return Generation(
        model,
        prompt_ids,
        sampling=sampling or SamplingConfig(),
        max_new_tokens=max_new_tokens,
        stop_ids=stop_ids,
    )
