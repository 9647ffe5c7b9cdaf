"""The backends by name; importing this module imports no framework, so that a command line may list them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmoe.backends.base import Backend


class BackendName(StrEnum):
    """What `--backend` accepts."""

    XNNPACK = "xnnpack"


def load_backend(name: BackendName) -> Backend:
    """Imports and returns a backend; the import waits until here because each one brings its delegate's exporter."""
    match name:
        case BackendName.XNNPACK:
            from mmoe.backends.xnnpack.backend import XnnpackBackend

            return XnnpackBackend()
