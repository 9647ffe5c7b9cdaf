"""The backends by name; importing this module imports no framework, so that a command line may list them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mmoe.export.records import from_json

if TYPE_CHECKING:
    from mmoe.backends.base import Backend


class BackendName(StrEnum):
    """What `--backend` accepts."""

    XNNPACK = "xnnpack"
    MLX = "mlx"


class Linears(StrEnum):
    """What multiplies by the dense int4 matrices: what `--linears` accepts."""

    XNNPACK = "xnnpack"
    MMOE = "mmoe"


class Activations(StrEnum):
    """In what the MLX backend computes: what `--activations` accepts."""

    FLOAT16 = "float16"
    FLOAT32 = "float32"


@dataclass(frozen=True, kw_only=True)
class BackendOptions:
    """Choices within a backend, recorded in the manifest.

    Attributes:
        linears: The kernels of dense linears and the head; the xnnpack backend's choice.
        activations: The dtype of activations and of the KV cache; None for the backend's own, which is float32 for
            xnnpack and float16 for mlx.
    """

    linears: Linears = Linears.XNNPACK
    activations: Activations | None = None

    @classmethod
    def from_manifest(cls, recorded: Mapping[str, object], *, where: str) -> BackendOptions:
        """Reads what `mmoe.json` has under `backend.options`; an option that it does not name has its default.

        Raises:
            RecordError: An option is unknown or has an unknown value.
        """
        return from_json(cls, asdict(cls()) | dict(recorded), where=where)


def load_backend(name: BackendName, options: BackendOptions | None = None) -> Backend:
    """Imports and returns a backend; the import waits until here because each one brings its delegate's exporter."""
    match name:
        case BackendName.XNNPACK:
            from mmoe.backends.xnnpack.backend import XnnpackBackend

            return XnnpackBackend(options or BackendOptions())
        case BackendName.MLX:
            from mmoe.backends.mlx.backend import MlxBackend

            return MlxBackend(options or BackendOptions())
