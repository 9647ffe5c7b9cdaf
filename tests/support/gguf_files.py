"""GGUF files rewritten by the `gguf` package with other metadata or tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt


@dataclass
class Content:
    """What a file holds.

    Attributes:
        metadata: Values by key, with their types and, of lists, those of their entries.
        tensors: Bytes of rows, or floats, with their types, by name.
    """

    metadata: dict[str, tuple[Any, gguf.GGUFValueType, gguf.GGUFValueType | None]]
    tensors: dict[str, tuple[npt.NDArray[Any], gguf.GGMLQuantizationType]]

    def set(self, key: str, value: object) -> None:
        """Gives a key of the metadata another value of its own type."""
        self.metadata[key] = (value, *self.metadata[key][1:])


def rewrite(path: Path, change: Callable[[Content], object]) -> None:
    """Writes a file anew, sound but for what was changed."""
    reader = gguf.GGUFReader(path)
    fields = {key: field for key, field in reader.fields.items() if not key.startswith("GGUF.")}
    content = Content(
        {
            key: (field.contents(), field.types[0], field.types[-1] if len(field.types) > 1 else None)
            for key, field in fields.items()
        },
        {tensor.name: (np.array(tensor.data), tensor.tensor_type) for tensor in reader.tensors},
    )
    change(content)
    architecture = content.metadata.pop("general.architecture")[0]
    writer = gguf.GGUFWriter(path, architecture)
    for key, (value, kind, of_entries) in content.metadata.items():
        writer.add_key_value(key, value, kind, of_entries)
    for name, (data, kind) in content.tensors.items():
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def offsets(path: Path) -> Mapping[str, int]:
    """Where in a file each value of the metadata begins, and each tensor's entry behind its name."""
    reader = gguf.GGUFReader(path)
    places = {
        key: field.offset + 8 + len(key.encode()) + 4
        for key, field in reader.fields.items()
        if not key.startswith("GGUF.")
    }
    return places | {
        tensor.name: tensor.field.offset + 8 + len(tensor.name.encode()) for tensor in reader.tensors
    }
