"""How the axes of a small model are laid out, several times over, along the longer axes of a large one.

A group of 32 channels of the large axis repeats a group of the small one, or is empty. Who writes a channel multiplies
by `write`, who reads all its copies by `read`; with `read` = 1 / (copies * write) the sum of what is read is the
original, and with `write` proportional to 1 / sqrt(copies) all originals keep their share of the power.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmoe.quant.int4 import GROUP_SIZE

EMPTY = -1
Index = npt.NDArray[np.int64]
Factor = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """One axis of the large model.

    Attributes:
        source: int64 ``[N]``, the place on the small axis that each place repeats; `EMPTY` for none.
        write: float64 ``[N]``, factor of what is written there.
        read: float64 ``[N]``, factor of what is read from there.
    """

    source: Index
    write: Factor
    read: Factor

    def by_channel(self) -> Axis:
        """The same axis, whose places are groups, channel by channel."""
        channels = np.arange(GROUP_SIZE)
        source = self.source[:, None] * GROUP_SIZE + channels
        source[self.source == EMPTY] = EMPTY
        return Axis(source.ravel(), np.repeat(self.write, GROUP_SIZE), np.repeat(self.read, GROUP_SIZE))


def plain_axis(size: int) -> Axis:
    """An axis that is as it was."""
    return Axis(np.arange(size), np.ones(size), np.ones(size))


def copied_axis(source: Index, *, gain: float = 1.0) -> Axis:
    """An axis whose copies hold ``gain`` times the original's values."""
    read = 1 / (np.maximum(_copies(source), 1) * gain)
    return Axis(source, np.full(len(source), gain), read)


def residual_axis(source: Index, small_groups: int) -> Axis:
    """The residual stream: its mean square, and so what RMSNorm makes of it, is the small model's."""
    write = np.sqrt(len(source) / small_groups / np.maximum(_copies(source), 1))
    return Axis(source, write, 1 / (np.maximum(_copies(source), 1) * write))


def repeated(small: int, large: int, rng: np.random.Generator) -> Index:
    """``large`` places that repeat ``small`` ones, each as often as the others or once more, in a random order."""
    return rng.permutation(np.arange(large) % small)


def _copies(source: Index) -> Index:
    counts = np.bincount(source[source != EMPTY], minlength=int(source.max()) + 1)
    copies: Index = counts[source]
    copies[source == EMPTY] = 0
    return copies
