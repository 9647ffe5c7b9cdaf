"""GPTQ in four bits without activation order, as AutoGPTQ and GPTQModel write it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.int4_linears.linear import (
    FLOATS,
    GROUP_SIZES,
    NUMBERS,
    WORDS,
    Array,
    Int4Linear,
    Read,
    Scheme,
    Shapes,
    nibbles_of,
    pairs_of,
)
from mmoe.models.architectures.config_reader import ConfigReader

_VERSION_2 = "gptq_v2"
_VERSION_KEYS = ("checkpoint_format", "format")
"""GPTQModel writes the former and, since its fifth version, the latter beside it; it reads either."""
_ONES = np.uint32(0x11111111)
"""A word of eight nibbles that are 1."""


class Gptq:
    """Matrices are ``[in, out]``, eight inputs to a word; zero points are packed along the outputs, less one each.

    See `Int4Format`.
    """

    name = "GPTQ"
    packed = ".qweight"
    scale = ".scales"
    ranks: tuple[int, ...] = (2,)
    order: str | None = ".g_idx"
    zero_unless_symmetric: str | None = None
    parts: Mapping[str, frozenset[str]] = {
        ".qweight": WORDS,
        ".qzeros": WORDS,
        ".scales": FLOATS,
        ".g_idx": NUMBERS,
    }

    _zero_offset = _ONES

    def scheme(self, config: ConfigReader) -> Scheme:
        """See `Int4Format.scheme`."""
        config.fixed("bits", 4)
        config.fixed("desc_act", False)
        size = config.integer("group_size")
        if size not in GROUP_SIZES:
            config.refuse("group_size", "32, 64 or 128")
        stated = {key: config.text(key) for key in _VERSION_KEYS if not config.is_null(key)}
        for key, kind in stated.items():
            if kind not in ("gptq", _VERSION_2):
                config.refuse(key, "'gptq' or 'gptq_v2'")
            if kind != next(iter(stated.values())):
                config.refuse(key, f"what {next(iter(stated))} says; remove the one that is wrong")
        self._zero_offset = np.uint32(0) if _VERSION_2 in stated.values() else _ONES
        return Scheme(size, config.boolean("sym"))

    def shape(self, packed: tuple[int, ...]) -> tuple[int, ...]:
        """See `Int4Format.shape`."""
        return packed[1], 8 * packed[0]

    def shapes(self, shape: tuple[int, ...], scheme: Scheme) -> tuple[Shapes]:
        """See `Int4Format.shapes`."""
        outputs, inputs = shape
        groups = inputs // scheme.group_size
        return ({".scales": (groups, outputs), ".qzeros": (groups, -(-outputs // 8)), ".g_idx": (inputs,)},)

    def check(self, module: str, read: Read, scheme: Scheme) -> None:
        """See `Int4Format.check`."""
        if scheme.symmetric and not bool((self._zeros(module, read) == 8).all()):
            raise CheckpointError(
                f"{module}.qzeros: are not all 8, though quantization_config says sym; correct it"
            )

    def is_int8(self, module: str, read: Read, scheme: Scheme) -> bool:
        """See `Int4Format.is_int8`."""
        return False

    def read(self, module: str, read: Read, scheme: Scheme) -> Int4Linear:
        """See `Int4Format.read`."""
        nibbles = nibbles_of(read(f"{module}.qweight").T)  # [out, in]
        zero = None if scheme.symmetric else np.ascontiguousarray(self._zeros(module, read).T)
        return Int4Linear(pairs_of(nibbles), np.ascontiguousarray(read(f"{module}.scales").T), zero)

    def _zeros(self, module: str, read: Read) -> Array:
        """Zero points 0..15, ``[in / G, out]``.

        The ones were taken from whole words: a zero of 0 has borrowed from the nibble above it, and gives it back.
        """
        words = read(f"{module}.qzeros").view(np.uint32) + self._zero_offset
        outputs = read(f"{module}.scales").shape[-1]
        return nibbles_of(words)[..., :outputs]
