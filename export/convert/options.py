"""How to convert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmoe.backends.registry import DEFAULT_BACKEND
from mmoe.export.convert.quantize_option import Quantize


@dataclass(frozen=True, kw_only=True)
class ConvertOptions:
    """How to convert.

    Attributes:
        backend: Name of the backend.
        backend_options: The backend's own options by name; those that are not named have their defaults.
        max_seq_len: Most tokens of one call (the prefill chunk); None for the default.
        max_context_len: Tokens that the KV cache holds; None for all that the model supports.
        quantize: How to quantise a checkpoint in bfloat16; None for one that is packed.
        allow_requantize: Whether what a GGUF file holds in a type that is not carried over is rounded to int8.
        template: Name of the chat template, where the checkpoint has several; None for the default one.
        overwrite: Whether an artifact at the target is replaced.
    """

    backend: str = DEFAULT_BACKEND
    backend_options: Mapping[str, str] = field(default_factory=dict)
    max_seq_len: int | None = None
    max_context_len: int | None = None
    quantize: Quantize | None = None
    allow_requantize: bool = False
    template: str | None = None
    overwrite: bool = False
