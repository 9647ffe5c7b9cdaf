"""How long, how fast and on how much text the model trains."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """A stretch of optimiser steps on rows of one length, with a learning rate that goes from `start` to `end`."""

    name: str
    steps: int
    rows: int
    row_length: int
    start: float
    end: float
    quantized: bool

    def rate(self, step: int, *, warmup: int = 0) -> float:
        """The learning rate of a step: half a cosine after a linear warm-up."""
        if step < warmup:
            return self.start * (step + 1) / warmup
        progress = (step - warmup) / max(1, self.steps - warmup)
        return self.end + (self.start - self.end) * 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class Schedule:
    """The two phases of a run and what they have in common; the learning rate never jumps between them."""

    float_steps: int = 1800
    qat_steps: int = 800
    seed: int = 20260
    dropout: float = 0.1
    warmup: int = 100
    weight_decay: float = 0.1
    gradient_norm: float = 1.0
    report_every: int = 50
    validate_every: int = 250

    def phases(self) -> tuple[Phase, Phase]:
        """Float training on short rows, then quantisation-aware training on rows of the full context."""
        return (
            Phase("float", self.float_steps, 16, 256, 3e-3, 1e-3, quantized=False),
            Phase("qat", self.qat_steps, 8, 512, 1e-3, 1e-5, quantized=True),
        )
