"""Which tensors a packed checkpoint must hold, and one error for everything that differs."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mmoe.export.architectures.description import GatedBlock
from mmoe.export.config import DecoderConfig
from mmoe.export.errors import CheckpointError
from mmoe.quant.int4 import GROUP_SIZE

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


def expected_tensors(config: DecoderConfig) -> dict[str, TensorSpec]:
    """Every tensor of the packed checkpoint that ``config`` describes, by name.

    Values are packed two to a byte along the last dimension, with one F16 scale per 32 of them.
    """
    width = config.hidden_size  # H
    tensors = dict(_linear("model.embed_tokens", config.vocab_size, width))
    tensors["model.norm.weight"] = TensorSpec("BF16", (width,))
    for layer in range(config.num_hidden_layers):
        tensors |= _layer_tensors(config, layer)
    return tensors


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
        CheckpointError: naming every missing, unexpected, wrongly typed and wrongly shaped tensor, or
            saying that the checkpoint is not a packed one.
    """
    if config.quantization is None:
        raise CheckpointError(_not_packed(found, where))
    expected = expected_tensors(config)
    missing = [name for name in expected if name not in found]
    unexpected = sorted(name for name in found if name not in expected)
    problems = [f"missing: {name} ({expected[name]}){_hint(name, unexpected)}" for name in missing]
    problems += [f"unexpected: {name} ({found[name]})" for name in unexpected]
    for name, spec in expected.items():
        if name in found and found[name].dtype != spec.dtype:
            problems.append(f"wrong type: {name} is {found[name]}, expected {spec}")
        elif name in found and found[name].shape != spec.shape:
            problems.append(f"wrong shape: {name} is {found[name]}, expected {spec}")
    if problems:
        count = f"{len(problems)} tensor{'s do' if len(problems) > 1 else ' does'}"
        raise CheckpointError(
            f"{where}: {count} not match the format {config.PACKED.format} as config.json describes it:\n  "
            + "\n  ".join(problems)
        )


def _layer_tensors(config: DecoderConfig, layer: int) -> Iterator[tuple[str, TensorSpec]]:
    width = config.hidden_size  # H
    prefix = f"model.layers.{layer}."
    for norm in ("input_layernorm", "post_attention_layernorm"):
        yield f"{prefix}{norm}.weight", TensorSpec("BF16", (width,))
    query_width = config.num_attention_heads * config.head_dim
    kv_width = config.num_key_value_heads * config.head_dim
    yield from _linear(f"{prefix}self_attn.q_proj", query_width, width)
    yield from _linear(f"{prefix}self_attn.k_proj", kv_width, width)
    yield from _linear(f"{prefix}self_attn.v_proj", kv_width, width)
    yield from _linear(f"{prefix}self_attn.o_proj", width, query_width)
    name, block = f"{prefix}feed_forward.", config.layer(layer).feed_forward
    if isinstance(block, GatedBlock):
        yield from _gated(name, block, width)
        return
    yield f"{name}router.weight", TensorSpec("F32", (block.num_experts, width))
    yield f"{name}expert_bias", TensorSpec("BF16", (block.num_experts,))
    gate_up, down = f"{name}experts.gate_up", f"{name}experts.down"
    yield from _packed(f"{gate_up}_qweight", f"{gate_up}_scale", block.num_experts, width, 2 * block.width)
    yield from _packed(f"{down}_qweight", f"{down}_scale", block.num_experts, block.width, width)
    yield from _gated(f"{name}shared_expert.", block.shared, width)


def _gated(prefix: str, block: GatedBlock, width: int) -> Iterator[tuple[str, TensorSpec]]:
    yield from _linear(f"{prefix}gate_proj", block.width, width)
    yield from _linear(f"{prefix}up_proj", block.width, width)
    yield from _linear(f"{prefix}down_proj", width, block.width)


def _linear(name: str, out_features: int, in_features: int) -> Iterator[tuple[str, TensorSpec]]:
    return _packed(f"{name}.qweight", f"{name}.weight_scale", out_features, in_features)


def _packed(values_name: str, scale_name: str, *shape: int) -> Iterator[tuple[str, TensorSpec]]:
    """Packed values and their scales for a logical weight of ``shape``, grouped along its last dimension."""
    yield values_name, TensorSpec("U8", (*shape[:-1], shape[-1] // 2))
    yield scale_name, TensorSpec("F16", (*shape[:-1], shape[-1] // GROUP_SIZE))


def _hint(missing: str, unexpected: Iterable[str]) -> str:
    close = difflib.get_close_matches(missing, unexpected, n=1, cutoff=0.85)
    return f"; did you mean {close[0]}?" if close else ""


def _not_packed(found: Mapping[str, TensorSpec], where: str) -> str:
    floats = sum(spec.dtype in ("BF16", "F16", "F32") for spec in found.values())
    return (
        f"{where}: config.json has no 'quantization' block ({floats} of {len(found)} tensors are floating "
        "point), so this is not a packed checkpoint. Packed QAT ones (mobilemoe-int4-g32) are supported: "
        "facebook/MobileMoE-S-QAT, facebook/MobileMoE-M-QAT, facebook/MobileMoE-L-QAT"
    )
