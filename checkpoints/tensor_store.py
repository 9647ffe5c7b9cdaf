"""What holds the tensors of a checkpoint, whatever the files are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from mmoe.checkpoints.tensor_spec import TensorSpec

if TYPE_CHECKING:
    from torch import Tensor


class TensorStore(Protocol):
    """Tensors by name, read where touched."""

    @property
    def specs(self) -> Mapping[str, TensorSpec]:
        """Type and shape of every tensor."""
        ...

    @property
    def num_files(self) -> int:
        """How many files hold them."""
        ...

    def tensor(self, name: str) -> Tensor:
        """One tensor.

        Raises:
            CheckpointError: when there is no tensor of that name.
        """
        ...
