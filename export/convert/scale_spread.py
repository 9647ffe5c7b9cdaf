"""How far apart the scales within a panel of experts lie, and what follows from it for its activations."""

from __future__ import annotations

import torch
from torch import Tensor

from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.checkpoints.inventory import TensorClass, tensor_class
from mmoe.export.artifact.manifest import ExpertScalesRecord

# Of 32,767 levels of int16, the largest product of a token keeps more than the kernels want, 2,048, if its largest
# value meets a scale that is no smaller than this share of the panel's largest.
_CLOSE = 16


def expert_scales(checkpoint: Checkpoint) -> ExpertScalesRecord | None:
    """Looks at the scales of all routed experts.

    Args:
        checkpoint: A packed checkpoint.

    Returns:
        What it found; None if the model has no routed experts.
    """
    ratios = [
        _panel_ratios(checkpoint.tensor(name).float())
        for name in checkpoint.specs
        if tensor_class(name) is TensorClass.EXPERTS and name.endswith("_scale")
    ]
    if not ratios:
        return None
    to_smallest, to_smallest_or_zero = (torch.cat(kind) for kind in zip(*ratios, strict=True))
    return ExpertScalesRecord(
        panels=len(to_smallest),
        largest_ratio=float(to_smallest.max()),
        wide_panels=int((to_smallest_or_zero > _CLOSE).sum()),
    )


def _panel_ratios(scales: Tensor) -> tuple[Tensor, Tensor]:
    """``[E, in, P]`` -> each panel's largest scale to its smallest but zero, and to its smallest, both ``[E * P]``.

    A panel of zeros alone has the ratio 1.
    """
    largest = scales.amax(dim=1)
    smallest = torch.where(scales > 0, scales, largest.unsqueeze(1)).amin(dim=1)
    dead = largest == 0
    to_smallest, to_smallest_or_zero = (
        torch.where(dead, 1.0, largest / least).flatten() for least in (smallest, scales.amin(dim=1))
    )
    return to_smallest, to_smallest_or_zero


def wide_scales_note(found: ExpertScalesRecord) -> str:
    """What a user should know of a model whose scales lie far apart, as a sentence."""
    return (
        f"In {found.wide_panels:,} of {found.panels:,} panels of the experts' weights the scales lie far apart "
        f"(up to {found.largest_ratio:,.0f} times): tokens for which int16 is too coarse there are multiplied as "
        "floats, which keeps the accuracy and takes more time."
    )
