"""What ends a text besides the model itself and the end of its context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmoe.runtime_bindings.python.core import LimitsStruct, TextStruct, initialised, utf8
from mmoe.runtime_bindings.python.errors import ParameterError


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of one text. The default has none.

    Attributes:
        stop: The text ends before the first of these: the one that is complete first, of several that are the longest.
            Special tokens have no text that one could be in.
        min_new_tokens: Until there are so many, no stop token is chosen and no stop string looked for.
        max_new_tokens: Tokens at most; None for no limit.

    Raises:
        ParameterError: A stop string is empty, or a number is negative.
    """

    stop: tuple[str, ...] = ()
    min_new_tokens: int = 0
    max_new_tokens: int | None = None

    @classmethod
    def of(cls, stop: str | Sequence[str], min_new_tokens: int, max_new_tokens: int | None) -> Limits:
        """The limits that `generate` and `send` are given; one stop string may come by itself."""
        strings = (stop,) if isinstance(stop, str) else tuple(stop)
        return cls(stop=strings, min_new_tokens=min_new_tokens, max_new_tokens=max_new_tokens)

    def __post_init__(self) -> None:
        if not all(self.stop):
            raise ParameterError("stop", "must not be an empty text")
        for name in ("min_new_tokens", "max_new_tokens"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 2**63:
                raise ParameterError(name, f"must be from 0 to 2**63 - 1, not {value}")

    @property
    def structure(self) -> LimitsStruct:
        """`mmoe_limits`."""
        data = [utf8(string) for string in self.stop]
        found: LimitsStruct = initialised(
            LimitsStruct,
            stop=(TextStruct * len(data))(*(TextStruct(each, len(each)) for each in data)),
            stop_count=len(data),
            min_new_tokens=self.min_new_tokens,
            max_new_tokens=-1 if self.max_new_tokens is None else self.max_new_tokens,
        )
        return found
