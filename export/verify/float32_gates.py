"""Limits of programs that compute in float32 throughout, which rounding alone separates from the reference.

Where two experts are nearly tied, rounding may select the other one, and the token's logits then jump. Such
tokens are no evidence for or against a program, so these limits are for the others; how many those are is a gate, too.
"""

import numpy as np
import numpy.typing as npt

from mmoe.export.artifact.verification.limits import Bound, Gate, check
from mmoe.export.artifact.verification.measurements import LogitMetrics

TIE_GAP = 1e-3
"""Router scores closer than this at the edge of the top k are a tie; float32 noise in a score is about 1e-6."""

MAX_ABS_DIFF_RELATIVE = 1e-4
MIN_COSINE_WORST = 0.99999
MIN_TOP1_AGREEMENT = 1.0
# Five trained layers leave 84 % of the tokens without a tie, so 32 layers would leave a third.
MIN_UNTIED_SHARE = 0.2


def untied_rows(margins: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Tokens without a tie in any layer.

    Args:
        margins: ``[layers, T]``, see `functional.route`.

    Returns:
        bool ``[T]``.
    """
    untied: npt.NDArray[np.bool_] = np.all(margins >= TIE_GAP, axis=0)
    return untied


def evaluate_float32(untied: LogitMetrics | None, *, tokens: int) -> tuple[Gate, ...]:
    """The gates of one stage.

    Args:
        untied: Comparison over the tokens without a tie; None if there are none.
        tokens: All tokens of the stage; those missing in `untied` are the ties.
    """
    compared = 0 if untied is None else untied.tokens
    values = (
        (np.nan, np.nan, np.nan)
        if untied is None
        else (untied.max_abs_diff_relative, untied.cosine_worst, untied.top1_agreement)
    )
    return (
        check("untied_tokens", compared, Bound.AT_LEAST, MIN_UNTIED_SHARE * tokens),
        check("untied_max_abs_diff_relative", values[0], Bound.AT_MOST, MAX_ABS_DIFF_RELATIVE),
        check("untied_cosine_worst", values[1], Bound.AT_LEAST, MIN_COSINE_WORST),
        check("untied_top1_agreement", values[2], Bound.AT_LEAST, MIN_TOP1_AGREEMENT),
    )
