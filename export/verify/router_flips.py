"""Router flips: tokens for which quantisation noise made a layer select other experts than the reference.

A flip is a jump, not noise: the worst tokens of a comparison are flips, and they happen where two experts
were nearly tied at the edge of the top k. T = tokens, k = experts per token.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mmoe.export.artifact.verification.measurements import LayerFlips, RouterFlips


def layer_flips(
    layer: int,
    reference: npt.NDArray[np.int64],
    test: npt.NDArray[np.int64],
    margins: npt.NDArray[np.floating],
) -> LayerFlips:
    """Compares the selections of one layer.

    Args:
        layer: index of the decoder layer.
        reference: int ``[T, k]``, experts selected by the reference, in any order, distinct in a row.
        test: int ``[T, k]``, experts selected by the program under test.
        margins: ``[T]``, the reference's k-th highest biased score minus its (k+1)-th, >= 0.

    Raises:
        ValueError: the shapes do not agree, or T is 0.
    """
    tokens = len(reference)
    if reference.ndim != 2 or reference.shape != test.shape or margins.shape != (tokens,) or tokens == 0:
        raise ValueError(
            f"selections must be two equal [T, k] with [T] margins, not {reference.shape}, {test.shape}, "
            f"{margins.shape}"
        )
    lost = (reference[:, :, None] != test[:, None, :]).all(axis=2).sum(axis=1)
    crossed = margins[lost > 0]
    return LayerFlips(
        layer=layer,
        tokens=tokens,
        flipped_tokens=len(crossed),
        flipped_experts=int(lost.sum()),
        median_margin=float(np.median(margins)),
        median_flip_margin=float(np.median(crossed)) if len(crossed) else np.nan,
        max_flip_margin=float(crossed.max()) if len(crossed) else np.nan,
    )


def router_flips(layers: Sequence[LayerFlips]) -> RouterFlips:
    """Sums the layers up; without layers the share is 0."""
    decisions = sum(layer.tokens for layer in layers)
    flipped = sum(layer.flipped_tokens for layer in layers)
    return RouterFlips(
        layers=tuple(layers),
        decisions=decisions,
        flipped_decisions=flipped,
        flipped_share=flipped / decisions if decisions else 0.0,
    )
