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
    in_apps="Apps run `model.pte` with ExecuTorch's Core ML backend; nothing of this project is needed. "
    "ExecuTorch's own runners call its method `forward`, token by token; `prefill` takes a whole chunk.",
)
