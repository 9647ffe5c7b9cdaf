"""torchao's `IntxUnpackedToInt8Tensor` in safetensors: int4 values a byte each, as its int8-int4 recipes leave them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.int4_linears.linear import (
    BYTES,
    FLOATS,
    GROUP_SIZES,
    Int4Linear,
    Int8Linear,
    Read,
    Scheme,
)
from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.quant.int4 import QMAX, QMIN, pack_nibbles

_BY_MODULE = {"FqnToConfig": "fqn_to_config", "ModuleFqnToConfig": "module_fqn_to_config"}
"""Recipes that give each module its own, and where they keep those."""
_PREFIXES = {"Int8DynamicActivationIntxWeightConfig": "weight_", "IntxWeightOnlyConfig": ""}
"""Recipes that leave such tensors, and how they begin the words on weights."""


class Torchao:
    """Values, scales and zero points by group, all ``[out, ...]``. Tables may be int8. See `Int4Format`."""

    name = "torchao"
    packed = "._weight_qdata"
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

    def shape(self, module: str, packed: tuple[int, ...]) -> tuple[int, ...]:
        """See `Int4Format.shape`."""
        return packed

    def read(self, module: str, read: Read, scheme: Scheme) -> Int4Linear | Int8Linear:
        """See `Int4Format.read`."""
        values, scale, zero = (read(f"{module}._weight_{part}") for part in ("qdata", "scale", "zero_point"))
        outputs, inputs = values.shape
        groups = (outputs, inputs // scheme.group_size)
        wide = groups != (outputs, 1) or bool(((values < QMIN) | (values > QMAX)).any())
        if wide and tuple(scale.shape) == tuple(zero.shape) == (outputs, 1):
            return Int8Linear(values, scale, zero)
        if tuple(scale.shape) != groups or tuple(zero.shape) != groups:
            raise CheckpointError(
                f"{module}: scale and zero_point do not fit qdata of {outputs} x {inputs} in groups of "
                f"{scheme.group_size}; quantise the model anew"
            )
        for part, found in (("qdata", values), ("zero_point", zero)):
            if bool(((found < QMIN) | (found > QMAX)).any()):
                raise CheckpointError(f"{module}._weight_{part}: has values that are no int4; quantise anew")
        if scheme.symmetric and bool(zero.any()):
            raise CheckpointError(
                f"{module}._weight_zero_point: is not 0, though quantization_config says SYMMETRIC; correct it"
            )
        return Int4Linear(pack_nibbles(values), scale, None if scheme.symmetric else (zero + 8).byte())


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
