"""Reads a Core ML model back from a program: its functions, their operations and the constants in `weight.bin`."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmoe.backends.coreml.toolchain import import_exporter, import_module
from mmoe.backends.errors import ArtifactError
from mmoe.backends.program_file import ProgramFile

# What a method's payload begins with when its model is stored once for all methods; JSON follows.
_REFERENCE = b"CMJR"
_MODEL = "model.mlmodel"
_WEIGHTS = "weights/weight.bin"
_INT4 = "constexpr_blockwise_shift_scale"


@dataclass(frozen=True)
class Int4Matrix:
    """A matrix that Core ML widens itself: int8 values ``[out, in]`` in -8..7, float16 scale ``[out, in / 32]``."""

    values: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float16]


class CoreMLModel:
    """The model of a program, unpacked into a temporary folder for the time of a `with` block."""

    def __init__(self, program: ProgramFile) -> None:
        """Finds the one model that all methods share.

        Raises:
            ArtifactError: The program has no such model.
        """
        payload = program.delegate_payload(program.plan("forward").delegates[0])
        if not payload.startswith(_REFERENCE):
            raise ArtifactError(f"{program.path}: its methods do not share one Core ML model; convert again")
        self._path = program.path
        self._data = program.named_data(json.loads(payload[len(_REFERENCE) :])["key"])
        self._folder = tempfile.TemporaryDirectory(prefix="mmoe-coreml-")

    def __enter__(self) -> "CoreMLModel":
        """Unpacks and parses the model.

        Raises:
            ArtifactError: The model is damaged.
            BackendError: coremltools is not installed.
        """
        exporter = import_exporter("executorchcoreml")
        try:
            exporter.unflatten_directory_contents(bytes(self._data), self._folder.name)
            (found,) = Path(self._folder.name).rglob(_MODEL)
        except (RuntimeError, ValueError) as error:
            self._folder.cleanup()
            raise ArtifactError(
                f"{self._path}: its Core ML model is damaged; convert the checkpoint again"
            ) from error
        description = import_module("coremltools.proto.Model_pb2").Model()
        description.ParseFromString(found.read_bytes())
        self._program = description.mlProgram
        storage = import_module("coremltools.libmilstoragepython")
        self._reader = storage._BlobStorageReader(str(found.parent / _WEIGHTS))
        return self

    def __exit__(self, *_: object) -> None:
        """Removes the unpacked files."""
        self._folder.cleanup()

    @property
    def functions(self) -> tuple[str, ...]:
        """Names of the model's functions."""
        return tuple(sorted(self._program.functions))

    @property
    def data_bytes(self) -> int:
        """Size of the model in the program."""
        return len(self._data)

    def operations(self, function: str) -> Counter[str]:
        """Counts the operations of a function by type."""
        return Counter(operation.type for operation in self._operations(function))

    def constants(self, function: str) -> dict[str, npt.NDArray[Any]]:
        """The large constants of a function by name: uint8, float16 or float32, as `weight.bin` has them."""
        found = {}
        for operation in self._operations(function):
            if (
                operation.type == "const"
                and operation.attributes["val"].WhichOneof("value") == "blobFileValue"
            ):
                output = operation.outputs[0]
                found[output.name] = self._array(operation.attributes["val"])
        return found

    def int4_matrices(self, function: str) -> Iterator[Int4Matrix]:
        """The int4 constants of a function in the order of use."""
        for operation in self._operations(function):
            if operation.type == _INT4:
                data, scale = (operation.inputs[name].arguments[0].value for name in ("data", "scale"))
                yield Int4Matrix(self._array(data), self._array(scale))

    def _operations(self, function: str) -> Iterator[Any]:
        for block in self._program.functions[function].block_specializations.values():
            yield from block.operations

    def _array(self, value: Any) -> npt.NDArray[Any]:
        types = import_module("coremltools.proto.MIL_pb2").DataType
        tensor, offset = value.type.tensorType, value.blobFileValue.offset
        shape = [dimension.constant.size for dimension in tensor.dimensions]
        match types.Name(tensor.dataType):
            case "UINT8":
                flat = np.asarray(self._reader.read_uint8_data(offset), np.uint8)
            case "FLOAT16":
                flat = np.asarray(self._reader.read_fp16_data(offset), np.uint16).view(np.float16)
            case "FLOAT32":
                flat = np.asarray(self._reader.read_float_data(offset), np.float32)
            case "INT4":
                flat = np.asarray(self._reader.read_int4_data(offset), np.int8)
            case "INT32":
                flat = np.asarray(self._reader.read_int32_data(offset), np.int32)
            case other:
                raise ArtifactError(f"{self._path}: a constant of the Core ML model is {other}")
        return flat[: int(np.prod(shape))].reshape(shape)
