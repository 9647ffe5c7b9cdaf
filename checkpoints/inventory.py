"""Which tensors a checkpoint must hold, packed or in bfloat16, and one error for everything that differs."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from mmoe.checkpoints.errors import CheckpointError
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.description import GatedBlock
from mmoe.quant.int4_format import GROUP_SIZE

Entry: TypeAlias = "Matrix | tuple[str, TensorSpec]"

_ITEM_BYTES = {"U8": 1, "F16": 2, "BF16": 2, "F32": 4}


class TensorClass(StrEnum):
    """What a tensor is for; sizes are reported by these classes."""

    EXPERTS = "experts"
    SHARED = "shared"
    DENSE = "dense"
    ATTENTION = "attention"
    EMBEDDING = "embedding"
    ROUTER = "router"
    NORMS = "norms"


@dataclass(frozen=True)
class TensorSpec:
    """Type, by its safetensors name (U8, F16, BF16, F32), and shape of one tensor."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def num_bytes(self) -> int:
        """Size of the tensor's data in bytes."""
        return math.prod(self.shape) * _ITEM_BYTES[self.dtype]

    def __str__(self) -> str:
        return f"{self.dtype} [{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class Matrix:
    """A weight that is quantised: its name in bfloat16, the names of its packed parts, and its logical shape."""

    weight: str
    qweight: str
    scale: str
    shape: tuple[int, ...]

    def packed(self) -> dict[str, TensorSpec]:
        """Values two to a byte along the last dimension, and one F16 scale per 32 of them."""
        *rows, columns = self.shape
        return {
            self.qweight: TensorSpec("U8", (*rows, columns // 2)),
            self.scale: TensorSpec("F16", (*rows, columns // GROUP_SIZE)),
        }


def expected_tensors(config: DecoderConfig) -> dict[str, TensorSpec]:
    """Every tensor of the checkpoint that ``config`` describes, by name; bfloat16 weights if it is not packed."""
    tensors: dict[str, TensorSpec] = {}
    for entry in _entries(config):
        if not isinstance(entry, Matrix):
            tensors[entry[0]] = entry[1]
        elif config.quantization is None:
            tensors[entry.weight] = TensorSpec("BF16", entry.shape)
        else:
            tensors |= entry.packed()
    return tensors


def matrices(config: DecoderConfig) -> list[Matrix]:
    """The weights that are quantised, whether this checkpoint is or not."""
    return [entry for entry in _entries(config) if isinstance(entry, Matrix)]


def tensor_class(name: str) -> TensorClass:
    """The class of a tensor of `expected_tensors`, told from its name."""
    if ".experts." in name:
        return TensorClass.EXPERTS
    if ".shared_expert." in name:
        return TensorClass.SHARED
    if ".self_attn." in name:
        return TensorClass.ATTENTION
    if name.endswith((".router.weight", ".expert_bias")):
        return TensorClass.ROUTER
    if ".feed_forward." in name:
        return TensorClass.DENSE
    return TensorClass.EMBEDDING if ".embed_tokens." in name else TensorClass.NORMS


def check_inventory(config: DecoderConfig, found: Mapping[str, TensorSpec], *, where: str) -> None:
    """Compares the tensors of a checkpoint with what its config promises.

    Args:
        config: the checkpoint's config.
        found: type and shape of each tensor in the checkpoint, by name.
        where: what the message calls the checkpoint.

    Raises:
        CheckpointError: naming every missing, unexpected, wrongly typed and wrongly shaped tensor.
    """
    packed = sum(spec.dtype == "U8" for spec in found.values())
    if config.quantization is None and packed:
        raise CheckpointError(
            f"{where}: config.json has no 'quantization' block, but {packed} of {len(found)} tensors are packed; "
            "take config.json from the checkpoint's own repository"
        )
    expected = expected_tensors(config)
    missing = [name for name in expected if name not in found]
    unexpected = sorted(name for name in found if name not in expected)
    problems = [f"missing: {name} ({expected[name]}){_hint(name, unexpected)}" for name in missing]
    problems += [f"unexpected: {name} ({found[name]})" for name in unexpected]
    for name, spec in expected.items():
        if name in found and found[name].dtype not in _allowed_types(name, spec):
            problems.append(f"wrong type: {name} is {found[name]}, expected {spec}")
        elif name in found and found[name].shape != spec.shape:
            problems.append(f"wrong shape: {name} is {found[name]}, expected {spec}")
    if problems:
        count = f"{len(problems)} tensor{'s do' if len(problems) > 1 else ' does'}"
        form = (
            config.PACKED.format if config.quantization is not None else "bfloat16 (no 'quantization' block)"
        )
        raise CheckpointError(
            f"{where}: {count} not match the format {form} as config.json describes it:\n  "
            + "\n  ".join(problems)
        )


def _allowed_types(name: str, spec: TensorSpec) -> tuple[str, ...]:
    """A router may stay in float32 where the rest is bfloat16, as it does in packed checkpoints."""
    return (spec.dtype, "F32") if name.endswith(".router.weight") else (spec.dtype,)


def _entries(config: DecoderConfig) -> Iterator[Entry]:
    width = config.hidden_size  # H
    yield _linear("model.embed_tokens", config.vocab_size, width)
    yield "model.norm.weight", TensorSpec("BF16", (width,))
    for layer in range(config.num_hidden_layers):
        yield from _layer_tensors(config, layer)


def _layer_tensors(config: DecoderConfig, layer: int) -> Iterator[Entry]:
    width = config.hidden_size  # H
    prefix = f"model.layers.{layer}."
    for norm in ("input_layernorm", "post_attention_layernorm"):
        yield f"{prefix}{norm}.weight", TensorSpec("BF16", (width,))
    query_width = config.num_attention_heads * config.head_dim
    kv_width = config.num_key_value_heads * config.head_dim
    yield _linear(f"{prefix}self_attn.q_proj", query_width, width)
    yield _linear(f"{prefix}self_attn.k_proj", kv_width, width)
    yield _linear(f"{prefix}self_attn.v_proj", kv_width, width)
    yield _linear(f"{prefix}self_attn.o_proj", width, query_width)
    name, block = f"{prefix}feed_forward.", config.layer(layer).feed_forward
    if isinstance(block, GatedBlock):
        yield from _gated(name, block, width)
        return
    router_type = "BF16" if config.quantization is None else "F32"
    yield f"{name}router.weight", TensorSpec(router_type, (block.num_experts, width))
    yield f"{name}expert_bias", TensorSpec("BF16", (block.num_experts,))
    yield _experts(f"{name}experts.gate_up", block.num_experts, width, 2 * block.width)
    yield _experts(f"{name}experts.down", block.num_experts, block.width, width)
    yield from _gated(f"{name}shared_expert.", block.shared, width)


def _gated(prefix: str, block: GatedBlock, width: int) -> Iterator[Entry]:
    yield _linear(f"{prefix}gate_proj", block.width, width)
    yield _linear(f"{prefix}up_proj", block.width, width)
    yield _linear(f"{prefix}down_proj", width, block.width)


def _linear(name: str, *shape: int) -> Matrix:
    """``[out, in]``, grouped along the input."""
    return Matrix(f"{name}.weight", f"{name}.qweight", f"{name}.weight_scale", shape)


def _experts(name: str, *shape: int) -> Matrix:
    """``[E, in, out]``, grouped along the output."""
    return Matrix(f"{name}_proj", f"{name}_qweight", f"{name}_scale", shape)


def _hint(missing: str, unexpected: Iterable[str]) -> str:
    close = difflib.get_close_matches(missing, unexpected, n=1, cutoff=0.85)
    return f"; did you mean {close[0]}?" if close else ""
