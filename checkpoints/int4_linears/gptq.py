"""GPTQ in four bits without activation order, as AutoGPTQ and GPTQModel write it."""

from __future__ import annotations

from collections.abc import Mapping

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.int4_linears.linear import (
    FLOATS,
    GROUP_SIZES,
    NUMBERS,
    WORDS,
    Int4Linear,
    Read,
    Scheme,
    nibbles_of,
    pairs_of,
)
from mmoe.models.architectures.config_reader import ConfigReader

_VERSION_2 = "gptq_v2"
_VERSION_KEYS = ("checkpoint_format", "format")
"""GPTQModel writes the former and, since its fifth version, the latter beside it; it reads either."""
_ONES = 0x11111111
"""A word of eight nibbles that are 1."""


class Gptq:
    """Matrices are ``[in, out]``, eight inputs to a word; zero points are packed along the outputs, less one each.

    See `Int4Format`.
    """

    name = "GPTQ"
    packed = ".qweight"
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
        self._zero_offset = 0 if _VERSION_2 in stated.values() else _ONES
        return Scheme(size, config.boolean("sym"))

    def shape(self, module: str, packed: tuple[int, ...]) -> tuple[int, int]:
        """See `Int4Format.shape`."""
        return packed[1], 8 * packed[0]

    def read(self, module: str, read: Read, scheme: Scheme) -> Int4Linear:
        """See `Int4Format.read`."""
        words, scale, zeros = (read(f"{module}.{part}") for part in ("qweight", "scales", "qzeros"))
        outputs, inputs = self.shape(module, tuple(words.shape))
        groups = inputs // scheme.group_size
        if tuple(scale.shape) != (groups, outputs) or tuple(zeros.shape) != (groups, outputs // 8):
            raise CheckpointError(
                f"{module}: scales and qzeros do not fit qweight of {outputs} x {inputs} in groups of "
                f"{scheme.group_size}; quantise the model anew"
            )
        # The ones were taken from whole words: a zero of 0 has borrowed from the nibble above it, and gives it back.
        zero = nibbles_of(zeros + self._zero_offset).flatten(1).T.contiguous()
        if scheme.symmetric and not bool((zero == 8).all()):
            raise CheckpointError(
                f"{module}.qzeros: are not all 8, though quantization_config says sym; correct it"
            )
        nibbles = nibbles_of(words.T).flatten(1)  # [out, in]
        return Int4Linear(pairs_of(nibbles), scale.T.contiguous(), None if scheme.symmetric else zero)
