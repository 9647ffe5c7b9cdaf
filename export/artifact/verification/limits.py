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
        min_top1_agreement: share of tokens whose most probable next token is the reference's.
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
        passed: whether it is, or misses the limit by no more than the margin.
        margin: how far beyond the limit a short run may be by chance, see `mmoe.export.verify.sampling_error`.
    """

    name: str
    value: float
    bound: Bound
    limit: float
    passed: bool
    margin: float = 0.0

    @property
    def by_margin(self) -> bool:
        """Whether it passed only because the run was short."""
        return self.passed and not _keeps(self.value, self.bound, self.limit)

    def describe(self) -> str:
        """Value and limit of a gate that did not pass, in one phrase."""
        margin = f" (nor within {self.margin:.2g} of it, the sampling error)" if self.margin else ""
        return f"{self.name} is {self.value:.6g}, not {self.bound} {self.limit:g}{margin}"


def check(name: str, value: float, bound: Bound, limit: float, *, margin: float = 0.0) -> Gate:
    """Compares a value with its limit, which a short run may miss by a margin."""
    loosened = limit - margin if bound is Bound.AT_LEAST else limit + margin
    passed = _keeps(value, bound, loosened)
    return Gate(name=name, value=value, bound=bound, limit=limit, passed=passed, margin=margin)


def _keeps(value: float, bound: Bound, limit: float) -> bool:
    # Both comparisons are false for NaN.
    return value >= limit if bound is Bound.AT_LEAST else value <= limit
