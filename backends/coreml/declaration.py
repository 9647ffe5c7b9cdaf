"""The coreml backend, which has no options."""

from dataclasses import dataclass

from mmoe.backends.declaration import Declaration


@dataclass(frozen=True, kw_only=True)
class CoreMLOptions:
    """Core ML leaves nothing to choose: activations and states are float16."""


BACKEND = Declaration(
    name="coreml",
    help="Apple's Neural Engine and GPUs",
    options=CoreMLOptions,
    implementation="mmoe.backends.coreml.backend:CoreMLBackend",
    runs_in_libmmoe=False,
)
