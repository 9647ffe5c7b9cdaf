"""Exact export of Mixture-of-Experts language models to ExecuTorch, and the runtime for what it writes.

    import mmoe

    artifact = mmoe.convert("./MobileMoE-S-QAT", "mobilemoe-s")
    report = mmoe.verify(artifact, checkpoint="./MobileMoE-S-QAT")
    model = mmoe.load("mobilemoe-s")
    for piece in model.generate("Once upon a time", max_new_tokens=100):
        print(piece, end="", flush=True)

`convert` and `verify` need PyTorch and import it when they are called; `load` runs on libmmoe alone.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmoe.export.artifact.artifact import Artifact as Artifact
    from mmoe.export.artifact.load import load as load
    from mmoe.export.convert.convert import ConvertOptions as ConvertOptions
    from mmoe.export.convert.convert import convert as convert
    from mmoe.export.convert.convert import dry_run as dry_run
    from mmoe.export.verify.ladder import verify as verify
    from mmoe.runtime_bindings.python.chat import Chat as Chat
    from mmoe.runtime_bindings.python.chat import WhenFull as WhenFull
    from mmoe.runtime_bindings.python.errors import MmoeError as MmoeError
    from mmoe.runtime_bindings.python.model import Model as Model
    from mmoe.runtime_bindings.python.sampling import SamplingConfig as SamplingConfig
    from mmoe.runtime_bindings.python.session import Session as Session

_PUBLIC = {
    "Artifact": "mmoe.export.artifact.artifact",
    "Chat": "mmoe.runtime_bindings.python.chat",
    "ConvertOptions": "mmoe.export.convert.convert",
    "MmoeError": "mmoe.runtime_bindings.python.errors",
    "Model": "mmoe.runtime_bindings.python.model",
    "SamplingConfig": "mmoe.runtime_bindings.python.sampling",
    "Session": "mmoe.runtime_bindings.python.session",
    "WhenFull": "mmoe.runtime_bindings.python.chat",
    "convert": "mmoe.export.convert.convert",
    "dry_run": "mmoe.export.convert.convert",
    "load": "mmoe.export.artifact.load",
    "verify": "mmoe.export.verify.ladder",
}

__all__ = [
    "Artifact",
    "Chat",
    "ConvertOptions",
    "MmoeError",
    "Model",
    "SamplingConfig",
    "Session",
    "WhenFull",
    "__version__",
    "convert",
    "dry_run",
    "load",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used, so that `import mmoe` costs nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("mmoe-export")
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'mmoe' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
