"""Which tensors a checkpoint must hold, by our names, and one error for everything in which its files differ."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.stored import Origin, locate
from mmoe.checkpoints.tensor_spec import FLOAT_TYPES, TensorSpec
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.description import Attention, GatedBlock, QkNorm, ShortConv
from mmoe.quant.int4_format import GROUP_SIZE

Entry: TypeAlias = "Matrix | tuple[str, TensorSpec]"

HEAD = "lm_head"
TABLE = "model.embed_tokens"

# Angles, tables of them and a mask's constant, which older versions of transformers saved: all follow from the config.
# And a part that foresees further tokens from what the decoder gives, without which it computes the same.
_UNUSED = re.compile(
    r"(?:.*\.)?(?:rotary_emb\.(?:(?:original_)?inv_freq|(?:cos|sin)_cached)|masked_bias)|model\.mtp_\w+\..*"
)


class TensorClass(StrEnum):
    """What a tensor is for; sizes are reported by these classes."""

    EXPERTS = "experts"
    SHARED = "shared"
    DENSE = "dense"
    ATTENTION = "attention"
    CONVOLUTION = "convolution"
    EMBEDDING = "embedding"
    HEAD = "head"
    ROUTER = "router"
    NORMS = "norms"


@dataclass(frozen=True)
class Matrix:
    """A weight that is quantised.

    Attributes:
        weight: Its name before that.
        qweight: The name of its packed values.
        scale: The name of its scales.
        shape: Its logical shape, groups along the last dimension.
        group_size: Values that share a scale.
        scale_type: Of its scales.
        zero: The name of its zero points; None for a symmetric one.
    """

    weight: str
    qweight: str
    scale: str
    shape: tuple[int, ...]
    group_size: int = GROUP_SIZE
    scale_type: str = "F16"
    zero: str | None = None

    def int8(self, group: int) -> dict[str, TensorSpec]:
        """In int8: float16 scales per 32 values, or float32 ones per 16."""
        *rows, columns = self.shape
        scale = TensorSpec("F32" if group < GROUP_SIZE else "F16", (*rows, columns // group))
        return {self.qweight: TensorSpec("I8", self.shape), self.scale: scale}

    def packed(self) -> dict[str, TensorSpec]:
        """Values two to a byte along the last dimension, a scale per group of them, and a zero if it has one."""
        *rows, columns = self.shape
        groups = (*rows, columns // self.group_size)
        specs = {
            self.qweight: TensorSpec("U8", (*rows, columns // 2)),
            self.scale: TensorSpec(self.scale_type, groups),
        }
        return specs if self.zero is None else specs | {self.zero: TensorSpec("U8", groups)}


def expected_tensors(config: DecoderConfig) -> dict[str, TensorSpec]:
    """Every tensor of the checkpoint that ``config`` describes, by our name; bfloat16 weights if it is not packed."""
    tensors: dict[str, TensorSpec] = {}
    for entry in _entries(config):
        if not isinstance(entry, Matrix):
            tensors[entry[0]] = entry[1]
        else:
            tensors |= _stored(config, entry)
    return tensors


def _stored(config: DecoderConfig, matrix: Matrix) -> dict[str, TensorSpec]:
    quantization, module = config.quantization, matrix.weight.removesuffix(".weight")
    group = None if quantization is None else quantization.int8_group(module)
    if group is not None:
        return matrix.int8(group)
    if quantization is None or not quantization.is_packed(module):
        return {matrix.weight: TensorSpec("BF16", matrix.shape)}
    return matrix.packed()


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
    if ".short_conv." in name:
        return TensorClass.CONVOLUTION
    if name.endswith((".router.weight", ".expert_bias")):
        return TensorClass.ROUTER
    if ".feed_forward." in name:
        return TensorClass.DENSE
    if name.startswith(f"{HEAD}."):
        return TensorClass.HEAD
    return TensorClass.EMBEDDING if name.startswith(f"{TABLE}.") else TensorClass.NORMS


def locate_tensors(config: DecoderConfig, found: Mapping[str, TensorSpec]) -> dict[str, Origin]:
    """Where files hold each tensor of `expected_tensors`; packed ones are as here."""
    shapes = {name: spec.shape for name, spec in expected_tensors(config).items()}
    if config.quantization is None:
        return locate(config, shapes, found)
    return {name: Origin(names=((name,),), shape=shape) for name, shape in shapes.items()}


def tied_twins(config: DecoderConfig, found: Mapping[str, TensorSpec]) -> dict[str, str]:
    """Tensors of a head that is tied and stored all the same, with those that they must equal."""
    if not config.tie_word_embeddings:
        return {}
    packed = config.quantization is not None and config.quantization.is_packed(HEAD)
    parts = ("qweight", "weight_scale") if packed else ("weight",)
    return {f"{HEAD}.{part}": f"{TABLE}.{part}" for part in parts if f"{HEAD}.{part}" in found}


_MOST_COMPARISONS = 100_000


def check_inventory(config: DecoderConfig, found: Mapping[str, TensorSpec], *, where: str) -> None:
    """Compares the tensors of a checkpoint with what its config promises.

    Buffers that follow from the config and parts that only foresee further tokens are passed over, and so is a tied
    head, whose values are another matter.

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
    if config.num_hidden_layers > len(found):
        raise CheckpointError(
            f"{where}: config.json says num_hidden_layers = {config.num_hidden_layers}, but there are only "
            f"{len(found)} tensors; take config.json from the checkpoint's own repository"
        )
    expected = _expected_in_files(config, found)
    twins = tied_twins(config, found)
    missing = [name for name in expected if name not in found]
    strange = sorted(name for name in found if name not in expected and name not in twins)
    unexpected = [name for name in strange if not _UNUSED.fullmatch(name)]
    # What is likest is looked for among all, which takes too long where much is amiss.
    likely = unexpected if len(missing) * len(unexpected) <= _MOST_COMPARISONS else []
    problems = [f"missing: {name} ({expected[name]}){_hint(name, likely)}" for name in missing]
    problems += [f"unexpected: {name} ({found[name]})" for name in unexpected]
    for name, spec in expected.items():
        if name in found and found[name].dtype not in _allowed_types(spec):
            problems.append(f"wrong type: {name} is {found[name]}, expected {spec}")
        elif name in found and found[name].shape != spec.shape:
            problems.append(f"wrong shape: {name} is {found[name]}, expected {spec}")
    if problems:
        count = f"{len(problems)} tensor{'s do' if len(problems) > 1 else ' does'}"
        form = (
            config.quantization.format
            if config.quantization is not None
            else "of unpacked weights (no 'quantization' block)"
        )
        raise CheckpointError(
            f"{where}: {count} not match the format {form} as config.json describes it:\n  "
            + "\n  ".join(problems)
        )


