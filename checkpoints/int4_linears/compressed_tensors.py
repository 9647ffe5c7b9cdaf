"""`compressed-tensors`, format `pack-quantized`, as llm-compressor writes it."""

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
)
from mmoe.models.architectures.config_reader import ConfigReader

_IN_ORDER = (None, False, "weight", "static")
"""Of `actorder`: GPTQ may have visited the inputs in another order, but their groups are those of their places."""
_IN_WEIGHTS = ("weight_input", "weight_output")
"""Where a rotation was applied once, before the weights were quantised."""


class CompressedTensors:
    """Eight inputs to a word; zero points are packed along the outputs. Experts may be stacked. See `Int4Format`."""

    name = "compressed-tensors"
    packed = ".weight_packed"
    scale = ".weight_scale"
    ranks: tuple[int, ...] = (2, 3)
    order: str | None = ".weight_g_idx"
    zero_unless_symmetric: str | None = ".weight_zero_point"
    parts: Mapping[str, frozenset[str]] = {
        ".weight_packed": WORDS,
        ".weight_scale": FLOATS,
        ".weight_zero_point": WORDS,
        ".weight_shape": NUMBERS,
        ".weight_g_idx": NUMBERS,
    }

    def scheme(self, config: ConfigReader) -> Scheme:
        """See `Int4Format.scheme`; several groups of modules must be quantised alike."""
        config.fixed("format", "pack-quantized")
        _refuse_turned_activations(config)
        found = set()
        groups = config.child("config_groups")
        for group in groups.keys():  # noqa: SIM118 (a reader is not a mapping)
            described = groups.child(group)
            if not described.is_null("format"):
                described.fixed("format", "pack-quantized")
            weights = described.child("weights")
            weights.fixed("num_bits", 4)
            weights.fixed("type", "int")
            if not weights.is_null("strategy"):
                weights.fixed("strategy", "group")
            if not weights.says("actorder", *_IN_ORDER):
                weights.refuse(
                    "actorder",
                    '"weight", "static" or null, which leave every input in the group of its place',
                )
            size = weights.integer("group_size")
            if size not in GROUP_SIZES:
                weights.refuse("group_size", "32, 64 or 128")
            symmetric = weights.is_null("symmetric") or weights.boolean("symmetric")
            found.add(Scheme(size, symmetric))
        if len(found) != 1:
            config.refuse("config_groups", "one or more groups of modules with the same 'weights'")
        return found.pop()

    def shape(self, packed: tuple[int, ...]) -> tuple[int, ...]:
        """See `Int4Format.shape`."""
        return *packed[:-1], 8 * packed[-1]

    def shapes(self, shape: tuple[int, ...], scheme: Scheme) -> tuple[Shapes]:
        """See `Int4Format.shapes`."""
        *experts, outputs, inputs = shape
        groups = inputs // scheme.group_size
        return (
            {
                ".weight_scale": (*experts, outputs, groups),
                ".weight_zero_point": (*experts, -(-outputs // 8), groups),
                ".weight_shape": (len(shape),),
                ".weight_g_idx": (inputs,),
            },
        )

    def check(self, module: str, read: Read, scheme: Scheme) -> None:
        """See `Int4Format.check`."""
        told, packed = read(f"{module}.weight_shape").tolist(), read(f"{module}.weight_packed").shape
        if tuple(told) != self.shape(packed):
            raise CheckpointError(
                f"{module}.weight_shape: is {told}, where {module}.weight_packed holds {list(self.shape(packed))}; "
                "quantise the model anew"
            )

    def is_int8(self, module: str, read: Read, scheme: Scheme) -> bool:
        """See `Int4Format.is_int8`."""
        return False

    def read(self, module: str, read: Read, scheme: Scheme) -> Int4Linear:
        """See `Int4Format.read`."""
        words, scale = read(f"{module}.weight_packed"), read(f"{module}.weight_scale")
        zero: Array | None = None
        if not scheme.symmetric:
            by_group = nibbles_of(read(f"{module}.weight_zero_point").swapaxes(-1, -2))
            zero = np.ascontiguousarray(by_group.swapaxes(-1, -2)[..., : words.shape[-2], :])
        # A word's bytes are pairs already; flipping the highest bits makes q of q + 8.
        return Int4Linear(np.ascontiguousarray(words).view(np.uint8) ^ 0x88, scale, zero)


def _refuse_turned_activations(config: ConfigReader) -> None:
    """Refuses rotations that are left to be applied while the model runs; a wrong model would look like a right one."""
    if config.is_null("transform_config"):
        return
    transforms = config.child("transform_config")
    if transforms.is_null("config_groups"):
        return
    groups = transforms.child("config_groups")
    for group in groups.keys():  # noqa: SIM118 (a reader is not a mapping)
        for application in groups.child(group).children("apply"):
            if not application.says("location", *_IN_WEIGHTS):
                application.refuse("location", " or ".join(map(repr, _IN_WEIGHTS)))
