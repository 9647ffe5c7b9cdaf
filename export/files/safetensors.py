"""Writes a safetensors file front to back, a piece of a tensor at a time."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mmoe.checkpoints.shards import INDEX_FILE
from mmoe.checkpoints.tensor_spec import TensorSpec

_HEADER_ALIGNMENT = 8
_SHARD_BYTES = 4_000_000_000


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


def write_shards(
    folder: Path,
    specs: Mapping[str, TensorSpec],
    chunks_of: Callable[[str], Iterable[bytes]],
    *,
    metadata: Mapping[str, str],
    progress: Callable[[int, int], None],
) -> None:
    """The same in files of about 4 GB, as large checkpoints are released, with the index of `transformers`.

    Raises:
        OSError: a file cannot be written.
    """
    shards = shards_of(specs)
    written = 0
    for path, names in shards.items():

        def step(done: int, of: int, before: int = written) -> None:
            progress(before + done, len(specs))

        shard = {name: specs[name] for name in names}
        write_safetensors(folder / path, shard, chunks_of, metadata=metadata, progress=step)
        written += len(names)
    total = sum(spec.num_bytes for spec in specs.values())
    weight_map = {name: path for path, names in shards.items() for name in names}
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / INDEX_FILE).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def shards_of(specs: Mapping[str, TensorSpec]) -> dict[str, list[str]]:
    """Which tensors go to which file, in their order."""
    groups: list[list[str]] = [[]]
    size = 0
    for name, spec in specs.items():
        if groups[-1] and size + spec.num_bytes > _SHARD_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(name)
        size += spec.num_bytes
    count = len(groups)
    return {
        f"model-{place:05}-of-{count:05}.safetensors": names for place, names in enumerate(groups, start=1)
    }
