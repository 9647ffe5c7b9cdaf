"""How well an artifact foresees a text: perplexity, its standard error, and the difference between two artifacts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.session import Session

# That of `verify`, so that the figures are the same.
WINDOW = 512


@dataclass(frozen=True)
class Perplexity:
    """Of one artifact on a text.

    Attributes:
        negative_log_likelihoods: float64 ``[N]``, in nats, of each token that was foreseen, in order.
    """

    negative_log_likelihoods: npt.NDArray[np.float64]

    @property
    def tokens(self) -> int:
        """N."""
        return len(self.negative_log_likelihoods)

    @property
    def value(self) -> float:
        """``exp(mean)``."""
        return math.exp(float(self.negative_log_likelihoods.mean()))

    @property
    def standard_error(self) -> float:
        """Of the value, by the delta method; tokens are taken to be independent, which texts are not quite."""
        return self.value * _standard_error(self.negative_log_likelihoods)

    def ratio_to(self, other: Perplexity) -> tuple[float, float]:
        """This perplexity divided by that of another artifact on the same tokens, and its standard error.

        The difference is taken token by token, so it is known far better than either perplexity.

        Raises:
            OptionError: They are not of as many tokens.
        """
        if self.tokens != other.tokens:
            raise OptionError(
                f"the two artifacts cut the text into {self.tokens:,} and {other.tokens:,} tokens: only artifacts "
                "with the same tokenizer can be compared"
            )
        difference = self.negative_log_likelihoods - other.negative_log_likelihoods
        ratio = math.exp(float(difference.mean()))
        return ratio, ratio * _standard_error(difference)


def measure(
    model: Model,
    text: str,
    *,
    max_tokens: int | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Perplexity:
    """Decodes a text token by token, in windows of up to `WINDOW` tokens that each begin with BOS if the model has one.

    Args:
        model: An open artifact.
        text: Any text.
        max_tokens: Tokens over all windows at most, BOS included; None for the whole text.
        progress: Told how many of how many tokens are done.

    Raises:
        OptionError: The text has fewer than two tokens.
        CoreFailure: The program fails.
    """
    windows = cut(model, text, max_tokens)
    total, done = sum(map(len, windows)), 0
    found: list[float] = []
    with Session(model) as session:
        for window in windows:
            session.prompt(window[:1])
            for token in window[1:]:
                found.append(negative_log_likelihood(session.logits(), token))
                done += 1
                if done % 64 == 0:
                    progress(done, total)
                session.decode(token)
            done += 1
    return Perplexity(np.array(found))


def cut(model: Model, text: str, max_tokens: int | None) -> list[list[int]]:
    """The windows of a text, each of two ids at least; raises as `measure` does."""
    lead = [] if model.info.bos_id is None else [model.info.bos_id]
    ids = model.tokenize(text, add_bos=False)
    left = len(ids) * 2 + 2 if max_tokens is None else max_tokens
    body = min(WINDOW, model.info.max_context_len, left) - len(lead)
    windows: list[list[int]] = []
    for start in range(0, len(ids), max(body, 1)):
        window = (lead + ids[start : start + body])[:left]
        if len(window) < 2:
            break
        windows.append(window)
        left -= len(window)
    if not windows:
        raise OptionError("the text has fewer than two tokens")
    return windows


def negative_log_likelihood(logits: npt.NDArray[np.float32], token: int) -> float:
    """Of a token, in nats, by the softmax in float64 of logits ``[V]``."""
    values = logits.astype(np.float64)
    largest = values.max()
    return float(largest + np.log(np.exp(values - largest).sum()) - values[token])


def _standard_error(values: Sequence[float] | npt.NDArray[np.float64]) -> float:
    count = len(values)
    return float(np.std(values, ddof=1)) / math.sqrt(count) if count > 1 else math.inf
