"""From logits to a token: greedy, or a draw from what top-k, min-p and top-p leave, by the core's sampler."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Collection, Mapping, Sequence
from ctypes import POINTER, byref, c_float, c_int32
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmoe.runtime_bindings.python.core import (
    Handle,
    LogitBiasStruct,
    SamplingStruct,
    Uncopied,
    call,
    id_array,
    initialised,
)
from mmoe.runtime_bindings.python.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


# What the library computes with: a float32.
_LARGEST = (2 - 2**-23) * 2.0**127


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How to choose the next token. The default is greedy.

    Attributes:
        temperature: divides the logits; 0 takes the most probable token (ties to the lower id).
        top_k: keeps the k most probable tokens (ties to the lower id); None or 0 keeps all.
        min_p: drops tokens less probable than this share of the most probable one, in [0, 1)
            (Nguyen et al., arXiv 2407.01082).
        top_p: keeps the fewest most probable tokens that reach this sum, in (0, 1]
            (Holtzman et al., arXiv 1904.09751).
        repetition_penalty: logits of tokens seen before are divided by it when positive and multiplied by it
            when negative (Keskar et al., arXiv 1909.05858); 1 changes nothing.
        frequency_penalty: is taken from a token's logit for each time that the text holds it, the tokens chosen since
            the prompt; 0 changes nothing (the definition of OpenAI's API reference, as is the next one).
        presence_penalty: is taken once if the text holds the token; 0 changes nothing.
        seed: of the random generator, below 2**64.

    Raises:
        ParameterError: a value is outside its range.
    """

    temperature: float = 0.0
    top_k: int | None = None
    min_p: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("temperature", "repetition_penalty", "frequency_penalty", "presence_penalty"):
            if abs(getattr(self, name)) > _LARGEST:  # false for NaN
                raise ParameterError(name, f"must be at most {_LARGEST:.6g}, not {getattr(self, name)}")
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise ParameterError(
                "temperature", f"must be 0 (greedy) or a positive number, not {self.temperature}"
            )
        if self.top_k is not None and not 0 <= self.top_k < 2**31:
            raise ParameterError(
                "top_k", f"must be 0 (all) or a positive number below 2**31, not {self.top_k}"
            )
        if not 0 <= self.min_p < 1:
            raise ParameterError("min_p", f"must be in [0, 1), not {self.min_p}")
        if not (0 < self.top_p <= 1 and c_float(self.top_p).value > 0):
            raise ParameterError("top_p", f"must be in (0, 1], not {self.top_p}")
        if not c_float(self.repetition_penalty).value > 0:
            raise ParameterError(
                "repetition_penalty", f"must be a positive number, not {self.repetition_penalty}"
            )
        for name in ("frequency_penalty", "presence_penalty"):
            if not math.isfinite(getattr(self, name)):
                raise ParameterError(name, f"must be a number, not {getattr(self, name)}")
        if not 0 <= self.seed < 2**64:
            raise ParameterError("seed", f"must be in [0, 2**64), not {self.seed}")

    @classmethod
    def of(cls, structure: SamplingStruct) -> SamplingConfig:
        """The values of `mmoe_sampling`."""
        return cls(
            temperature=_shortest(structure.temperature),
            top_k=structure.top_k or None,
            top_p=_shortest(structure.top_p),
            min_p=_shortest(structure.min_p),
            repetition_penalty=_shortest(structure.repetition_penalty),
            seed=structure.seed,
        )

    @property
    def structure(self) -> SamplingStruct:
        """`mmoe_sampling`."""
        found: SamplingStruct = initialised(
            SamplingStruct,
            temperature=self.temperature,
            top_k=self.top_k or 0,
            top_p=self.top_p,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            frequency_penalty=self.frequency_penalty,
            presence_penalty=self.presence_penalty,
            seed=self.seed,
        )
        return found


def _shortest(value: float) -> float:
    """The shortest decimal that is the same float32: 0.6 for 0.60000002384..."""
    decimals = (float(f"{value:.{digits}g}") for digits in range(1, 10))
    return next((each for each in decimals if c_float(each).value == value), value)


class Sampler(Uncopied):
    """The sampler by itself, for logits from elsewhere; it makes the choice that a session makes.

    The same seed and logits give the same tokens on every machine.
    """

    def __init__(self, config: SamplingConfig) -> None:
        self.config = config
        self._handle = Handle()
        call("sampler_open", byref(config.structure), byref(self._handle))

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            call("sampler_close", self._handle)

    def set_logit_bias(self, bias: Mapping[int, float]) -> None:
        """What is added to logits before all else, until it is replaced; -inf excludes a token.

        Raises:
            CoreFailure: An id is negative, or a value is NaN or +inf.
        """
        call("sampler_set_logit_bias", self._handle, bias_array(bias), len(bias))

    def sample(
        self, logits: npt.NDArray[np.floating], *, seen: Collection[int] = (), text: Sequence[int] = ()
    ) -> int:
        """The next token's id. Uses one random number unless greedy.

        Args:
            logits: ``[V]``; -inf excludes a token.
            seen: ids that the repetition penalty applies to, in any order.
            text: ids that the frequency and presence penalties apply to, as often as the text holds them.

        Raises:
            RuntimeFailure: the logits hold NaN or +inf, or nothing but -inf; or an id is outside the vocabulary.
        """
        values = logits.astype("float32")  # contiguous, too
        ids, text_ids = id_array(seen), id_array(text)
        chosen = c_int32()
        data = values.ctypes.data_as(POINTER(c_float))
        call(
            "sampler_sample_text",
            self._handle,
            data,
            len(values),
            ids,
            len(ids),
            text_ids,
            len(text_ids),
            byref(chosen),
        )
        return chosen.value


def bias_array(bias: Mapping[int, float]) -> ctypes.Array[LogitBiasStruct]:
    """A logit bias as the library takes it.

    Raises:
        CoreFailure: An id is outside int32.
    """
    ids = id_array(bias)
    return (LogitBiasStruct * len(ids))(*map(LogitBiasStruct, ids, bias.values()))
