"""The tensors of a GGUF file by our names and in our shapes; every value is the file's own."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mmoe.checkpoints.assembly import adjacent_pairs
from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.gguf.blocks import (
    FLOATS,
    INT4,
    INT8_GROUPS,
    floats,
    int4_parts,
    int8_parts,
    is_dequantized,
)
from mmoe.checkpoints.gguf.families import GgufFamily, names_of
from mmoe.checkpoints.gguf.gguf_file import GgufFile, GgufTensor
from mmoe.checkpoints.inventory import expected_tensors, matrices
from mmoe.checkpoints.tensor_spec import TensorSpec
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.input_grouped import InputGroupedConfig
from mmoe.quant.int4 import GROUP_SIZE
from mmoe.quant.int8_planes import dequantize_int8, quantize_int8

_PARTS = (".qweight", ".weight_scale", "_qweight", "_scale", ".weight", ".bias")
_TURNED = re.compile(r"model\.layers\.\d+\.self_attn\.[qk]_(?:proj|norm)")
_TYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
_CARRIED = (*FLOATS, *INT8_GROUPS)
_QWEIGHTS, _SCALES = (".qweight", "_qweight"), (".weight_scale", "_scale")
# Rows whose floats are in memory at a time.
_ROWS = 4096
# Listed in one message.
_MOST = 20


@dataclass(frozen=True)
class _Part:
    """One of our tensors: the file's, whose outputs follow each other in ours, and which part of them it is."""

    names: tuple[str, ...]
    suffix: str
    shape: tuple[int, ...]
    turned: bool


