"""As much of a backend as a plan needs; its programs are the xnnpack backend's, so that some can be written."""

from mmoe.backends.abacus.declaration import AbacusOptions
from mmoe.backends.xnnpack.backend import XnnpackBackend
from mmoe.backends.xnnpack.declaration import XnnpackOptions


class AbacusBackend(XnnpackBackend):
    """Counts with beads."""

    name = "abacus"
    table_copies = 3
    weight_copies_in_memory = 5
    _delegates = False

    def __init__(self, options: AbacusOptions) -> None:
        super().__init__(XnnpackOptions())
        self.options = options

    def cache_row_bytes(self, head_dim: int) -> int:
        """A row is a hundred beads."""
        return 100
