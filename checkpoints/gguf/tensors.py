"""The tensors of a GGUF file by our names and in our shapes; every value is the file's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mmoe.checkpoints.assembly import adjacent_pairs
from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.gguf.blocks import EXACT_IN_FLOAT32, FLOATS, INT4, floats, int4_parts
from mmoe.checkpoints.gguf.families import GgufFamily, names_of
from mmoe.checkpoints.gguf.gguf_file import GgufFile, GgufTensor
from mmoe.checkpoints.inventory import expected_tensors, matrices
from mmoe.checkpoints.tensor_spec import TensorSpec
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.input_grouped import InputGroupedConfig

_PARTS = (".qweight", ".weight_scale", "_qweight", "_scale", ".weight", ".bias")
_TURNED = re.compile(r"model\.layers\.\d+\.self_attn\.[qk]_(?:proj|norm)")
_TYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
_CARRIED = (*FLOATS, *EXACT_IN_FLOAT32)
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
        if part.suffix in (".qweight", "_qweight", ".weight_scale", "_scale"):
            return expected
        stored = self._file.tensors[part.names[0]].type
        return "F32" if stored in EXACT_IN_FLOAT32 else stored

    def _misshapen(self, name: str, part: _Part) -> list[str]:
        if part.suffix in (".weight_scale", "_scale"):
            return []  # checked with the values that they belong to
        sources = [self._file.tensors[source] for source in part.names]
        logical = (*part.shape[:-1], 2 * part.shape[-1]) if part.suffix.endswith("qweight") else part.shape
        total = sum(int(np.prod(source.shape)) for source in sources)
        inputs = {source.shape[-1] for source in sources}
        fits = total == int(np.prod(logical)) and (len(logical) < 2 or inputs == {logical[-1]})
        return [] if fits else [f"wrong shape: {', '.join(part.names)} for {name} {list(logical)}"]


def packed_config(file: GgufFile, family: GgufFamily, config: DecoderConfig) -> InputGroupedConfig:
    """What of a file is in int4: the experts, and the dense matrices that are not named as floats.

    Raises:
        CheckpointError: naming the tensors of a type that is not carried over.
    """
    kept, problems = [], []
    for matrix in matrices(config):
        experts = ".experts." in matrix.weight
        module = matrix.weight.removesuffix("_proj" if experts else ".weight")
        for source in names_of(family, module, "weight"):
            stored = file.tensors.get(source)
            if stored is None or stored.type == INT4:
                continue
            if experts or stored.type not in _CARRIED:
                problems.append(f"{source} ({stored.type})")
            else:
                kept.append(module)
    others = [
        f"{name} ({tensor.type})"
        for name, tensor in file.tensors.items()
        if tensor.type not in (INT4, *_CARRIED) and f"{name} ({tensor.type})" not in problems
    ]
    if problems or others:
        listed = (problems + others)[:_MOST]
        more = len(problems) + len(others) - len(listed)
        raise CheckpointError(
            f"{file.path}: cannot carry over {', '.join(listed)}{f' and {more} more' if more else ''} without changing "
            f"values; experts must be {INT4}, everything else {INT4} or {', '.join(_CARRIED)}. llama-quantize MODEL "
            f"{INT4}, without an importance matrix, makes such a file"
        )
    return InputGroupedConfig(floats=tuple(kept))


def _part(family: GgufFamily, name: str, shape: tuple[int, ...]) -> _Part:
    suffix = next((part for part in _PARTS if name.endswith(part)), "")
    module = name.removesuffix(suffix)
    part = "bias" if suffix == ".bias" else "weight"
    turned = family.turned and _TURNED.fullmatch(module) is not None
    return _Part(names_of(family, module, part), suffix, shape, turned)


def _read(tensor: GgufTensor, suffix: str) -> Tensor:
    if suffix in (".qweight", "_qweight"):
        return int4_parts(tensor.data.view(np.uint8))[0]
    if suffix in (".weight_scale", "_scale"):
        return int4_parts(tensor.data.view(np.uint8))[1]
    return floats(tensor.type, tensor.data)
