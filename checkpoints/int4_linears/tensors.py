"""The tensors of a checkpoint whose linears are packed one by one, by our names and in our shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mmoe.checkpoints.assembly import adjacent_pairs, whole
from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.int4_linears.linear import Int4Format, Int4Linear, Int8Linear, Scheme, fits_float16
from mmoe.checkpoints.inventory import Matrix, check_inventory, expected_tensors, locate_tensors, matrices
from mmoe.checkpoints.shards import TensorFiles
from mmoe.checkpoints.stored import Origin
from mmoe.checkpoints.tensor_reader import are_equal
from mmoe.checkpoints.tensor_spec import TensorSpec
from mmoe.checkpoints.tied_head import check_tied_head
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.input_grouped import InputGroupedConfig

_WEIGHT = ".weight"
_FLOATS = "floats"


@dataclass(frozen=True)
class _Place:
    """Where the files hold one of our matrices, and which of its parts a tensor of ours is."""

    matrix: Matrix
    part: str  # a key of _PARTS, or _FLOATS


class Int4Tensors:
    """See `mmoe.checkpoints.tensor_store.TensorStore`."""

    def __init__(
        self, files: TensorFiles, config: DecoderConfig, form: Int4Format, scheme: Scheme, *, where: str
    ) -> None:
        """Compares the files with what the config promises.

        Args:
            files: Of the checkpoint.
            config: As if it were not packed.
            form: How its int4 matrices are stored.
            scheme: What `quantization_config` says of them.
            where: What messages call the checkpoint.

        Raises:
            CheckpointError: tensors are missing, unexpected, wrongly shaped or there twice, or experts are not in int4.
        """
        self._files, self._form, self._scheme = files, form, scheme
        self._head_dim = config.head_dim
        self._modules = {name.removesuffix(form.packed) for name in files.specs if name.endswith(form.packed)}
        self._check_parts(where)
        unpacked = self._as_unpacked()
        check_inventory(config, unpacked, where=where)
        check_tied_head(config, unpacked, self._are_equal, where=where)
        self._origins = locate_tensors(config, unpacked)
        self._where = where
        quantization = self._quantization(config)
        self.config = replace(config, quantization=quantization)
        self._places = dict(self._all_places())
        self.specs: Mapping[str, TensorSpec] = {
            name: self._spec(name, spec) for name, spec in expected_tensors(self.config).items()
        }

    @property
    def num_files(self) -> int:
        """How many files hold them."""
        return self._files.num_files

    def tensor(self, name: str) -> Tensor:
        """A tensor, read and put in order.

        Raises:
            CheckpointError: when there is no tensor of that name, or its parts do not fit each other.
        """
        place = self._places.get(name)
        if place is None:
            if name not in self._origins:
                raise CheckpointError(f"the checkpoint has no tensor named {name}")
            return whole(self._origins[name], self._files.tensor)
        origin = self._origins[place.matrix.weight]
        experts = [self._rows(origin, row, place.part) for row in origin.names]
        return torch.stack(experts) if origin.is_experts and not _is_stacked(origin) else experts[0]

    def _rows(self, origin: Origin, names: tuple[str, ...], part: str) -> Tensor:
        """The part of a matrix ``[out, ...]`` whose outputs are those of one or two of the files'."""
        modules = [name.removesuffix(_WEIGHT) for name in names]
        if part == _FLOATS:
            pieces = [self._linear(module).floats() for module in modules]
        else:
            pieces = [_PARTS[part](self._int4(module)) for module in modules]
        joined = pieces[0] if len(pieces) == 1 else torch.cat(pieces)
        index, parts = origin.part
        if parts > 1:
            joined = joined.chunk(parts)[index]
        turned = origin.halves_of is not None
        return joined[adjacent_pairs(len(joined), self._head_dim)] if turned else joined

    def _weight(self, name: str) -> Tensor:
        """A dense matrix of the files as floats, packed or not."""
        module = name.removesuffix(_WEIGHT)
        return self._linear(module).floats() if module in self._modules else self._files.tensor(name)

    def _are_equal(self, one: str, other: str) -> bool:
        return are_equal(self._weight(one), self._weight(other))

    def _linear(self, module: str) -> Int4Linear | Int8Linear:
        self._check_order(module)
        return self._form.read(module, self._files.tensor, self._scheme)

    def _check_order(self, module: str) -> None:
        """Refuses groups that are not of consecutive inputs."""
        name = f"{module}{self._form.order}"
        if self._form.order is None or name not in self._files.specs:
            return
        packed = self._files.specs[module + self._form.packed].shape
        inputs = self._form.shape(module, packed)[-1]
        if not torch.equal(self._files.tensor(name).long(), torch.arange(inputs) // self._scheme.group_size):
            raise CheckpointError(
                f"{self._where}: {name} puts inputs into groups out of order (activation order); quantise the model "
                "without"
            )

    def _int4(self, module: str) -> Int4Linear:
        linear = self._linear(module)
        if isinstance(linear, Int8Linear):
            raise self._loose(module)
        return linear

    def _loose(self, module: str) -> CheckpointError:
        return CheckpointError(
            f"{self._where}: {module}{_WEIGHT} is not in int4, as experts of a packed checkpoint must be; "
            "quantise all of them, or convert the model's own weights with --quantize"
        )

    def _check_parts(self, where: str) -> None:
        for module in sorted(self._modules):
            if module + _WEIGHT in self._files.specs:
                raise CheckpointError(
                    f"{where}: {module}{_WEIGHT} is there beside {module}{self._form.packed}; remove the one that is "
                    "stale"
                )
            packed = self._files.specs[module + self._form.packed]
            if len(packed.shape) < 2:
                raise CheckpointError(
                    f"{where}: {module}{self._form.packed} is {packed}, which is no matrix; quantise the model anew"
                )
            left_out = self._form.zero_unless_symmetric if self._scheme.symmetric else None
            for part, types in self._form.parts.items():
                spec = self._files.specs.get(module + part)
                if spec is None and part not in (self._form.order, left_out):
                    raise CheckpointError(
                        f"{where}: {module}{part} is missing, though {module}{self._form.packed} is there; get the "
                        "folder again"
                    )
                if spec is not None and part == left_out:
                    raise CheckpointError(
                        f"{where}: {module}{part} is there, though quantization_config says that weights are "
                        "symmetric; correct it"
                    )
                if spec is not None and spec.dtype not in types:
                    raise CheckpointError(
                        f"{where}: {module}{part} is {spec.dtype}, where {self._form.name} has "
                        f"{' or '.join(sorted(types))}; quantise the model anew"
                    )

    def _as_unpacked(self) -> dict[str, TensorSpec]:
        """Types and shapes as if nothing were packed."""
        parts = {f"{module}{part}" for module in self._modules for part in self._form.parts}
        specs = {name: spec for name, spec in self._files.specs.items() if name not in parts}
        for module in self._modules:
            packed = self._files.specs[module + self._form.packed].shape
            specs[module + _WEIGHT] = TensorSpec("BF16", self._form.shape(module, packed))
        return specs

    def _quantization(self, config: DecoderConfig) -> InputGroupedConfig:
        floats, exact = [], True
        for matrix in matrices(config):
            origin = self._origins[matrix.weight]
            modules = [name.removesuffix(_WEIGHT) for name in origin.sources]
            packed = [module for module in modules if module in self._modules]
            if origin.is_experts:
                if len(packed) < len(modules):
                    raise self._loose(next(module for module in modules if module not in self._modules))
                exact = exact and all(fits_float16(self._int4(module).scale) for module in modules)
            elif not packed or any(self._linear(module).scale_per_32() is None for module in packed):
                floats.append(matrix.weight.removesuffix(_WEIGHT))
        return InputGroupedConfig(
            group_size=self._scheme.group_size,
            symmetric=self._scheme.symmetric,
            scale_dtype="float16" if exact else "float32",
            floats=tuple(floats),
        )

    def _all_places(self) -> Iterator[tuple[str, _Place]]:
        quantization = self.config.quantization
        assert quantization is not None
        for matrix in matrices(self.config):
            module = matrix.weight.removesuffix(_WEIGHT)
            experts = ".experts." in matrix.weight
            if not experts and not quantization.is_packed(module):
                sources = self._origins[matrix.weight].sources
                if all(source.removesuffix(_WEIGHT) in self._modules for source in sources):
                    yield matrix.weight, _Place(matrix, _FLOATS)
                continue
            yield matrix.qweight, _Place(matrix, "qweight")
            wide = quantization.scale_dtype == "float32"
            yield matrix.scale, _Place(matrix, f"expert_scale_{32 if wide else 16}" if experts else "scale")
            if matrix.zero is not None:
                yield matrix.zero, _Place(matrix, "zero")

    def _spec(self, name: str, spec: TensorSpec) -> TensorSpec:
        place = self._places.get(name)
        if place is not None:
            return replace(spec, dtype="F32") if place.part == _FLOATS else spec
        types = {self._files.specs[source].dtype for source in self._origins[name].sources}
        return replace(spec, dtype=types.pop() if len(types) == 1 else "F32")


def _is_stacked(origin: Origin) -> bool:
    """Whether one tensor of the files has all experts; a module with a weight has them as ``[E, out, in]``."""
    return len(origin.shape) == 3


def _zero(linear: Int4Linear) -> Tensor:
    assert linear.zero is not None
    return linear.zero


def _scale_per_32(linear: Int4Linear) -> Tensor:
    scale = linear.scale_per_32()
    assert scale is not None
    return scale


_PARTS: Mapping[str, Callable[[Int4Linear], Tensor]] = {
    "qweight": lambda linear: linear.qweight,
    "scale": _scale_per_32,
    "expert_scale_16": lambda linear: linear.scale.half(),
    "expert_scale_32": lambda linear: linear.scale.float(),
    "zero": _zero,
}
"""What a tensor of ours is of an int4 matrix of theirs; of any matrix, its floats."""
