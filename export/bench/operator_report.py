"""Where the time of one call of a program goes."""

from dataclasses import dataclass
from enum import StrEnum


class OperatorClass(StrEnum):
    """Kinds of work in a decoder."""

    EXPERTS = "experts and router"
    SHARED = "shared expert and dense blocks"
    LINEARS = "linears"
    HEAD = "head"
    ATTENTION = "attention"
    CONVOLUTIONS = "short convolutions"
    EMBEDDING = "embedding"
    NORMS = "norms"
    POINTWISE = "pointwise, in delegates"
    DELEGATES = "around delegates' operators"
    OTHER = "other operators"
    RUNTIME = "between operators"


@dataclass(frozen=True, kw_only=True)
class OperatorRow:
    """One class of operators.

    Attributes:
        kind: The class.
        seconds: Its time in one call, the median over the calls that were watched.
        share: That over the sum of all classes.
        calls: Its operators in one call.
        bytes: Weights and cache that it must touch to decode a token; None in prefill and where there are none.
    """

    kind: OperatorClass
    seconds: float
    share: float
    calls: int
    bytes: int | None = None

    @property
    def bandwidth(self) -> float | None:
        """Bytes/s."""
        return self.bytes / self.seconds if self.bytes and self.seconds else None


@dataclass(frozen=True)
class OperatorTimes:
    """One kind of call, such as decoding at depth 1024.

    Attributes:
        title: What was called.
        rows: The classes, the slowest first.
    """

    title: str
    rows: tuple[OperatorRow, ...]
