"""The tensors of a checkpoint whose linears are packed one by one, by our names and in our shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.int4_linears.linear import (
    Array,
    Int4Format,
    Int4Linear,
    Int8Linear,
    Scheme,
    fits_float16,
)
from mmoe.checkpoints.inventory import Matrix, check_inventory, expected_tensors, locate_tensors, matrices
from mmoe.checkpoints.shards import TensorFiles
from mmoe.checkpoints.tensor_spec import TensorSpec
from mmoe.checkpoints.tied_head import check_tied_head
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.input_grouped import InputGroupedConfig

if TYPE_CHECKING:
    from torch import Tensor

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
        self._where = where
        self._modules = {name.removesuffix(form.packed) for name in files.specs if name.endswith(form.packed)}
        for module in sorted(self._modules):
            self._check_parts(module)
        unpacked = self._as_unpacked()
        check_inventory(config, unpacked, where=where)
        for module in sorted(self._modules):
            self._check_contents(module)
        check_tied_head(config, unpacked, self._are_equal, where=where)
        self._origins = locate_tensors(config, unpacked)
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
        # What decides how matrices are stored is read without PyTorch, and so are they until they are put in order.
        from mmoe.checkpoints.assembly import whole
        from mmoe.checkpoints.int4_linears.values import assembled

        place = self._places.get(name)
        if place is not None:
            return assembled(
                self._origins[place.matrix.weight], lambda weight: self._part(weight, place.part)
            )
        if name not in self._origins:
            raise CheckpointError(f"the checkpoint has no tensor named {name}")
        return whole(self._origins[name], self._files.tensor)

    def _part(self, weight: str, part: str) -> Array:
        """A part of a matrix of the files."""
        module = weight.removesuffix(_WEIGHT)
        return self._linear(module).floats() if part == _FLOATS else _PARTS[part](self._int4(module))

    def _weight(self, name: str) -> Array:
        """A dense matrix of the files as floats, packed or not."""
        module = name.removesuffix(_WEIGHT)
        if module in self._modules:
            return self._linear(module).floats()
        return self._files.array(name).astype(np.float32)

    def _are_equal(self, one: str, other: str) -> bool:
        return np.array_equal(self._weight(one), self._weight(other))

    def _linear(self, module: str) -> Int4Linear | Int8Linear:
        try:
            return self._form.read(module, self._files.array, self._scheme)
        except CheckpointError as error:
            raise CheckpointError(f"{self._where}: {error}") from error

    def _check_contents(self, module: str) -> None:
        """Refuses small parts that contradict the scheme or each other, and groups out of order."""
        try:
            self._form.check(module, self._files.array, self._scheme)
        except CheckpointError as error:
            raise CheckpointError(f"{self._where}: {error}") from error
        name = f"{module}{self._form.order}"
        if self._form.order is None or name not in self._files.specs:
            return
        inputs = self._shape(module)[-1]
        if not np.array_equal(self._files.array(name), np.arange(inputs) // self._scheme.group_size):
            raise CheckpointError(
                f"{self._where}: {name} puts inputs into groups out of order (activation order); quantise the model "
                "without"
            )

    def _shape(self, module: str) -> tuple[int, ...]:
        """Outputs and inputs of a packed matrix, behind the experts if it is a stack."""
        return self._form.shape(self._files.specs[module + self._form.packed].shape)

    def _is_int8(self, module: str) -> bool:
        return self._form.is_int8(module, self._files.array, self._scheme)

    def _fits_float16(self, module: str) -> bool:
        name = module + self._form.scale
        return self._files.specs[name].dtype == "F16" or fits_float16(self._files.array(name))

    def _keeps_int4(self, module: str) -> bool:
        """Whether a dense matrix stays packed: in groups with float16 scales, and no zero points."""
        return self._scheme.symmetric and not self._is_int8(module) and self._fits_float16(module)

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

    def _check_parts(self, module: str) -> None:
        """Compares names, types and shapes of a matrix's parts with each other."""
        where, form, specs = self._where, self._form, self._files.specs
        if module + _WEIGHT in specs:
            raise CheckpointError(
                f"{where}: {module}{_WEIGHT} is there beside {module}{form.packed}; remove the one that is stale"
            )
        packed = specs[module + form.packed]
        if len(packed.shape) not in form.ranks:
            raise CheckpointError(
                f"{where}: {module}{form.packed} is {packed}, which is no matrix; quantise the model anew"
            )
        left_out = form.zero_unless_symmetric if self._scheme.symmetric else None
        found = {part: specs[module + part] for part in form.parts if module + part in specs}
        for part, types in form.parts.items():
            if part not in found and part not in (form.order, left_out):
                raise CheckpointError(
                    f"{where}: {module}{part} is missing, though {module}{form.packed} is there; get the folder again"
                )
            if part in found and part == left_out:
                raise CheckpointError(
                    f"{where}: {module}{part} is there, though quantization_config says that weights are symmetric; "
                    "correct it"
                )
            if part in found and found[part].dtype not in types:
                raise CheckpointError(
                    f"{where}: {module}{part} is {found[part].dtype}, where {form.name} has "
                    f"{' or '.join(sorted(types))}; quantise the model anew"
                )
        self._check_shapes(module, {part: found[part] for part in found if part != form.packed})

    def _check_shapes(self, module: str, found: Mapping[str, TensorSpec]) -> None:
        """Compares the shapes of a matrix's parts with that of its values."""
        shape, size = self._shape(module), self._scheme.group_size
        allowed = self._form.shapes(shape, self._scheme)
        if shape[-1] % size:
            # Its last group would be another one's; a matrix with a scale per output has no groups.
            allowed = allowed[1:]
        if any(all(shapes[part] == spec.shape for part, spec in found.items()) for shapes in allowed):
            return
        told = ", ".join(f"{part.lstrip('.')} {spec}" for part, spec in found.items())
        raise CheckpointError(
            f"{self._where}: {module}{self._form.packed} holds {list(shape)} in groups of {size}, which does not fit "
            f"{told}; quantise the model anew"
        )

    def _as_unpacked(self) -> dict[str, TensorSpec]:
        """Types and shapes as if nothing were packed."""
        parts = {f"{module}{part}" for module in self._modules for part in self._form.parts}
        specs = {name: spec for name, spec in self._files.specs.items() if name not in parts}
        for module in self._modules:
            specs[module + _WEIGHT] = TensorSpec("BF16", self._shape(module))
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
                if (int8 := next(filter(self._is_int8, modules), None)) is not None:
                    raise self._loose(int8)
                exact = exact and all(map(self._fits_float16, modules))
            elif not packed or not all(map(self._keeps_int4, packed)):
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


def _zero(linear: Int4Linear) -> Array:
    assert linear.zero is not None
    return linear.zero


_PARTS: Mapping[str, Callable[[Int4Linear], Array]] = {
    "qweight": lambda linear: linear.qweight,
    "scale": Int4Linear.scale_per_32,
    "expert_scale_16": lambda linear: linear.scale.astype(np.float16),
    "expert_scale_32": lambda linear: linear.scale.astype(np.float32),
    "zero": _zero,
}
"""What a tensor of ours is of an int4 matrix of theirs; of any matrix, its floats."""
