"""Post-training quantisation to int4 in groups of 32, which first looks whether a group is on an int4 grid already.

A model that was trained with int4 weights may be released in bfloat16: its values are ``bfloat16(q * scale)`` then.
Such a grid is found again instead of quantising a second time. bfloat16 keeps 8 of the 15 bits of ``q * scale``, so
several float16 scales can explain a group; the one nearest to the least-squares fit is taken, and it reproduces every
value of the group bit for bit. The same holds of float16 and float32, which may have been bfloat16 or float16 before.

All other groups take, of many candidates, the scale with the least squared error, and fit it once more to the integers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmoe.quant.int4 import GROUP_SIZE, QMAX, QMIN, pack_nibbles

# Scales to try, as what divides the largest magnitude, beside 7: 8 where that value is negative, more than 8 clip it
# for the sake of the others. On Gaussian weights 21 candidates instead of 14 gain 0.03 dB.
_DIVISORS = tuple(7.0 + 0.5 * index for index in range(1, 15))

# Values of a group that are looked at first.
_PROBE = 6

# float16 numbers on either side of a fitted scale. A rounding to bfloat16 moves a value by up to 2^-8 of itself, and so
# the fit; float16 numbers are at least 2^-11 apart.
_NEIGHBOURS = sorted(range(-8, 9), key=abs)

# By the type that values are stored in: what they may have been rounded to, last or before that.
_ROUNDINGS = {
    torch.bfloat16: (torch.bfloat16,),
    torch.float16: (torch.bfloat16, torch.float16),
    torch.float32: (torch.bfloat16, torch.float16, torch.float32),
}

# Groups at a time: a few MB of temporaries.
_BLOCK = 1 << 13


@dataclass(frozen=True)
class Quantized:
    """Some rows in int4.

    Attributes:
        qweight: uint8 ``[..., N / 2]``, packed.
        scale: float16 ``[..., N / 32]``.
        recovered: Groups that were on a grid: ``q * scale``, rounded as it is stored, gives every value of theirs.
    """

    qweight: Tensor
    scale: Tensor
    recovered: int


def quantize_weights(values: Tensor) -> Quantized:
    """Quantises weights, each group by the better of the two ways.

    Args:
        values: bfloat16, float16 or float32 ``[..., N]``, N a multiple of 32.

    Raises:
        ValueError: the dtype or the shape is another.
    """
    if values.dtype not in _ROUNDINGS or values.shape[-1] % GROUP_SIZE:
        raise ValueError(f"expected floats [..., 32 * n], got {values.dtype} {list(values.shape)}")
    groups = values.reshape(-1, GROUP_SIZE)
    integers = torch.empty(groups.shape, dtype=torch.int8)
    scales = torch.empty(len(groups), dtype=torch.float16)
    recovered = 0
    for start in range(0, len(groups), _BLOCK):
        block = groups[start : start + _BLOCK].float()
        part = slice(start, start + len(block))
        q, scale, found = recover_grid(block, _ROUNDINGS[values.dtype])
        rest = ~found
        if bool(rest.any()):
            q[rest], scale[rest] = least_squares_grid(block[rest])
        integers[part], scales[part] = q.to(torch.int8), scale
        recovered += int(found.sum())
    return Quantized(
        qweight=pack_nibbles(integers.view(values.shape)),
        scale=scales.view(*values.shape[:-1], -1),
        recovered=recovered,
    )


def recover_grid(
    groups: Tensor, roundings: Sequence[torch.dtype] = (torch.bfloat16,)
) -> tuple[Tensor, Tensor, Tensor]:
    """Finds the int4 grids of which groups are.

    Args:
        groups: float32 ``[G, 32]``.
        roundings: What ``q * scale`` may have been rounded to.

    Returns:
        Integers in -8..7 as float32 ``[G, 32]`` and float16 scales ``[G]``, of meaning where the third, bool ``[G]``,
        says that ``q * scale``, rounded in one of these ways, equals every value. A group of zeros has scale 0.
    """
    largest = groups.abs().amax(dim=-1)
    integers, scales = torch.zeros_like(groups), torch.zeros(len(groups), dtype=torch.float16)
    found = largest == 0
    for multiple in range(1, -QMIN + 1):
        # If the largest value is that multiple of the scale, all quotients are integers but for two roundings to
        # bfloat16.
        factors = (multiple / largest).unsqueeze(-1)
        # A few values rule almost every group out that is on no grid.
        likely = _are_near_integers(groups[:, :_PROBE] * factors) & ~found
        rows = likely.nonzero().squeeze(-1)
        quotients = groups[rows] * factors[rows]
        q = quotients.round()
        near = _are_near_integers(quotients) & (q.amax(dim=-1) <= QMAX)
        rows, q = rows[near], q[near]
        scale, exact = _nearest_exact_scale(groups[rows], q, roundings)
        integers[rows[exact]], scales[rows[exact]] = q[exact], scale[exact]
        found[rows[exact]] = True
    return integers, scales, found


def _are_near_integers(quotients: Tensor) -> Tensor:
    """Whether all of ``[..., n]`` may be integers that two roundings to bfloat16 moved by up to 2^-8 each."""
    q = quotients.round()
    return ((quotients - q).abs() <= 2**-6.9 * q.abs()).all(dim=-1)


def least_squares_grid(groups: Tensor) -> tuple[Tensor, Tensor]:
    """Integers and scales of least squared error among the candidates.

    Args:
        groups: float32 ``[G, 32]``.

    Returns:
        Integers in -8..7 as float32 ``[G, 32]`` and float16 scales ``[G]``.
    """
    largest = groups.abs().amax(dim=-1)
    best = (largest / QMAX).half()  # what the largest magnitude alone would choose
    least = _squared_error(groups, best, _rounded(groups, best))
    for divisor in _DIVISORS:
        scale = (largest / divisor).half()
        error = _squared_error(groups, scale, _rounded(groups, scale))
        best, least = torch.where(error < least, scale, best), torch.minimum(error, least)
    q = _rounded(groups, best)
    # The best scale for the integers at hand, and the integers for that one.
    fitted = (groups * q).sum(dim=-1) / q.square().sum(dim=-1)
    fitted = torch.where(fitted > 0, fitted, 0.0).half()
    refined = _rounded(groups, fitted)
    better = _squared_error(groups, fitted, refined) < least
    return torch.where(better.unsqueeze(-1), refined, q), torch.where(better, fitted, best)


def _rounded(groups: Tensor, scale: Tensor) -> Tensor:
    """The integers on a scale."""
    divisor = scale.float()
    return (groups * torch.where(divisor > 0, 1 / divisor, 0.0).unsqueeze(-1)).round_().clamp_(QMIN, QMAX)


def _squared_error(groups: Tensor, scale: Tensor, q: Tensor) -> Tensor:
    """Of each group, ``[G]``."""
    return torch.addcmul(groups, q, scale.float().unsqueeze(-1), value=-1.0).square_().sum(dim=-1)


def _nearest_exact_scale(
    groups: Tensor, q: Tensor, roundings: Sequence[torch.dtype]
) -> tuple[Tensor, Tensor]:
    """The float16 scales ``[G]`` nearest to the fit that reproduce each group, and whether there is one."""
    fitted = ((groups * q).sum(dim=-1) / q.square().sum(dim=-1)).half()
    scale, exact = fitted.clone(), torch.zeros(len(groups), dtype=torch.bool)
    for offset in _NEIGHBOURS:
        open_ = (~exact).nonzero().squeeze(-1)
        # Neighbouring positive float16 numbers are neighbouring integers.
        candidate = (fitted[open_].view(torch.int16) + offset).clamp(min=1).view(torch.float16)
        products = q[open_] * candidate.float().unsqueeze(-1)
        hit = torch.zeros(len(open_), dtype=torch.bool)
        for dtype in roundings:
            hit |= (products.to(dtype).float() == groups[open_]).all(dim=-1)
        scale[open_[hit]], exact[open_[hit]] = candidate[hit], True
    return scale, exact
