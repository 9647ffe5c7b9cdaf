"""How near two engines are on the same ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.llama_cpp.engines import Engine, Logits
from mmoe.export.perplexity.perplexity import Perplexity


@dataclass(frozen=True)
class Foresight:
    """What an engine made of windows of ids.

    Attributes:
        perplexity: Of all ids but the first of each window.
        choices: int64 ``[N]``, the most probable id at each of these places.
    """

    perplexity: Perplexity
    choices: npt.NDArray[np.int64]

    def agreement(self, other: Foresight) -> float:
        """Share of places at which both find the same id the most probable one."""
        return float((self.choices == other.choices).mean())


@dataclass(frozen=True)
class GreedyRun:
    """Two engines that each continue a prompt with their most probable ids.

    Attributes:
        ids: Of each of the two.
        margin: At the first place where they differ, how far apart the two ids' logits are for a third engine, which
            has read what they have in common; None if they do not differ.
        spread: Standard deviation of that engine's logits there.
    """

    ids: tuple[list[int], list[int]]
    margin: float | None
    spread: float | None

    @property
    def common(self) -> int:
        """Ids from the first on that are equal."""
        pairs = enumerate(zip(*self.ids, strict=True))
        return next((place for place, (one, other) in pairs if one != other), len(self.ids[0]))


def foresee(engine: Engine, windows: Sequence[Sequence[int]]) -> Foresight:
    """Asks an engine for all windows; each begins an empty context and has two ids at least."""
    found, choices = [], []
    for window in windows:
        logits = engine.logits(window)[:-1]
        found.append(negative_log_likelihoods(logits, window[1:]))
        choices.append(logits.argmax(axis=1))
    return Foresight(Perplexity(np.concatenate(found)), np.concatenate(choices))


def negative_log_likelihoods(logits: Logits, ids: Sequence[int]) -> npt.NDArray[np.float64]:
    """float32 ``[N, V]`` and N ids -> float64 ``[N]``, in nats."""
    values = logits.astype(np.float64)
    values -= values.max(axis=1, keepdims=True)
    chosen = np.take_along_axis(values, np.array(ids)[:, None], axis=1)[:, 0]
    found: npt.NDArray[np.float64] = np.log(np.exp(values).sum(axis=1)) - chosen
    return found


def greedy(engine: Engine, prompt: Sequence[int], count: int) -> list[int]:
    """So many ids, each the most probable one behind all before it; of equals the lowest."""
    ids = list(prompt)
    for _ in range(count):
        ids.append(int(engine.logits(ids)[-1].argmax()))
    return ids[len(prompt) :]


def side_by_side(one: Engine, other: Engine, judge: Engine, prompt: Sequence[int], count: int) -> GreedyRun:
    """Lets two engines continue a prompt, and a third one say how near a thing their first difference is."""
    ids = greedy(one, prompt, count), greedy(other, prompt, count)
    run = GreedyRun(ids, None, None)
    if run.common == count:
        return run
    row = judge.logits([*prompt, *ids[0][: run.common]])[-1]
    first, second = (row[continued[run.common]] for continued in ids)
    return GreedyRun(ids, float(abs(first - second)), float(row.std()))
