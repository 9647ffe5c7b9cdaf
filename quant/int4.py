"""The `mobilemoe-int4-g32` codec: signed 4-bit values, two per byte, one float16 scale per 32."""

import torch
from torch import Tensor

from mmoe.quant.int4_format import GROUP_SIZE as GROUP_SIZE
from mmoe.quant.int4_format import QMAX as QMAX
from mmoe.quant.int4_format import QMIN as QMIN


def pack_nibbles(values: Tensor) -> Tensor:
    """Packs pairs of neighbours: the low nibble is the even element, both in two's complement.

    Args:
        values: int8 ``[..., N]``, N even, each in -8..7.

    Returns:
        uint8 ``[..., N / 2]``.

    Raises:
        ValueError: if N is odd, the dtype is not int8 or a value does not fit four bits.
    """
    if values.dtype != torch.int8 or values.shape[-1] % 2:
        raise ValueError(f"expected int8 [..., even], got {values.dtype} {list(values.shape)}")
    if bool(((values < QMIN) | (values > QMAX)).any()):
        raise ValueError(f"a value lies outside {QMIN}..{QMAX}")
    nibbles = values.view(torch.uint8) & 0x0F
    return nibbles[..., 0::2] | (nibbles[..., 1::2] << 4)


def unpack_nibbles(packed: Tensor) -> Tensor:
    """Inverse of `pack_nibbles`: uint8 ``[..., N / 2]`` -> int8 ``[..., N]`` in -8..7.

    Raises:
        ValueError: if the dtype is not uint8.
    """
    if packed.dtype != torch.uint8:
        raise ValueError(f"expected uint8, got {packed.dtype}")
    nibbles = torch.stack((packed & 0x0F, packed >> 4), dim=-1).flatten(-2)
    return (nibbles ^ 0x08).view(torch.int8) - 8


def quantize(values: Tensor, scale: Tensor) -> Tensor:
    """Rounds values to the nearest multiple of their group's scale (ties to even), clamped to -8..7.

    Args:
        values: float ``[..., N]``, N a multiple of 32.
        scale: float16 ``[..., N / 32]``, not negative; a zero scale gives zeros.

    Returns:
        uint8 ``[..., N / 2]``, packed.

    Raises:
        ValueError: if the shapes do not belong together.
    """
    divisor = _spread(scale, values.shape)
    quotient = torch.where(divisor > 0, values.float() / divisor, 0.0)
    return pack_nibbles(quotient.round().clamp(QMIN, QMAX).to(torch.int8))


def dequantize(qweight: Tensor, scale: Tensor) -> Tensor:
    """``q * scale`` in float32; exact, since 4 bits times 11 bits fit float32's mantissa.

    Args:
        qweight: uint8 ``[..., N / 2]``, packed.
        scale: float16 ``[..., N / 32]``.

    Returns:
        float32 ``[..., N]``.

    Raises:
        ValueError: if the shapes do not belong together.
    """
    values = unpack_nibbles(qweight).float()
    return values * _spread(scale, values.shape)


def _spread(scale: Tensor, shape: torch.Size) -> Tensor:
    """Repeats each scale over its group: float16 ``[..., N / 32]`` -> float32 of the given ``[..., N]``."""
    expected = [*shape[:-1], shape[-1] // GROUP_SIZE]
    if shape[-1] % GROUP_SIZE or list(scale.shape) != expected or scale.dtype != torch.float16:
        raise ValueError(
            f"{list(shape)} needs float16 scales {expected} (groups of {GROUP_SIZE}), "
            f"got {scale.dtype} {list(scale.shape)}"
        )
    return scale.float().repeat_interleave(GROUP_SIZE, dim=-1)
