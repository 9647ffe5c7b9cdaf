"""What is wrong with a file that should have been a safetensors file; nothing here unpickles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmoe.checkpoints.errors import CheckpointError
from mmoe.models.files import require_regular
from mmoe.models.json_text import parse_json

PICKLE_SUFFIXES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"})

# torch.save has written a zip file since PyTorch 1.6, and a bare pickle of protocol 2 or later before that. A
# safetensors file begins with its header's length in 8 little-endian bytes: the last four are zeros.
_ZIP_MAGIC = b"PK\x03\x04"
_PICKLE_PROTOCOL = 0x80
_LFS_POINTER = b"version https://git-lfs"


def refuse_pickle(path: Path) -> None:
    """Raises: CheckpointError: when ``path`` is no regular file, or a pickle by its name or by its first bytes."""
    try:
        require_regular(path)
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read: {error.strerror or error}; download it again"
        ) from error
    is_pickle = head.startswith(_ZIP_MAGIC) or (
        len(head) == 8 and head[0] == _PICKLE_PROTOCOL and any(head[4:])
    )
    if is_pickle or path.suffix in PICKLE_SUFFIXES:
        raise CheckpointError(
            f"{path}: is a pickle file (PyTorch's .bin/.pt/.pth format), which can run code when loaded and "
            "is never opened here; use the safetensors files of the checkpoint"
        )


def describe_damage(path: Path, error: Exception) -> str:
    """Why safetensors refused ``path`` with ``error``, with the cure."""
    if any("\ud800" <= character <= "\udfff" for character in str(path)):
        return f"{path}: safetensors opens no path that is not UTF-8; rename it"
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(len(_LFS_POINTER))
            if head == _LFS_POINTER:
                return (
                    f"{path}: is a Git LFS pointer, not the file itself; run `git lfs pull` in its repository"
                )
            header_end = 8 + int.from_bytes(head[:8], "little")
            if header_end > max(size, 1 << 27):
                return f"{path}: is not a safetensors file, or its header is corrupt ({error}); download it again"
            if size < 8 or header_end > size:
                return f"{path}: is truncated inside its header ({size} bytes); download it again"
            file.seek(8)
            header = file.read(header_end - 8)
    except OSError as unreadable:
        return f"{path}: cannot be read: {unreadable.strerror}; download it again"
    try:
        entries: Any = parse_json(header)
        expected = header_end + max(
            entry["data_offsets"][1] for key, entry in entries.items() if key != "__metadata__"
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return f"{path}: its header is corrupt ({error}); download it again"
    if size < expected:
        return f"{path}: is truncated: {size} bytes of the {expected} in its header; download it again"
    return f"{path}: its header is corrupt ({error}); download it again"
