"""The backends by name."""

from enum import StrEnum

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
