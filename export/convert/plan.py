"""What a conversion will produce and need, known before any work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmoe.backends.registry import DEFAULT_BACKEND
from mmoe.checkpoints.checkpoint import Checkpoint
from mmoe.checkpoints.inventory import TensorClass, expected_tensors, tensor_class
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.description import Attention
from mmoe.models.cache_rows import Lengths
from mmoe.runtime_bindings.python.errors import OptionError

if TYPE_CHECKING:
    from mmoe.backends.base import Backend

# One prefill call of 512 tokens already amortises every weight; longer calls only grow the planned activations.
DEFAULT_MAX_SEQ_LEN = 512
# PyTorch, ExecuTorch and the traced program, and the largest matrix while it is repacked: measured peaks of anonymous
# memory were 0.79 GB for S, 1.02 for M and 1.01 for L (docs/benchmarks.md); this gives 0.92, 1.00 and 1.07.
# With MLX, which holds all weights, 1.55, 2.58 and 4.12 GB were measured; this gives 1.63, 2.59 and 4.07.
_BASE_MEMORY = 700_000_000
_TABLES = 4


@dataclass(frozen=True, kw_only=True)
class ConversionPlan:
    """Sizes of a conversion.

    Attributes:
        max_seq_len: Most tokens of one call.
        max_context_len: Tokens that the KV cache holds.
        checkpoint_bytes: Tensors of the checkpoint by class.
        artifact_bytes: Estimated size of `model.pte`.
        kv_cache_bytes: Caches of all layers when the context is full; windowed layers have a ring.
        peak_memory_bytes: Estimated anonymous memory of the conversion at its peak; mapped weights do not count.
    """

    max_seq_len: int
    max_context_len: int
    checkpoint_bytes: dict[TensorClass, int]
    artifact_bytes: int
    kv_cache_bytes: int
    peak_memory_bytes: int


def plan_conversion(
    checkpoint: Checkpoint,
    config: DecoderConfig | None = None,
    *,
    backend: Backend,
    max_seq_len: int | None = None,
    max_context_len: int | None = None,
) -> ConversionPlan:
    """Settles the lengths and estimates the sizes.

    Args:
        checkpoint: An opened checkpoint.
        config: Of what it becomes; None for its own, packed as its family is.
        backend: What the program will be lowered for.
        max_seq_len: Most tokens of one call; None for 512, or the context if that is shorter.
        max_context_len: Tokens that the KV cache holds; None for the model's `max_position_embeddings`.

    Raises:
        OptionError: The backend lacks what the model needs, or a length is out of range.
    """
    config = config or checkpoint.config.as_packed()
    _require_words(backend, config)
    longest = config.max_position_embeddings
    context = longest if max_context_len is None else max_context_len
    if not 1 <= context <= longest:
        raise OptionError(
            f"max_context_len is {context}; this model supports 1..{longest} (max_position_embeddings)"
        )
    sequence = min(DEFAULT_MAX_SEQ_LEN, context) if max_seq_len is None else max_seq_len
    if not 2 <= sequence <= context:
        raise OptionError(f"max_seq_len is {sequence}; it must be in 2..{context} (max_context_len)")
    packed = expected_tensors(config)
    table = sum(
        spec.num_bytes for name, spec in packed.items() if tensor_class(name) is TensorClass.EMBEDDING
    )
    copies = backend.table_copies if config.tie_word_embeddings else 1
    artifact_bytes = sum(spec.num_bytes for spec in packed.values()) + (copies - 1) * table
    lengths = Lengths(max_context_len=context, max_seq_len=sequence)
    attending = [layer for layer in config.layers if isinstance(layer.mixer, Attention)]
    rows = config.num_key_value_heads * sum(lengths.cache_rows(layer.window) for layer in attending)
    return ConversionPlan(
        max_seq_len=sequence,
        max_context_len=context,
        checkpoint_bytes=checkpoint.bytes_by_class(),
        artifact_bytes=artifact_bytes,
        kv_cache_bytes=rows * backend.cache_row_bytes(config.head_dim),
        peak_memory_bytes=(_BASE_MEMORY + _TABLES * table + backend.weight_copies_in_memory * artifact_bytes),
    )


def _require_words(backend: Backend, config: DecoderConfig) -> None:
    missing = backend.unsupported(config)
    if missing:
        cure = "" if backend.name == DEFAULT_BACKEND else f"; use {DEFAULT_BACKEND}"
        raise OptionError(
            f"the {backend.name} backend has no {' and no '.join(missing)}, which this model's layers need{cure}"
        )
