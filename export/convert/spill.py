"""Keeps packed weights out of anonymous memory: they go to a scratch file and come back as maps of it."""

import ctypes
import platform
import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from torch import Tensor, nn

# Smaller buffers are not worth a place in the file.
_SMALLEST = 1 << 16
_ALIGNMENT = 64


class Spill:
    """A scratch file that large buffers of modules are moved to, one module after the other.

    Conversion holds every packed weight until the program is written. In anonymous memory that is the size of
    the checkpoint once more (0.7 GB for MobileMoE-S, 3.0 GB for L); mapped from a file it is page cache, which
    the system can take back.
    """

    def __init__(self, folder: Path) -> None:
        """Creates the file.

        Args:
            folder: Where the scratch file is made; it needs room for the packed weights.
        """
        # Unlinked from the start, so that not even a killed process leaves it behind.
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by __exit__)

    def __enter__(self) -> "Spill":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def absorb(self, module: nn.Module) -> None:
        """Moves the large uint8, uint32 and float16 buffers of `module` to the file; their values stay as they are."""
        for owner in module.modules():
            for name, buffer in owner.named_buffers(recurse=False):
                if buffer.dtype in (torch.uint8, torch.uint32, torch.float16) and buffer.nbytes >= _SMALLEST:
                    setattr(owner, name, self._mapped(buffer))
        _return_freed_memory()

    def _mapped(self, tensor: Tensor) -> Tensor:
        start = self._file.seek(0, 2)
        start += self._file.write(bytes(-start % _ALIGNMENT))
        self._file.write(tensor.contiguous().view(torch.uint8).numpy().data)
        self._file.flush()
        # Through NumPy, because the emitter copies tensors whose storage is larger than they are: this map's is not.
        mapped = np.memmap(self._file, dtype=np.uint8, mode="c", offset=start, shape=(tensor.nbytes,))
        return torch.from_numpy(mapped).view(tensor.dtype).view(tensor.shape)


def _return_freed_memory() -> None:
    """Asks the C library for the blocks that packing freed; glibc kept 0.4 GB of them for MobileMoE-S."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
