"""What a decoder is built from."""

from typing import Protocol

from torch import Tensor

from mmoe.models.architectures.config import DecoderConfig


class TensorSource(Protocol):
    """A config and the tensors that it describes, as `mmoe.checkpoints.checkpoint.Checkpoint` has them."""

    @property
    def config(self) -> DecoderConfig:
        """The architecture."""
        ...

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name in its stored dtype.

        Raises:
            MmoeError: There is none.
        """
        ...
