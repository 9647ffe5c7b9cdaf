"""Opens whatever a checkpoint is in: a folder of ours or of another tool, a hub repository, or a GGUF file."""

from __future__ import annotations

from pathlib import Path

from mmoe.checkpoints.checkpoint import Checkpoint, open_checkpoint
from mmoe.checkpoints.gguf.gguf_file import SUFFIX
from mmoe.checkpoints.gguf.opened import open_gguf
from mmoe.checkpoints.int4_linears.detection import is_packed_elsewhere
from mmoe.checkpoints.int4_linears.opened import open_int4_linears
from mmoe.models.files import as_path
from mmoe.runtime_bindings.python.errors import OptionError


def open_source(
    source: str | Path, *, revision: str | None = None, unpacked: bool = False, requantize: bool = False
) -> Checkpoint:
    """Opens a checkpoint and checks all but its values.

    Args:
        source: A checkpoint folder, a hub id, or a GGUF file.
        revision: See `open_checkpoint`.
        unpacked: See `open_checkpoint`.
        requantize: See `open_gguf`; of anything else nothing is requantised.

    Raises:
        MmoeError: as `open_checkpoint`, `open_gguf` and `open_int4_linears` do.
    """
    path = as_path(source)
    if path.is_dir() and revision is None and is_packed_elsewhere(path):
        return open_int4_linears(path)
    if path.suffix != SUFFIX or not path.is_file():
        return open_checkpoint(source, revision=revision, unpacked=unpacked)
    if revision is not None:
        raise OptionError(f"a revision ({revision}) goes with a hub id, but {source} is a file")
    return open_gguf(path, requantize=requantize)
