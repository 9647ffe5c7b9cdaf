"""torchao's `IntxUnpackedToInt8Tensor` in safetensors: int4 values a byte each, as its int8-int4 recipes leave them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.int4_linears.linear import (
    BYTES,
    FLOATS,
    GROUP_SIZES,
    Array,
    Int4Linear,
    Int8Linear,
    Read,
    Scheme,
    Shapes,
    pairs_of,
)
from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.quant.int4_format import QMAX, QMIN

_BY_MODULE = {"FqnToConfig": "fqn_to_config", "ModuleFqnToConfig": "module_fqn_to_config"}
"""Recipes that give each module its own, and where they keep those."""
_PREFIXES = {"Int8DynamicActivationIntxWeightConfig": "weight_", "IntxWeightOnlyConfig": ""}
"""Recipes that leave such tensors, and how they begin the words on weights."""


class Torchao:
    """Values, scales and zero points by group, all ``[out, ...]``. Tables may be int8. See `Int4Format`."""

    name = "torchao"
    packed = "._weight_qdata"
    scale = "._weight_scale"
    ranks: tuple[int, ...] = (2,)
    order: str | None = None
    zero_unless_symmetric: str | None = None
    parts: Mapping[str, frozenset[str]] = {
        "._weight_qdata": BYTES,
        "._weight_scale": FLOATS,
        "._weight_zero_point": BYTES,
    }

    def scheme(self, config: ConfigReader) -> Scheme:
        """See `Int4Format.scheme`; all modules in int4 must be quantised alike."""
        described = config.child("quant_type").child("default")
        found = {scheme for recipe in _recipes(described) if (scheme := _scheme(recipe)) is not None}
        if len(found) != 1:
            config.refuse("quant_type", "one recipe for weights in int4, the same for all of them")
        return found.pop()

    def shape(self, packed: tuple[int, ...]) -> tuple[int, ...]:
        """See `Int4Format.shape`."""
        return packed

    def shapes(self, shape: tuple[int, ...], scheme: Scheme) -> tuple[Shapes, ...]:
        """See `Int4Format.shapes`; of a matrix in int8 each output has a scale."""
        *outer, inputs = shape
        return tuple(
            {"._weight_scale": (*outer, groups), "._weight_zero_point": (*outer, groups)}
            for groups in (inputs // scheme.group_size, 1)
        )

    def check(self, module: str, read: Read, scheme: Scheme) -> None:
        """See `Int4Format.check`."""
        if self.is_int8(module, read, scheme):
            return
        zero = read(f"{module}._weight_zero_point")
        _require_int4(f"{module}._weight_zero_point", zero)
        if scheme.symmetric and zero.any():
            raise CheckpointError(
                f"{module}._weight_zero_point: is not 0, though quantization_config says SYMMETRIC; correct it"
            )

    def is_int8(self, module: str, read: Read, scheme: Scheme) -> bool:
        """See `Int4Format.is_int8`; where a group is as wide as the matrix, its values tell."""
        values, scale = read(f"{module}._weight_qdata"), read(f"{module}._weight_scale")
        if values.shape[-1] == scheme.group_size:
            return not _are_int4(values)
        return bool(scale.shape[-1] == 1)

    def read(self, module: str, read: Read, scheme: Scheme) -> Int4Linear | Int8Linear:
        """See `Int4Format.read`."""
        values, scale, zero = (read(f"{module}._weight_{part}") for part in ("qdata", "scale", "zero_point"))
        if self.is_int8(module, read, scheme):
            return Int8Linear(values, scale, zero)
        _require_int4(f"{module}._weight_qdata", values)
        offset = None if scheme.symmetric else (zero + np.int8(8)).view(np.uint8)
        return Int4Linear(pairs_of((values + np.int8(8)).view(np.uint8)), scale, offset)


def _are_int4(values: Array) -> bool:
    return bool(values.min(initial=0) >= QMIN and values.max(initial=0) <= QMAX)


def _require_int4(name: str, values: Array) -> None:
    if not _are_int4(values):
        raise CheckpointError(f"{name}: has values that are no int4; quantise anew")


def _recipes(described: ConfigReader) -> Iterator[ConfigReader]:
    """The recipe that is described, or those that it gives to modules."""
    key = _BY_MODULE.get(described.text("_type"))
    if key is None:
        yield described
        return
    modules = described.child("_data").child(key)
    for module in modules.keys():  # noqa: SIM118 (a reader is not a mapping)
        if not modules.is_null(module):
            yield modules.child(module)


def _scheme(recipe: ConfigReader) -> Scheme | None:
    """What a recipe makes of weights; None if it leaves them in int8."""
    prefix = _PREFIXES.get(recipe.text("_type"))
    if prefix is None:
        recipe.refuse("_type", " or ".join(map(repr, _PREFIXES)))
    data = recipe.child("_data")
    width = data.child("weight_dtype")
    if width.text("_data") == "int8":
        return None
    width.fixed("_data", "int4")
    data.child("intx_packing_format").fixed("_data", "UNPACKED_TO_INT8")
    granularity = data.child(f"{prefix}granularity")
    granularity.fixed("_type", "PerGroup")
    groups = granularity.child("_data")
    size = groups.integer("group_size")
    if size not in GROUP_SIZES:
        groups.refuse("group_size", "32, 64 or 128")
    return Scheme(size, data.child(f"{prefix}mapping_type").text("_data").startswith("SYMMETRIC"))
