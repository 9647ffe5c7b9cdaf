"""Where the time of one call of a program goes."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ProfileRow:
    """One class of operators.

    Attributes:
        name: The class.
        seconds: Its time in one call, the median over the calls that were watched.
        share: That over the sum of all classes.
        calls: Its operators in one call.
    """

    name: str
    seconds: float
    share: float
    calls: int


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One kind of call, such as decoding at depth 1024.

    Attributes:
        title: What was called.
        rows: The classes, the slowest first.
    """

    title: str
    rows: tuple[ProfileRow, ...]
