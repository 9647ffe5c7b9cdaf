"""From logits to a token: greedy, or a draw from what top-k, min-p and top-p leave, by the core's sampler."""

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmoe.runtime_bindings.python.core import CoreSampler, sampling_struct
from mmoe.runtime_bindings.python.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How to choose the next token. The default is greedy.

    Attributes:
        temperature: divides the logits; 0 takes the likeliest token (ties to the lower id).
        top_k: keeps the k likeliest tokens (ties to the lower id); None keeps all.
        min_p: drops tokens less likely than this share of the likeliest one's probability, in [0, 1)
            (Nguyen et al., arXiv 2407.01082).
        top_p: keeps the fewest likeliest tokens whose probabilities reach this sum, in (0, 1]
            (Holtzman et al., arXiv 1904.09751).
        repetition_penalty: logits of tokens seen before are divided by it when positive and multiplied by it
            when negative (Keskar et al., arXiv 1909.05858); 1 changes nothing.
        seed: of the random generator, below 2**64.

    Raises:
        OptionError: a value is outside its range.
    """

    temperature: float = 0.0
    top_k: int | None = None
    min_p: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise OptionError(f"temperature must be 0 (greedy) or a positive number, not {self.temperature}")
        if self.top_k is not None and not 1 <= self.top_k < 2**31:
            raise OptionError(f"top_k must be at least 1, not {self.top_k}")
        if not 0 <= self.min_p < 1:
            raise OptionError(f"min_p must be in [0, 1), not {self.min_p}")
        if not 0 < self.top_p <= 1:
            raise OptionError(f"top_p must be in (0, 1], not {self.top_p}")
        if not (math.isfinite(self.repetition_penalty) and self.repetition_penalty > 0):
            raise OptionError(f"repetition_penalty must be a positive number, not {self.repetition_penalty}")
        if not 0 <= self.seed < 2**64:
            raise OptionError(f"seed must be in [0, 2**64), not {self.seed}")


class Sampler:
    """Draws tokens with a generator of its own; the same seed and logits give the same tokens on every machine."""

    def __init__(self, config: SamplingConfig) -> None:
        self.config = config
        self._core = CoreSampler(
            sampling_struct(
                temperature=config.temperature,
                top_k=config.top_k or 0,
                top_p=config.top_p,
                min_p=config.min_p,
                repetition_penalty=config.repetition_penalty,
                seed=config.seed,
            )
        )

    def sample(self, logits: npt.NDArray[np.floating], *, seen: Collection[int] = ()) -> int:
        """The next token's id. Uses one random number unless greedy.

        Args:
            logits: ``[V]``; -inf excludes a token.
            seen: ids that the repetition penalty applies to (prompt and output so far).

        Raises:
            RuntimeFailure: the logits hold NaN or +inf, or nothing but -inf; or an id is outside the vocabulary.
        """
        return self._core.sample(np.ascontiguousarray(logits, np.float32), list(seen))
