"""A checkpoint in eager PyTorch, float32: what an artifact is compared with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from mmoe.export.evaluation.predictor import Wanted
from mmoe.models.decoder import Decoder
from mmoe.runtime_bindings.python.errors import OptionError

# Positions whose logits are in memory at a time: 128 MB at a vocabulary of 128,256.
_ROWS = 256


class EagerPredictor:
    """A decoder with its KV cache. See `Predictor`."""

    def __init__(
        self, decoder: Decoder, *, stop_ids: Collection[int], text_of: Callable[[Sequence[int]], str]
    ) -> None:
        """Takes a decoder over.

        Args:
            decoder: Of the reference components, with rows for the whole context in every cache.
            stop_ids: Tokens that end a text.
            text_of: The text of ids, without special tokens.
        """
        self._decoder, self._stop_ids, self._text_of = decoder, frozenset(stop_ids), text_of
        self._ids: list[int] = []
        # As in `RuntimePredictor`.
        self._context: list[int] = []
        self._behind_context: npt.NDArray[np.float32] | None = None

    @property
    def max_context_len(self) -> int:
        """Rows of the KV cache."""
        return self._decoder.max_context_len

    @torch.no_grad()
    def logits(self, ids: Sequence[int], first: int) -> Iterator[npt.NDArray[np.float32]]:
        """See `Predictor`."""
        context = list(ids[:first])
        if self._behind_context is None or context != self._context:
            *_, self._behind_context = self._run(context, first)
            self._context = context
        yield self._behind_context
        if first < len(ids):
            yield from self._run(ids, first + 1)

    def _run(self, ids: Sequence[int], first: int) -> Iterator[npt.NDArray[np.float32]]:
        """As `logits`; what the caches hold of the ids, from the front, is not run again."""
        start = 0
        while start < min(len(self._ids), first - 1) and self._ids[start] == ids[start]:
            start += 1
        self._ids = list(ids)
        if start < first - 1:
            self._decoder.hidden_states(*_placed(ids[start : first - 1], start))
        for begin in range(first - 1, len(ids), _ROWS):
            rows = self._decoder.all_logits(*_placed(ids[begin : begin + _ROWS], begin))
            yield from rows[0].numpy()

    def generate(self, prompt: Sequence[int], wanted: Wanted) -> str:
        """See `Predictor`; greedily, for two samples of one distribution would differ anyway."""
        if wanted.sampling.temperature > 0:
            raise OptionError("a task that samples cannot be compared item by item; leave --reference out")
        ids, answer = list(prompt), ""
        while len(ids) - len(prompt) < wanted.max_new_tokens:
            (row,) = self.logits(ids, len(ids))
            token = int(row.argmax())  # ties to the lower id, as in the runtime
            if token in self._stop_ids:
                break
            ids.append(token)
            answer = self._text_of(ids[len(prompt) :])
            places = [place for each in wanted.stop if (place := answer.find(each)) >= 0]
            if places:
                return answer[: min(places)]
        return answer


def _placed(ids: Sequence[int], position: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor([list(ids)]), torch.tensor([position])