def _expected_in_files(config: DecoderConfig, found: Mapping[str, TensorSpec]) -> dict[str, TensorSpec]:
    """What `expected_tensors` says, in the files' names and shapes."""
    types = {name: spec.dtype for name, spec in expected_tensors(config).items()}
    return {
        name: TensorSpec(types[ours], shape)
        for ours, origin in locate_tensors(config, found).items()
        for name, shape in origin.sources.items()
    }


def _allowed_types(spec: TensorSpec) -> tuple[str, ...]:
    """Packed values and scales are what they are; anything else may be any float, which widens without loss."""
    return (spec.dtype,) if spec.dtype in ("U8", "F16") else FLOAT_TYPES


def _entries(config: DecoderConfig) -> Iterator[Entry]:
    width = config.hidden_size  # H
    yield _linear(TABLE, config.vocab_size, width)
    if not config.tie_word_embeddings:
        yield _linear(HEAD, config.vocab_size, width)
    yield "model.norm.weight", TensorSpec("BF16", (width,))
    for layer in range(config.num_hidden_layers):
        yield from _layer_tensors(config, layer)


def _layer_tensors(config: DecoderConfig, layer: int) -> Iterator[Entry]:
    width = config.hidden_size  # H
    prefix = f"model.layers.{layer}."
    for norm in ("input_layernorm", "post_attention_layernorm"):
        yield f"{prefix}{norm}.weight", TensorSpec("BF16", (width,))
    mixer = config.layer(layer).mixer
    if isinstance(mixer, Attention):
        yield from _attention(f"{prefix}self_attn.", config, mixer)
    else:
        yield from _short_conv(f"{prefix}short_conv.", mixer, width)
    name, block = f"{prefix}feed_forward.", config.layer(layer).feed_forward
    if isinstance(block, GatedBlock):
        yield from _gated(name, block, width)
        return
    router_type = "BF16" if config.quantization is None else "F32"
    yield f"{name}router.weight", TensorSpec(router_type, (block.num_experts, width))
    if block.routing.selection_bias:
        yield f"{name}expert_bias", TensorSpec("BF16", (block.num_experts,))
    yield _experts(config, f"{name}experts.gate_up", block.num_experts, width, 2 * block.width)
    yield _experts(config, f"{name}experts.down", block.num_experts, block.width, width)
    if block.shared is not None:
        yield from _gated(f"{name}shared_expert.", block.shared, width)


