"""One int4 matrix, whichever tool has packed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.quant.int4 import GROUP_SIZE, unpack_nibbles

GROUP_SIZES = (32, 64, 128)
FLOATS = frozenset({"F16", "BF16", "F32"})
WORDS = frozenset({"I32"})
BYTES = frozenset({"I8"})
NUMBERS = frozenset({"I32", "I64"})

Read = Callable[[str], Tensor]
"""Gives a tensor of the files by its name."""


@dataclass(frozen=True)
class Int4Linear:
    """``weight = (q + 8 - zero) * scale``; one matrix, or those of all experts behind each other.

    Attributes:
        qweight: uint8 ``[..., out, in / 2]``, two's complement nibbles q, low nibble = even input.
        scale: A float ``[..., out, in / G]``.
        zero: uint8 ``[..., out, in / G]``, 0..15; None for 8 everywhere.
    """

    qweight: Tensor
    scale: Tensor
    zero: Tensor | None

    @property
    def group_size(self) -> int:
        """G."""
        return 2 * self.qweight.shape[-1] // self.scale.shape[-1]

    def floats(self) -> Tensor:
        """The weights, float32 ``[..., out, in]``; exact for scales of at most 19 bits."""
        values = unpack_nibbles(self.qweight).float()
        if self.zero is not None:
            values += 8 - self.zero.float().repeat_interleave(self.group_size, dim=-1)
        return values * self.scale.float().repeat_interleave(self.group_size, dim=-1)

    def scale_per_32(self) -> Tensor | None:
        """float16 ``[..., out, in / 32]`` of the same; None if they need a zero point or float16 rounds a scale."""
        if self.zero is not None or not fits_float16(self.scale):
            return None
        return self.scale.half().repeat_interleave(self.group_size // GROUP_SIZE, dim=-1)


@dataclass(frozen=True)
class Int8Linear:
    """``weight = (value - zero) * scale``, a matrix beside the int4 ones, whose floats are taken.

    Attributes:
        values: int8 ``[out, in]``.
        scale: A float ``[out, 1]``.
        zero: int8 ``[out, 1]``.
    """

    values: Tensor
    scale: Tensor
    zero: Tensor

    def floats(self) -> Tensor:
        """The weights, float32 ``[out, in]``; exact for scales of at most 15 bits, as those of bfloat16."""
        return (self.values.float() - self.zero.float()) * self.scale.float()

    def scale_per_32(self) -> None:
        """Its values are no int4."""


def fits_float16(scale: Tensor) -> bool:
    """Whether float16 holds every one of some scales."""
    return scale.dtype == torch.float16 or torch.equal(scale.half().float(), scale.float())


@dataclass(frozen=True)
class Scheme:
    """What `quantization_config` says of the matrices.

    Attributes:
        group_size: Inputs that share a scale.
        symmetric: Whether every zero point is 8.
    """

    group_size: int
    symmetric: bool


class Int4Format(Protocol):
    """How a tool stores an int4 matrix.

    Attributes:
        name: For messages.
        packed: What follows a module's name in that of its packed values.
        order: The same of the tensor that says in which group each input is; None if the format has none. A matrix
            may lack it.
        zero_unless_symmetric: The same of zero points that symmetric matrices do not have; None if they have them, all
            the same.
        parts: The same of all its tensors, and the types that each may have in safetensors.
    """

    name: str
    packed: str
    order: str | None
    zero_unless_symmetric: str | None
    parts: Mapping[str, frozenset[str]]

    def scheme(self, config: ConfigReader) -> Scheme:
        """Reads `quantization_config`.

        Raises:
            ConfigError: on the first key that says what is not supported.
        """
        ...

    def shape(self, module: str, packed: tuple[int, ...]) -> tuple[int, ...]:
        """Outputs and inputs of a matrix whose packed values have a shape, behind the experts if it is a stack."""
        ...

    def read(self, module: str, read: Read, scheme: Scheme) -> Int4Linear | Int8Linear:
        """Reads one matrix.

        Raises:
            CheckpointError: its tensors do not fit each other.
        """
        ...


def nibbles_of(words: Tensor) -> Tensor:
    """The eight nibbles of each int32 as uint8 ``[..., 8]``, the lowest first."""
    packed = words.contiguous().view(torch.uint8).unflatten(-1, (-1, 4))
    return torch.stack((packed & 15, packed >> 4), dim=-1).flatten(-2)


def pairs_of(nibbles: Tensor) -> Tensor:
    """Offset-binary nibbles ``[..., in]`` as two's complement pairs ``[..., in / 2]``."""
    return (nibbles[..., 0::2] | (nibbles[..., 1::2] << 4)) ^ 0x88
