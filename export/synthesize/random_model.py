"""Random tensors with a trained model's statistics: for architectures and sizes that no trained model grows into."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.checkpoints.inventory import expected_tensors
from mmoe.export.synthesize.statistics import TrainedStatistics
from mmoe.models.architectures.config import DecoderConfig


class RandomModel:
    """Tensors of the new model, one at a time.

    Attributes:
        ORIGIN: What a model card says of the weights.
        specs: Type and shape of every tensor.
    """

    ORIGIN: ClassVar[str] = (
        "**The weights are random numbers; the model knows nothing.** Values, scales and routers have the statistics\n"
        "of a small trained model."
    )

    def __init__(self, trained: Checkpoint, config: DecoderConfig, *, seed: int) -> None:
        """Args: the model whose statistics are taken, the new model's config, and what decides all draws."""
        self.specs, self._seed = expected_tensors(config), seed
        self._statistics = TrainedStatistics(trained, num_layers=config.num_hidden_layers)

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a tensor, in pieces."""
        # A stream per tensor: neither their order nor a change elsewhere changes its values.
        rng = np.random.Generator(np.random.SFC64([self._seed, zlib.crc32(name.encode())]))
        return self._statistics.of(name, self.specs[name]).chunks(self.specs[name].shape, rng)