def _attention(prefix: str, config: DecoderConfig, mixer: Attention) -> Iterator[Entry]:
    width = config.hidden_size  # H
    query_width = config.num_attention_heads * config.head_dim
    kv_width = config.num_key_value_heads * config.head_dim
    shapes = {
        "q_proj": (query_width, width),
        "k_proj": (kv_width, width),
        "v_proj": (kv_width, width),
        "o_proj": (width, query_width),
    }
    for name, shape in shapes.items():
        yield _linear(f"{prefix}{name}", *shape)
        if mixer.bias:
            yield f"{prefix}{name}.bias", TensorSpec("BF16", shape[:1])
    if mixer.qk_norm.is_weighted:
        whole = mixer.qk_norm is QkNorm.WHOLE
        for name, projected in (("q_norm", query_width), ("k_norm", kv_width)):
            yield f"{prefix}{name}.weight", TensorSpec("BF16", (projected if whole else config.head_dim,))


def _short_conv(prefix: str, mixer: ShortConv, width: int) -> Iterator[Entry]:
    for name, outputs in (("in_proj", 3 * width), ("out_proj", width)):
        yield _linear(f"{prefix}{name}", outputs, width)
        if mixer.bias:
            yield f"{prefix}{name}.bias", TensorSpec("BF16", (outputs,))
    yield f"{prefix}conv.weight", TensorSpec("BF16", (width, 1, mixer.taps))
    if mixer.bias:
        yield f"{prefix}conv.bias", TensorSpec("BF16", (width,))


def _gated(prefix: str, block: GatedBlock, width: int) -> Iterator[Entry]:
    yield _linear(f"{prefix}gate_proj", block.width, width)
    yield _linear(f"{prefix}up_proj", block.width, width)
    yield _linear(f"{prefix}down_proj", width, block.width)


def _linear(name: str, *shape: int) -> Matrix:
    """``[out, in]``, grouped along the input."""
    return Matrix(f"{name}.weight", f"{name}.qweight", f"{name}.weight_scale", shape)


def _experts(config: DecoderConfig, name: str, experts: int, inputs: int, outputs: int) -> Matrix:
    """``[E, in, out]``, grouped along the output; or ``[E, out, in]``, grouped along the input."""
    parts = f"{name}_proj", f"{name}_qweight", f"{name}_scale"
    quantization = config.quantization
    if quantization is None or not quantization.experts_by_input:
        return Matrix(*parts, (experts, inputs, outputs))
    return Matrix(
        *parts,
        (experts, outputs, inputs),
        group_size=quantization.group_size,
        scale_type="F16" if quantization.scale_dtype == "float16" else "F32",
        zero=None if quantization.symmetric else f"{name}_zero",
    )


def _hint(missing: str, unexpected: Iterable[str]) -> str:
    close = difflib.get_close_matches(missing, unexpected, n=1, cutoff=0.85)
    return f"; did you mean {close[0]}?" if close else ""