class GgufTensors:
    """The tensors that a config describes; see `mmoe.checkpoints.tensor_store.TensorStore`."""

    num_files = 1

    def __init__(self, file: GgufFile, family: GgufFamily, config: DecoderConfig) -> None:
        """Compares the file with what the config promises.

        Args:
            file: The file.
            family: Its architecture.
            config: With the quantisation that `packed_config` found.

        Raises:
            CheckpointError: naming the tensors that are missing, unexpected or of the wrong shape.
        """
        self._file, self._head_dim = file, config.head_dim
        self._parts: dict[str, _Part] = {}
        specs, problems = {}, []
        for name, spec in expected_tensors(config).items():
            part = _part(family, name, spec.shape)
            missing = [source for source in part.names if source not in file.tensors]
            if missing:
                problems += [f"missing: {source} ({name})" for source in missing]
                continue
            self._parts[name] = part
            specs[name] = replace(spec, dtype=self._type(name, spec.dtype))
            problems += self._misshapen(name, part)
        used = {source for part in self._parts.values() for source in part.names}
        problems += [f"unexpected: {name}" for name in file.tensors if name not in used]
        if problems:
            shown = problems[:_MOST] + ["..."] * (len(problems) > _MOST)
            raise CheckpointError(
                f"{file.path}: {len(problems)} tensors do not match its metadata:\n  " + "\n  ".join(shown)
            )
        self.specs: Mapping[str, TensorSpec] = specs

    def tensor(self, name: str) -> Tensor:
        """A tensor, read and put in order.

        Raises:
            CheckpointError: when there is no tensor of that name.
        """
        if name not in self._parts:
            raise CheckpointError(f"the checkpoint has no tensor named {name}")
        part = self._parts[name]
        pieces = [_read(self._file.tensors[source], part.suffix) for source in part.names]
        joined = pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=1)
        if part.turned:
            joined = joined[adjacent_pairs(len(joined), self._head_dim)]
        return joined.reshape(part.shape)

    def _type(self, name: str, expected: str) -> str:
        """Floats have the file's type; what is read as floats has float32."""
        part = self._parts[name]
        if part.suffix in (*_QWEIGHTS, *_SCALES):
            return expected
        stored = self._file.tensors[part.names[0]].type
        return stored if stored in FLOATS else "F32"

    def _misshapen(self, name: str, part: _Part) -> list[str]:
        if part.suffix in _SCALES:
            return []  # checked with the values that they belong to
        sources = [self._file.tensors[source] for source in part.names]
        pairs = part.suffix in _QWEIGHTS and sources[0].type == INT4
        logical = (*part.shape[:-1], 2 * part.shape[-1]) if pairs else part.shape
        # Of two tensors each has half of the outputs. Files leave out a dimension of 1, as that of a convolution's.
        *outer, outputs, inputs = (1, 1, *logical)
        expected = _squeezed((*outer, outputs // len(sources), inputs))
        fits = all(_squeezed(source.shape) == expected for source in sources)
        return [] if fits else [f"wrong shape: {', '.join(part.names)} for {name} {list(logical)}"]


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def packed_config(
    file: GgufFile, family: GgufFamily, config: DecoderConfig, *, requantize: bool = False
) -> InputGroupedConfig:
    """What of a file is in int4: the experts, and the dense matrices that are not named as int8 or floats.

    Args:
        file: The file.
        family: Its architecture.
        config: Without a quantisation.
        requantize: Whether dense matrices of a type that is not carried over become int8, which changes their values.

    Raises:
        CheckpointError: naming the tensors of a type that is not carried over.
    """
    named: dict[str, list[str]] = {"floats": [], "int8": [], "int8_g16": []}
    problems: list[str] = []
    dense: set[str] = set()
    for matrix in matrices(config):
        experts = ".experts." in matrix.weight
        module = matrix.weight.removesuffix("_proj" if experts else ".weight")
        for source in names_of(family, module, "weight"):
            stored = file.tensors.get(source)
            if stored is None or stored.type == INT4:
                continue
            form = _dense_form(stored.type, requantize=requantize)
            if experts or form is None:
                problems.append(f"{source} ({stored.type})")
            else:
                named[form].append(module)
                dense.add(source)
    others = [
        f"{name} ({tensor.type})"
        for name, tensor in file.tensors.items()
        if tensor.type not in (INT4, *_CARRIED)
        and name not in dense
        and f"{name} ({tensor.type})" not in problems
    ]
    if problems or others:
        listed = (problems + others)[:_MOST]
        more = len(problems) + len(others) - len(listed)
        raise CheckpointError(
            f"{file.path}: cannot carry over {', '.join(listed)}{f' and {more} more' if more else ''} without changing "
            f"values; experts must be {INT4}, everything else {INT4} or {', '.join(_CARRIED)}. llama-quantize MODEL "
            f"{INT4}, without an importance matrix, makes such a file; --allow-requantize rounds "
            "matrices that are no experts to int8"
        )
    kept, int8, int8_g16 = (tuple(named[form]) for form in ("floats", "int8", "int8_g16"))
    return InputGroupedConfig(floats=kept, int8=int8, int8_g16=int8_g16)


def _dense_form(type_name: str, *, requantize: bool) -> str | None:
    """The field of the config that names dense matrices of a type; None if there is none."""
    if type_name in FLOATS:
        return "floats"
    if type_name in INT8_GROUPS:
        return "int8" if INT8_GROUPS[type_name] == GROUP_SIZE else "int8_g16"
    return "int8" if requantize and is_dequantized(type_name) else None


def requantization_losses(file: GgufFile) -> dict[str, tuple[str, float]]:
    """Type of each tensor whose values change when they become int8, and its signal-to-noise ratio in dB."""
    return {
        name: (tensor.type, _loss(tensor))
        for name, tensor in file.tensors.items()
        if tensor.type not in (INT4, *_CARRIED)
    }


def _loss(tensor: GgufTensor) -> float:
    signal = noise = 0.0
    for start in range(0, len(tensor.data), _ROWS):
        weight = floats(tensor.type, tensor.data[start : start + _ROWS])
        error = dequantize_int8(*quantize_int8(weight)) - weight
        signal, noise = (
            signal + float(weight.double().square().sum()),
            noise + float(error.double().square().sum()),
        )
    return 10 * math.log10(signal / noise) if noise and signal else math.inf


def _requantized(tensor: GgufTensor) -> tuple[Tensor, Tensor]:
    """int8 values and float16 scales of a tensor, whose floats are in memory for some rows at a time."""
    parts = [
        quantize_int8(floats(tensor.type, tensor.data[start : start + _ROWS]))
        for start in range(0, len(tensor.data), _ROWS)
    ]
    return torch.cat([values for values, _ in parts]), torch.cat([scale for _, scale in parts])


def _part(family: GgufFamily, name: str, shape: tuple[int, ...]) -> _Part:
    suffix = next((part for part in _PARTS if name.endswith(part)), "")
    module = name.removesuffix(suffix)
    part = "bias" if suffix == ".bias" else "weight"
    turned = family.turned and _TURNED.fullmatch(module) is not None
    return _Part(names_of(family, module, part), suffix, shape, turned)


def _read(tensor: GgufTensor, suffix: str) -> Tensor:
    if suffix not in (*_QWEIGHTS, *_SCALES):
        return floats(tensor.type, tensor.data)
    if tensor.type == INT4:
        parts = int4_parts(tensor.data.view(np.uint8))
    elif tensor.type in INT8_GROUPS:
        parts = int8_parts(tensor.type, tensor.data.view(np.uint8))
    else:
        parts = _requantized(tensor)
    return parts[0] if suffix in _QWEIGHTS else parts[1]
