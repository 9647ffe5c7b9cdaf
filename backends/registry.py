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
    COREML = "coreml"


class Linears(StrEnum):
    """What multiplies by the dense int4 matrices: what `--linears` accepts."""

    XNNPACK = "xnnpack"
    MMOE = "mmoe"


class Activations(StrEnum):
    """In what the MLX backend computes: what `--activations` accepts."""

    FLOAT16 = "float16"
    FLOAT32 = "float32"


class KvCache(StrEnum):
    """How keys and values are kept: what `--kv-cache` accepts."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"

    def bytes_per_row(self, head_dim: int) -> int:
        """Bytes of the key and the value of one token in one kv head; int8 rows have a float32 step each."""
        match self:
            case KvCache.FLOAT32:
                return 2 * 4 * head_dim
            case KvCache.FLOAT16:
                return 2 * 2 * head_dim
            case KvCache.INT8:
                return 2 * (head_dim + 4)


XNNPACK_KV_CACHE = KvCache.INT8
"""What the xnnpack backend keeps unless told otherwise."""

XNNPACK_LINEARS = Linears.MMOE
"""What the xnnpack backend multiplies with unless told otherwise: exact scales, no copy of the weights at load."""


@dataclass(frozen=True, kw_only=True)
class BackendOptions:
    """Choices within a backend, recorded in the manifest.

    Attributes:
        linears: The kernels of dense linears and the head, the xnnpack backend's choice; None for `XNNPACK_LINEARS`.
        activations: The dtype of activations and, in mlx, of the KV cache; None for the backend's own, which is
            float32 for xnnpack and float16 for mlx.
        kv_cache: What the KV cache holds, the xnnpack backend's choice; None for `XNNPACK_KV_CACHE`.
    """

    linears: Linears | None = None
    activations: Activations | None = None
    kv_cache: KvCache | None = None

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
        case BackendName.COREML:
            from mmoe.backends.coreml.backend import CoreMLBackend

            return CoreMLBackend(options or BackendOptions())
