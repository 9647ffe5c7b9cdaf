"""How far apart the scales within a panel of experts lie, and what follows from it for its activations."""

from __future__ import annotations

import torch
from torch import Tensor

from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.checkpoints.inventory import TensorClass, tensor_class
from mmoe.export.artifact.manifest import ExpertScalesRecord

# Of 32,767 levels of int16, a token's largest product has the 2,048 that the kernels ask for at least, if the token's
# largest value meets no smaller a scale than the panel's largest over this.
_CLOSE = 16


def expert_scales(checkpoint: Checkpoint) -> ExpertScalesRecord | None:
    """Looks at the scales of all routed experts.

    Args:
        checkpoint: A packed checkpoint.

    Returns:
        What it found; None if the model has no routed experts, or experts that are grouped along the input, whose
        scales do not meet the activations.
    """
    quantization = checkpoint.config.quantization
    if quantization is not None and quantization.experts_by_input:
        return None
    ratios = [
        _panel_ratios(checkpoint.tensor(name).float())
        for name in checkpoint.specs
        if tensor_class(name) is TensorClass.EXPERTS and name.endswith("_scale")
    ]
    if not ratios:
        return None
    ratio = torch.cat(ratios)
    return ExpertScalesRecord(
        panels=len(ratio), largest_ratio=float(ratio.max()), wide_panels=int((ratio > _CLOSE).sum())
    )


def _panel_ratios(scales: Tensor) -> Tensor:
    """``[E, in, P]`` -> each panel's largest scale to its smallest but zero, ``[E * P]``; 1 where all are zero."""
    largest = scales.amax(dim=1)
    smallest = torch.where(scales > 0, scales, largest.unsqueeze(1)).amin(dim=1)
    return torch.where(largest > 0, largest / smallest, 1.0).flatten()


def wide_scales_note(found: ExpertScalesRecord) -> str:
    """What a user should know of a model whose scales lie far apart, as a sentence."""
    return (
        f"In {found.wide_panels:,} of {found.panels:,} panels of the experts' weights the scales lie far apart "
        f"(up to {found.largest_ratio:,.0f} times): tokens for which int16 is too coarse there are multiplied as "
        "floats, which keeps the accuracy and takes more time."
    )
