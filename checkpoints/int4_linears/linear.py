"""One int4 matrix, whichever tool has packed it, as NumPy arrays: opening such a checkpoint loads no PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.quant.int4_format import GROUP_SIZE

GROUP_SIZES = (32, 64, 128)
FLOATS = frozenset({"F16", "BF16", "F32"})
WORDS = frozenset({"I32"})
BYTES = frozenset({"I8"})
NUMBERS = frozenset({"I32", "I64"})

Array: TypeAlias = npt.NDArray[Any]
Read = Callable[[str], Array]
"""Gives a tensor of the files by its name; bfloat16 as float32."""
Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
"""Shapes of a matrix's parts, by what follows its module's name."""


@dataclass(frozen=True)
class Int4Linear:
    """``weight = (q + 8 - zero) * scale``; one matrix, or those of all experts behind each other.

    Attributes:
        qweight: uint8 ``[..., out, in / 2]``, two's complement nibbles q, low nibble = even input.
        scale: A float ``[..., out, in / G]``.
        zero: uint8 ``[..., out, in / G]``, 0..15; None for 8 everywhere.
    """

    qweight: Array
    scale: Array
    zero: Array | None

    @property
    def group_size(self) -> int:
        """G."""
        return int(2 * self.qweight.shape[-1] // self.scale.shape[-1])

    def floats(self) -> Array:
        """The weights, float32 ``[..., out, in]``; exact for scales of at most 19 bits."""
        zero = np.float32(8) if self.zero is None else self._by_input(self.zero.astype(np.float32))
        values: Array = nibbles_of(self.qweight ^ 0x88).astype(np.float32)
        values -= zero
        return _scaled(values, self._by_input(self.scale.astype(np.float32)))

    def scale_per_32(self) -> Array:
        """float16 ``[..., out, in / 32]`` of the same; see `fits_float16`."""
        return self.scale.astype(np.float16).repeat(self.group_size // GROUP_SIZE, axis=-1)

    def _by_input(self, of_groups: Array) -> Array:
        return of_groups.repeat(self.group_size, axis=-1)


@dataclass(frozen=True)
class Int8Linear:
    """``weight = (value - zero) * scale``, a matrix beside the int4 ones, whose floats are taken.

    Attributes:
        values: int8 ``[out, in]``.
        scale: A float ``[out, 1]``.
        zero: int8 ``[out, 1]``.
    """

    values: Array
    scale: Array
    zero: Array

    def floats(self) -> Array:
        """The weights, float32 ``[out, in]``; exact for scales of at most 15 bits, as those of bfloat16."""
        return _scaled(
            self.values.astype(np.float32) - self.zero.astype(np.float32), self.scale.astype(np.float32)
        )


def _scaled(values: Array, scale: Array) -> Array:
    """The products, in place of the values; one that is not finite is for `Checkpoint.check_values` to tell."""
    with np.errstate(invalid="ignore", over="ignore"):
        values *= scale
    return values


def fits_float16(scale: Array) -> bool:
    """Whether float16 holds every one of some scales."""
    if scale.dtype == np.float16:
        return True
    with np.errstate(over="ignore"):
        return bool((scale.astype(np.float16).astype(np.float32) == scale).all())


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
        scale: The same of its scales.
        ranks: How many dimensions the packed values may have.
        order: The same of the tensor that says in which group each input is; None if the format has none. A matrix
            may lack it.
        zero_unless_symmetric: The same of zero points that symmetric matrices do not have; None if they have them, all
            the same.
        parts: The same of all its tensors, and the types that each may have in safetensors.
    """

    name: str
    packed: str
    scale: str
    ranks: tuple[int, ...]
    order: str | None
    zero_unless_symmetric: str | None
    parts: Mapping[str, frozenset[str]]

    def scheme(self, config: ConfigReader) -> Scheme:
        """Reads `quantization_config`.

        Raises:
            ConfigError: on the first key that says what is not supported.
        """
        ...

    def shape(self, packed: tuple[int, ...]) -> tuple[int, ...]:
        """Outputs and inputs of a matrix whose packed values have a shape, behind the experts if it is a stack."""
        ...

    def shapes(self, shape: tuple[int, ...], scheme: Scheme) -> tuple[Shapes, ...]:
        """What the other parts of a matrix of a shape have, where groups divide its inputs; any of these together."""
        ...

    def check(self, module: str, read: Read, scheme: Scheme) -> None:
        """Compares the small parts of a matrix, all of the right shapes, with what the scheme and each other say.

        Raises:
            CheckpointError: naming the tensor that contradicts.
        """
        ...

    def is_int8(self, module: str, read: Read, scheme: Scheme) -> bool:
        """Whether a matrix is in int8, beside the int4 ones."""
        ...

    def read(self, module: str, read: Read, scheme: Scheme) -> Int4Linear | Int8Linear:
        """Reads one matrix that `check` has passed.

        Raises:
            CheckpointError: its values are not in int4.
        """
        ...


def nibbles_of(values: Array) -> Array:
    """The nibbles along the last dimension of integers of any width, the lowest first: uint8 ``[..., 2 * bytes]``."""
    packed = np.ascontiguousarray(values).view(np.uint8)
    return np.stack((packed & 15, packed >> 4), axis=-1).reshape(*packed.shape[:-1], -1)


def pairs_of(nibbles: Array) -> Array:
    """Offset-binary nibbles ``[..., in]`` as two's complement pairs ``[..., in / 2]``."""
    pairs: Array = (nibbles[..., 0::2] | (nibbles[..., 1::2] << 4)) ^ 0x88
    return pairs
