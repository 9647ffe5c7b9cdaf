"""The mlx backend and its options."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from mmoe.backends.declaration import Declaration


class Activations(StrEnum):
    """In what dtype the program computes."""

    FLOAT16 = "float16"
    FLOAT32 = "float32"


@dataclass(frozen=True, kw_only=True)
class MlxOptions:
    """Choices within the mlx backend.

    Attributes:
        activations: The dtype of activations and of the KV cache.
    """

    activations: Annotated[Activations, "Activation dtype, also of the KV cache."] = Activations.FLOAT16


BACKEND = Declaration(
    name="mlx",
    help="Apple GPUs (Metal)",
    options=MlxOptions,
    implementation="mmoe.backends.mlx.backend:MlxBackend",
    runs_in_libmmoe=False,
    in_apps="Apps run `model.pte` with ExecuTorch's `TextRunner` and its MLX backend (product `backend_mlx`); nothing "
    "of this project is needed. `verify` replays the program on any machine.",
)
