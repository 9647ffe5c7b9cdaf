"""From logits to a token: greedy, or temperature, top-k and nucleus sampling with a repetition penalty.

Order of operations: repetition penalty, temperature, top-k, top-p (over what top-k left), one draw.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmoe.export.errors import OptionError, RuntimeFailure

# The nucleus is looked for among this many likeliest tokens before more are sorted: a full sort of a
# vocabulary of 128256 takes 10 ms, as long as a decode step.
_FIRST_NUCLEUS_CANDIDATES = 512


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How to choose the next token. The default is greedy.

    Attributes:
        temperature: divides the logits; 0 takes the likeliest token (ties to the lower id).
        top_k: keeps the k likeliest tokens (ties to the lower id); None keeps all.
        top_p: keeps the fewest likeliest tokens whose probabilities reach this sum, in (0, 1]
            (Holtzman et al., arXiv 1904.09751).
        repetition_penalty: logits of tokens seen before are divided by it when positive and multiplied by it
            when negative (Keskar et al., arXiv 1909.05858); 1 changes nothing.
        seed: of the random generator.

    Raises:
        OptionError: a value is outside its range.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise OptionError(f"temperature must be 0 (greedy) or a positive number, not {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise OptionError(f"top_k must be at least 1, not {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise OptionError(f"top_p must be in (0, 1], not {self.top_p}")
        if not (math.isfinite(self.repetition_penalty) and self.repetition_penalty > 0):
            raise OptionError(f"repetition_penalty must be a positive number, not {self.repetition_penalty}")
        if self.seed < 0:
            raise OptionError(f"seed must not be negative, not {self.seed}")


@dataclass(frozen=True)
class Candidates:
    """Tokens that may be drawn, with their probabilities.

    Attributes:
        ids: int64 ``[n]``, 1 <= n <= V.
        probabilities: float64 ``[n]``, sum 1.
    """

    ids: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]


def candidates(
    logits: npt.NDArray[np.floating], config: SamplingConfig, *, seen: Collection[int] = ()
) -> Candidates:
    """The distribution that the next token is drawn from.

    Args:
        logits: ``[V]``; -inf excludes a token.
        config: how to choose.
        seen: ids that the repetition penalty applies to (prompt and output so far).

    Returns:
        The candidates; exactly one when greedy.

    Raises:
        RuntimeFailure: the logits hold NaN or +inf, or nothing but -inf.
    """
    scores = logits.astype(np.float64)
    peak = scores.max()
    # max() is NaN if any element is.
    if not np.isfinite(peak):
        raise RuntimeFailure(
            f"the model gave logits with a maximum of {peak}; the program or its weights are damaged"
        )
    if config.repetition_penalty != 1 and seen:
        rows = np.fromiter(seen, dtype=np.int64)
        penalised = scores[rows]
        scores[rows] = np.where(
            penalised > 0, penalised / config.repetition_penalty, penalised * config.repetition_penalty
        )
    if config.temperature == 0:
        return Candidates(np.array([scores.argmax()]), np.ones(1))
    with np.errstate(over="ignore"):
        # Differences to the maximum, so that a tiny temperature overflows to -inf only.
        scores = (scores - scores.max()) / config.temperature
    ids = np.arange(len(scores))
    if config.top_k is not None and config.top_k < len(scores):
        ids = _likeliest(scores, config.top_k)[: config.top_k]
        scores = scores[ids]
    weights = np.exp(scores)
    if config.top_p < 1:
        kept = _nucleus(weights, config.top_p)
        ids, weights = ids[kept], weights[kept]
    return Candidates(ids, weights / weights.sum())


class Sampler:
    """Draws tokens with a generator of its own; the same seed and logits give the same tokens."""

    def __init__(self, config: SamplingConfig) -> None:
        self.config = config
        self._random = np.random.default_rng(config.seed)

    def sample(self, logits: npt.NDArray[np.floating], *, seen: Collection[int] = ()) -> int:
        """The next token's id; as `candidates` otherwise. Uses one random number unless greedy."""
        choice = candidates(logits, self.config, seen=seen)
        if self.config.temperature == 0:
            return int(choice.ids[0])
        cumulative = choice.probabilities.cumsum()
        # The sum may round to a little less than 1: scale the draw, so that it always lands inside.
        drawn = np.searchsorted(cumulative, self._random.random() * cumulative[-1], side="right")
        return int(choice.ids[drawn])


def _likeliest(scores: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.int64]:
    """Positions of the `count` highest scores and of all ties with the last, highest first, ties in order."""
    threshold = np.partition(scores, len(scores) - count)[len(scores) - count]
    positions = np.flatnonzero(scores >= threshold)
    return positions[np.argsort(-scores[positions], kind="stable")]


def _nucleus(weights: npt.NDArray[np.float64], top_p: float) -> npt.NDArray[np.int64]:
    """Positions of the fewest highest weights whose sum reaches `top_p` of the total, highest first."""
    target = top_p * weights.sum()
    count = min(_FIRST_NUCLEUS_CANDIDATES, len(weights))
    while True:
        positions = _likeliest(weights, count)
        cumulative = weights[positions].cumsum()
        if cumulative[-1] >= target or count == len(weights):
            return positions[: int(np.searchsorted(cumulative, target)) + 1]
        count = min(8 * count, len(weights))
