"""What `config.json` says of any decoder that is supported; each architecture adds to it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar, Self

from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.models.architectures.description import ExpertBlock, LayerDescription, Multipliers
from mmoe.models.architectures.input_grouped import InputGroupedConfig
from mmoe.models.architectures.quantization_config import QuantizationConfig
from mmoe.models.architectures.rope_scaling import RopeScaling, rope_block
from mmoe.models.architectures.tensor_names import TensorNames
from mmoe.quant.int4_format import GROUP_SIZE

CONFIG_FILE = "config.json"

_TIED = "tie_word_embeddings"

COMMON_KEYS: tuple[str | tuple[str, ...], ...] = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "max_position_embeddings",
)


# Ten times as deep as any model; what is checked layer by layer must come to an end.
_MOST_LAYERS = 2000


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """A decoder of pre-norm layers with grouped-query attention.

    Fields are named as the keys of `config.json`. ``quantization`` is None for a checkpoint that is not packed.

    Attributes:
        ARCHITECTURE: What `architectures` in `config.json` says.
        PACKED: The quantisation block of a packed checkpoint.
        KEYS: Keys that must be there; of a tuple, one.
        TENSOR_NAMES: How the family's files hold what is called or shaped otherwise here.
    """

    ARCHITECTURE: ClassVar[str]
    PACKED: ClassVar[QuantizationConfig]
    KEYS: ClassVar[tuple[str | tuple[str, ...], ...]]
    TENSOR_NAMES: ClassVar[TensorNames]

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int
    rms_norm_eps: float
    rope_theta: float
    rope_scaling: RopeScaling | None
    tie_word_embeddings: bool
    eos_token_ids: tuple[int, ...]
    bos_token_id: int | None
    quantization: QuantizationConfig | None

    @abstractmethod
    def layer(self, index: int) -> LayerDescription:
        """The model description: of what layer ``index`` (from 0) consists."""

    @classmethod
    @abstractmethod
    def read(cls, reader: ConfigReader) -> Self:
        """Reads and validates a `config.json` of this architecture.

        Raises:
            ConfigError: on the first key that is missing, of the wrong kind, or unsupported.
        """

    @property
    def multipliers(self) -> Multipliers:
        """What scales the embedding, the residual stream and the logits."""
        return Multipliers()

    def as_packed(self) -> Self:
        """The same model, packed: as it is, or as it will be."""
        return self if self.quantization is not None else replace(self, quantization=self.PACKED)

    @property
    def layers(self) -> tuple[LayerDescription, ...]:
        """The descriptions of all layers."""
        return tuple(map(self.layer, range(self.num_hidden_layers)))

    @property
    def expert_blocks(self) -> dict[int, ExpertBlock]:
        """The layers that have routed experts, by index."""
        blocks = {index: layer.feed_forward for index, layer in enumerate(self.layers)}
        return {index: block for index, block in blocks.items() if isinstance(block, ExpertBlock)}

    @property
    def active_experts(self) -> Fraction:
        """The share of the routed experts that one token meets."""
        blocks = self.expert_blocks.values()
        total = sum(block.num_experts for block in blocks)
        return Fraction(sum(block.top_k for block in blocks), total) if total else Fraction(1)


def read_common(
    kind: type[DecoderConfig],
    reader: ConfigReader,
    *,
    norm_eps: str = "rms_norm_eps",
    tied: bool = True,
) -> dict[str, Any]:
    """Validates what all architectures share.

    Args:
        kind: The architecture.
        reader: The file.
        norm_eps: What the family calls the number that is added to mean squares.
        tied: Whether a config that does not say so has a tied head.

    Returns:
        The fields of `DecoderConfig` by name.

    Raises:
        ConfigError: on the first key that is of the wrong kind or unsupported.
    """
    if not reader.is_null("hidden_act"):
        reader.fixed("hidden_act", "silu")
    layers = reader.integer("num_hidden_layers", maximum=_MOST_LAYERS)
    vocab_size = reader.integer("vocab_size")
    hidden_size = reader.integer("hidden_size", multiple_of=GROUP_SIZE)
    heads = reader.integer("num_attention_heads")
    # `null` is how transformers writes "as many as there are query heads" and "what is left for each head".
    kv_heads = heads if reader.is_null("num_key_value_heads") else reader.integer("num_key_value_heads")
    head_dim = hidden_size // heads if reader.is_null("head_dim") else reader.integer("head_dim")
    if head_dim % 2:
        reader.refuse("head_dim", "a multiple of 2, because RoPE rotates pairs")
    if heads % kv_heads:
        reader.refuse("num_key_value_heads", f"a divisor of num_attention_heads = {heads}")
    if (heads * head_dim) % GROUP_SIZE:
        reader.refuse("head_dim", f"num_attention_heads * head_dim being a multiple of {GROUP_SIZE}")
    quantization = None
    if not reader.is_null("quantization"):
        block = reader.child("quantization")
        by_input = InputGroupedConfig.named_in(block)
        quantization = InputGroupedConfig.read_block(block) if by_input else kind.PACKED.read(block)
    elif not reader.is_null("quantization_config"):
        reader.refuse("quantization_config", f"a block named 'quantization' that says {kind.PACKED.format}")
    eos_token_ids = tuple[int, ...]()
    if not reader.is_null("eos_token_id"):
        eos_token_ids = reader.token_ids("eos_token_id", vocab_size=vocab_size)
    bos_token_id = None
    if not reader.is_null("bos_token_id"):
        bos_token_id = reader.integer("bos_token_id", minimum=0)
        if bos_token_id >= vocab_size:
            reader.refuse("bos_token_id", f"a token id below vocab_size = {vocab_size}")
    _check_dtype(reader)
    return {
        "vocab_size": vocab_size,
        "hidden_size": hidden_size,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "max_position_embeddings": reader.integer("max_position_embeddings"),
        "rms_norm_eps": reader.number(norm_eps),
        "rope_theta": reader.number("rope_theta"),
        "rope_scaling": RopeScaling.read(rope_block(reader)),
        "tie_word_embeddings": tied if reader.is_null(_TIED) else reader.boolean(_TIED),
        "eos_token_ids": eos_token_ids,
        "bos_token_id": bos_token_id,
        "quantization": quantization,
    }


def _check_dtype(reader: ConfigReader) -> None:
    """The tensors say what they are, so the dtype is not used; but a config that contradicts itself is two configs."""
    if reader.is_null("dtype") or reader.is_null("torch_dtype"):
        return
    names = [reader.text(key).removeprefix("torch.") for key in ("dtype", "torch_dtype")]
    if names[0] != names[1]:
        reader.refuse(
            "dtype", f"what its older spelling 'torch_dtype' says, {names[1]!r}; remove one of the two"
        )
