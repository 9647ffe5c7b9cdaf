"""Writes a safetensors file front to back, a piece of a tensor at a time."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mmoe.checkpoints.tensor_spec import TensorSpec

_HEADER_ALIGNMENT = 8


def write_safetensors(
    path: Path,
    specs: Mapping[str, TensorSpec],
    chunks_of: Callable[[str], Iterable[bytes]],
    *,
    metadata: Mapping[str, str],
    progress: Callable[[int, int], None],
) -> None:
    """Writes the header, then each tensor; nothing but the current piece is in memory.

    Args:
        path: the file, which is replaced.
        specs: type and shape of each tensor, in the order of the file.
        chunks_of: gives a tensor's little-endian bytes, in pieces.
        metadata: strings for the header.
        progress: called with the number of tensors written and of all.

    Raises:
        OSError: the file cannot be written.
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    offset = 0
    for name, spec in specs.items():
        end = offset + spec.num_bytes
        header[name] = {"dtype": spec.dtype, "shape": list(spec.shape), "data_offsets": [offset, end]}
        offset = end
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % _HEADER_ALIGNMENT)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        for done, (name, spec) in enumerate(specs.items(), start=1):
            written = sum(file.write(chunk) for chunk in chunks_of(name))
            assert written == spec.num_bytes, f"{name}: {written} bytes of {spec.num_bytes}"
            progress(done, len(specs))
