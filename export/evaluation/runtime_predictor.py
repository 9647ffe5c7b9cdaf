"""An artifact on libmmoe, as apps run it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from mmoe.export.evaluation.predictor import Wanted
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.session import Session


class RuntimePredictor:
    """One session of an open model; close it, or use it as a context manager. See `Predictor`."""

    def __init__(self, model: Model) -> None:
        """Opens the session.

        Raises:
            CoreFailure: There is no memory for the KV cache.
        """
        self._session = Session(model)
        self._max_context_len = model.info.max_context_len
        # The choices of a question follow one context: what may follow it is computed for the first of them.
        self._context: list[int] = []
        self._behind_context: npt.NDArray[np.float32] | None = None

    def __enter__(self) -> RuntimePredictor:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    @property
    def max_context_len(self) -> int:
        """Tokens that the KV cache holds."""
        return self._max_context_len

    def logits(self, ids: Sequence[int], first: int) -> Iterator[npt.NDArray[np.float32]]:
        """See `Predictor`; a prompt goes through the prefill, what is behind it token by token."""
        context = list(ids[:first])
        if self._behind_context is None or context != self._context:
            self._session.prompt(context)
            self._context, self._behind_context = context, self._session.logits()
        yield self._behind_context
        for place in range(first, len(ids)):
            if place == first:
                # The session may hold another choice: this makes it the context and one token, of which one is run.
                self._session.prompt([*context, ids[place]])
            else:
                self._session.decode(ids[place])
            yield self._session.logits()

    def generate(self, prompt: Sequence[int], wanted: Wanted) -> str:
        """See `Predictor`."""
        self._session.set_sampling(wanted.sampling)
        return "".join(self._session.generate(prompt, max_new_tokens=wanted.max_new_tokens, stop=wanted.stop))
