"""Limits that a stage of a verification must keep, and whether it does.

Importing this module imports no numerics, so that a command line may show the defaults in its help.
"""

import dataclasses
import math
from dataclasses import dataclass
from enum import StrEnum

from mmoe.runtime_bindings.python.errors import OptionError


class Bound(StrEnum):
    """Which side of its limit a value must be on; the limit itself passes."""

    AT_LEAST = ">="
    AT_MOST = "<="


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Limits for logits against eager float32.

    The defaults are what exact int4 weights with int8 activations reach on a trained model, with some room;
    experts re-quantised along the input axis miss them.

    Attributes:
        min_sqnr_db: logit SQNR, dB.
        min_cosine_mean: mean cosine.
        min_cosine_p1: cosine at the worst 1 % of tokens.
        min_top1_agreement: share of tokens with the same likeliest id.
        max_kl_mean: mean KL divergence, nats.
        max_perplexity_change: ``|perplexity ratio - 1|``.

    Raises:
        OptionError: a limit is not a finite number.
    """

    min_sqnr_db: float = 29.0
    min_cosine_mean: float = 0.999
    min_cosine_p1: float = 0.99
    min_top1_agreement: float = 0.98
    max_kl_mean: float = 4e-3
    max_perplexity_change: float = 3e-3

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            limit = getattr(self, field.name)
            if not math.isfinite(limit):
                raise OptionError(f"{field.name} must be a finite number, not {limit}")


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One limit and the value that was measured.

    Attributes:
        name: what was measured.
        value: the measurement; NaN never passes.
        bound: the side of the limit the value must be on.
        limit: the limit.
        passed: whether it is.
    """

    name: str
    value: float
    bound: Bound
    limit: float
    passed: bool


def check(name: str, value: float, bound: Bound, limit: float) -> Gate:
    """Holds a value against its limit."""
    # Both comparisons are false for NaN.
    passed = value >= limit if bound is Bound.AT_LEAST else value <= limit
    return Gate(name=name, value=value, bound=bound, limit=limit, passed=passed)
