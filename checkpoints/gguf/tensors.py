"""The tensors of a GGUF file by our names and in our shapes; every value is the file's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.gguf.block_types import FLOATS, INT4, Holds
from mmoe.checkpoints.gguf.families import GgufFamily, names_of
from mmoe.checkpoints.gguf.gguf_file import GgufFile
from mmoe.checkpoints.inventory import expected_tensors
from mmoe.checkpoints.tensor_spec import TensorSpec
from mmoe.models.architectures.config import DecoderConfig

if TYPE_CHECKING:
    from torch import Tensor

_PARTS = {
    ".qweight": Holds.QWEIGHT,
    ".weight_scale": Holds.SCALE,
    "_qweight": Holds.QWEIGHT,
    "_scale": Holds.SCALE,
    ".weight": Holds.FLOATS,
    ".bias": Holds.FLOATS,
}
_TURNED = re.compile(r"model\.layers\.\d+\.self_attn\.[qk]_(?:proj|norm)")
# Listed in one message.
_MOST = 20


@dataclass(frozen=True)
class _Part:
    """One of our tensors: the file's, whose outputs follow each other in ours, and which part of them it is."""

    names: tuple[str, ...]
    holds: Holds
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
        # Values are read with PyTorch; what the header shows is compared without it.
        from mmoe.checkpoints.gguf.values import assembled

        part = self._parts[name]
        sources = [self._file.tensors[source] for source in part.names]
        return assembled(
            sources, part.holds, part.shape, turned_heads_of=self._head_dim if part.turned else None
        )

    def _type(self, name: str, expected: str) -> str:
        """Floats have the file's type; what is read as floats has float32."""
        part = self._parts[name]
        if part.holds is not Holds.FLOATS:
            return expected
        stored = self._file.tensors[part.names[0]].type
        return stored if stored in FLOATS else "F32"

    def _misshapen(self, name: str, part: _Part) -> list[str]:
        if part.holds is Holds.SCALE:
            return []  # checked with the values that they belong to
        sources = [self._file.tensors[source] for source in part.names]
        pairs = part.holds is Holds.QWEIGHT and sources[0].type == INT4
        logical = (*part.shape[:-1], 2 * part.shape[-1]) if pairs else part.shape
        # Of two tensors each has half of the outputs. Files leave out a dimension of 1, as that of a convolution's.
        *outer, outputs, inputs = (1, 1, *logical)
        expected = _squeezed((*outer, outputs // len(sources), inputs))
        fits = all(_squeezed(source.shape) == expected for source in sources)
        return [] if fits else [f"wrong shape: {', '.join(part.names)} for {name} {list(logical)}"]


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _part(family: GgufFamily, name: str, shape: tuple[int, ...]) -> _Part:
    suffix = next((part for part in _PARTS if name.endswith(part)), "")
    module = name.removesuffix(suffix)
    part = "bias" if suffix == ".bias" else "weight"
    turned = family.turned and _TURNED.fullmatch(module) is not None
    return _Part(names_of(family, module, part), _PARTS.get(suffix, Holds.FLOATS), shape, turned)
