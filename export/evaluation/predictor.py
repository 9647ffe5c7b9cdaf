"""What an evaluation needs of a model: logits behind given tokens, and a text that goes on from a prompt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mmoe.runtime_bindings.python.sampling import SamplingConfig


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A text that a task asks for.

    Attributes:
        stop: The text ends before the first of these.
        max_new_tokens: Tokens at most.
        sampling: How to choose them.
    """

    stop: tuple[str, ...]
    max_new_tokens: int
    sampling: SamplingConfig


class Predictor(Protocol):
    """A model with a context that it keeps, so that requests in the order of their ids share what was run."""

    @property
    def max_context_len(self) -> int:
        """Tokens that it can be given."""
        ...

    def logits(self, ids: Sequence[int], first: int) -> Iterator[npt.NDArray[np.float32]]:
        """What may follow ``ids[:first]``, ``ids[:first + 1]``, ..., ``ids``; to be read to its end.

        Args:
            ids: At most `max_context_len`.
            first: From 1 to the number of ids.

        Yields:
            Logits, float32 ``[V]``.

        Raises:
            MmoeError: The program fails.
        """
        ...

    def generate(self, prompt: Sequence[int], wanted: Wanted) -> str:
        """A text that goes on from a prompt.

        Raises:
            MmoeError: The model cannot choose tokens in this way, or the program fails.
        """
        ...
