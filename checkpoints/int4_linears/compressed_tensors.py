"""`compressed-tensors`, format `pack-quantized`, as llm-compressor writes it."""

from __future__ import annotations

from collections.abc import Mapping

import torch

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

    def shape(self, module: str, packed: tuple[int, ...]) -> tuple[int, ...]:
        """See `Int4Format.shape`."""
        return *packed[:-1], 8 * packed[-1]

    def read(self, module: str, read: Read, scheme: Scheme) -> Int4Linear:
        """See `Int4Format.read`."""
        words, scale = read(f"{module}.weight_packed"), read(f"{module}.weight_scale")
        shape = self.shape(module, tuple(words.shape))
        groups = (*shape[:-1], shape[-1] // scheme.group_size)
        if read(f"{module}.weight_shape").tolist() != [*shape] or tuple(scale.shape) != groups:
            raise CheckpointError(
                f"{module}: weight_shape and weight_scale do not fit weight_packed of {' x '.join(map(str, shape))} in "
                f"groups of {scheme.group_size}; quantise the model anew"
            )
        zero = None
        if not scheme.symmetric:
            zeros = read(f"{module}.weight_zero_point")
            if tuple(zeros.shape) != (*shape[:-2], -(-shape[-2] // 8), groups[-1]):
                raise CheckpointError(
                    f"{module}: weight_zero_point does not fit weight_packed of {' x '.join(map(str, shape))} in "
                    f"groups of {scheme.group_size}; quantise the model anew"
                )
            by_group = nibbles_of(zeros.mT).flatten(-2)
            zero = by_group.mT[..., : shape[-2], :].contiguous()
        # A word's bytes are pairs already; flipping the highest bits makes q of q + 8.
        qweight = words.contiguous().view(torch.uint8) ^ 0x88
        return Int4Linear(qweight, scale, zero)


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
