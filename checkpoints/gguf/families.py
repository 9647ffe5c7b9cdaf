"""The architectures of GGUF files that are read here: their `config.json`, and what they call our tensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.gguf.gguf_file import GgufFile

_ARCHITECTURE = "general.architecture"
# Of `expert_gating_func`.
_SOFTMAX, _SIGMOID = 1, 2


# What changes the forward pass and is computed nowhere here, and what a key may say all the same.
_UNSUPPORTED = {
    "attention.clamp_kqv": 0,
    "attention.sliding_window": 0,
    "attention.kv_lora_rank": 0,
    "attention.q_lora_rank": 0,
    "rope.scaling.type": "none",
    # Without a type, llama.cpp divides positions by either.
    "rope.scaling.factor": 1,
    "rope.scale_linear": 1,
    "rope.scaling.attn_factor": 1,
    "expert_group_count": 1,
    "expert_group_used_count": 1,
    "swiglu_clamp_exp": 0,
    "swiglu_clamp_shexp": 0,
    "attn_logit_softcapping": 0,
    "router_logit_softcapping": 0,
    "final_logit_softcapping": 0,
    "ssm.state_size": 0,
    "ssm.conv_kernel": 0,
}


_NOT_COMPUTED = "which is not computed here; take the model's safetensors"
# As of any decoder; beyond it no file has the tensors.
_MOST_LAYERS = 2000


class Metadata:
    """The metadata of one architecture."""

    def __init__(self, file: GgufFile, architecture: str) -> None:
        self._file, self._architecture = file, architecture

    def get(self, key: str) -> object:
        """A value of the architecture; None if there is none."""
        return self._file.value(f"{self._architecture}.{key}")

    def require(self, key: str) -> object:
        """The same.

        Raises:
            CheckpointError: there is none.
        """
        value = self.get(key)
        if value is None:
            raise CheckpointError(
                f"{self._file.path}: has no metadata {self._architecture}.{key}; convert the model to GGUF anew"
            )
        return value

    def count(self, key: str) -> int:
        """The same, of what there may be some thousands of at most.

        Raises:
            CheckpointError: it is no such number, or there is none.
        """
        value = self.require(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_LAYERS:
            raise self._refused(key, value, f"where an integer of at most {_MOST_LAYERS} is read")
        return value

    def list(self, key: str) -> list[object]:
        """The same, of what is told layer by layer.

        Raises:
            CheckpointError: it is no list, or there is none.
        """
        value = self.require(key)
        if not isinstance(value, list) or not value:
            raise self._refused(key, value, "where a list with an entry for each layer is read")
        return value

    def has(self, tensor: str) -> bool:
        """Whether the file has a tensor of this name."""
        return tensor in self._file.tensors

    def refuse(self, key: str, *, unless: object = 0) -> None:
        """Refuses a key that changes what is computed; of a list, by its values.

        Raises:
            CheckpointError: its value is neither zero, "none" nor ``unless``.
        """
        value = self.get(key)
        values = value if isinstance(value, list) else [value]
        if any(each not in (None, 0, 0.0, "none", unless) for each in values):
            raise self._refused(key, value, _NOT_COMPUTED)

    def refuse_false(self, key: str) -> None:
        """Refuses a key that switches off what is always computed here.

        Raises:
            CheckpointError: its value is false.
        """
        if (value := self.get(key)) in (False, 0):
            raise self._refused(key, value, _NOT_COMPUTED)

    def _refused(self, key: str, value: object, reason: str) -> CheckpointError:
        return CheckpointError(f"{self._file.path}: {self._architecture}.{key} is {value!r}, {reason}")


@dataclass(frozen=True)
class GgufFamily:
    """One architecture.

    Attributes:
        config: Makes the keys of `config.json` that the architectures do not share.
        turned: Whether the rows of queries and keys come with RoPE's pairs as halves; if not, the converter to GGUF has
            put them next to each other.
        gating: How its router scores experts, as `expert_gating_func` numbers it.
        final_norm: What it calls the norm before the head.
        weights_scale: Whether its `config.json` has a word for `expert_weights_scale`.
    """

    config: Callable[[Metadata], dict[str, object]]
    turned: bool
    gating: int = _SOFTMAX
    final_norm: str = "output_norm.weight"
    weights_scale: bool = False


def _olmoe(data: Metadata) -> dict[str, object]:
    return {
        "architectures": ["OlmoeForCausalLM"],
        "num_experts": data.require("expert_count"),
        "intermediate_size": data.require("feed_forward_length"),
        "norm_topk_prob": False,  # as llama.cpp computes the architecture
    }


def _qwen3moe(data: Metadata) -> dict[str, object]:
    layers = data.count("block_count")
    return {
        "architectures": ["Qwen3MoeForCausalLM"],
        "num_experts": data.require("expert_count"),
        "intermediate_size": data.get("feed_forward_length") or 32,
        "moe_intermediate_size": data.require("expert_feed_forward_length"),
        "norm_topk_prob": True,  # as llama.cpp computes the architecture
        "decoder_sparse_step": 1,
        "mlp_only_layers": [n for n in range(layers) if not data.has(f"blk.{n}.ffn_gate_exps.weight")],
    }


def _granitemoe(data: Metadata) -> dict[str, object]:
    data.refuse_false("rope.scaling.finetuned")  # llama.cpp turns nothing then, in this family only
    shared = data.get("expert_shared_feed_forward_length")
    return {
        "architectures": ["GraniteMoeSharedForCausalLM" if shared else "GraniteMoeForCausalLM"],
        "num_local_experts": data.require("expert_count"),
        "intermediate_size": data.require("feed_forward_length"),
        "embedding_multiplier": data.require("embedding_scale"),
        "residual_multiplier": data.require("residual_scale"),
        "attention_multiplier": data.require("attention.scale"),
        "logits_scaling": data.require("logit_scale"),
        **({"shared_intermediate_size": shared} if shared else {}),
    }


def _lfm2moe(data: Metadata) -> dict[str, object]:
    heads = data.list("attention.head_count_kv")
    dense = data.require("leading_dense_block_count")
    return {
        "architectures": ["Lfm2MoeForCausalLM"],
        "num_experts": data.require("expert_count"),
        "num_key_value_heads": next((count for count in heads if count), 0),
        "layer_types": ["full_attention" if count else "conv" for count in heads],
        "intermediate_size": data.require("feed_forward_length"),
        "moe_intermediate_size": data.require("expert_feed_forward_length"),
        "num_dense_layers": dense,
        "conv_L_cache": data.require("shortconv.l_cache"),
        "conv_bias": any(data.has(f"blk.{n}.shortconv.conv.bias") for n in range(len(heads))),
        "norm_topk_prob": True,  # as llama.cpp computes the architecture
        "use_expert_bias": data.has(f"blk.{dense}.exp_probs_b.bias"),
        "routed_scaling_factor": data.get("expert_weights_scale") or 1.0,
        "norm_eps": data.require("attention.layer_norm_rms_epsilon"),
    }


FAMILIES: Mapping[str, GgufFamily] = {
    "olmoe": GgufFamily(_olmoe, turned=True),
    "qwen3moe": GgufFamily(_qwen3moe, turned=True),
    # Like all that llama.cpp derives from Llama, turned when it was converted.
    "granitemoe": GgufFamily(_granitemoe, turned=False),
    "lfm2moe": GgufFamily(
        _lfm2moe, turned=True, gating=_SIGMOID, final_norm="token_embd_norm.weight", weights_scale=True
    ),
}


def family_of(file: GgufFile) -> tuple[GgufFamily, Metadata]:
    """The family of a file and its metadata.

    Raises:
        CheckpointError: it is none that is read here.
    """
    name = file.value(_ARCHITECTURE)
    if not isinstance(name, str) or name not in FAMILIES:
        raise CheckpointError(
            f"{file.path}: {_ARCHITECTURE} is {name!r}; architectures that are read here: {', '.join(FAMILIES)}"
        )
    return FAMILIES[name], Metadata(file, name)


def config_json(file: GgufFile) -> dict[str, object]:
    """`config.json` as the metadata has it, without a word on quantisation.

    Raises:
        CheckpointError: the architecture is not read here, or a key is missing or asks for what is not computed.
    """
    family, data = family_of(file)
    for key, unless in _UNSUPPORTED.items():
        data.refuse(key, unless=unless)
    data.refuse("expert_gating_func", unless=family.gating)
    data.refuse_false("attention.causal")
    if not family.weights_scale:
        data.refuse("expert_weights_scale", unless=1)
    data.refuse("rope.dimension_count", unless=_head_dim(data))
    tokens = file.tensors.get("token_embd.weight")
    if tokens is None:
        raise CheckpointError(f"{file.path}: has no tensor token_embd.weight; convert the model to GGUF anew")
    common: dict[str, object] = {
        "vocab_size": tokens.shape[0],
        "hidden_size": data.require("embedding_length"),
        "num_hidden_layers": data.require("block_count"),
        "num_attention_heads": data.require("attention.head_count"),
        "num_key_value_heads": data.get("attention.head_count_kv"),
        "max_position_embeddings": data.require("context_length"),
        "num_experts_per_tok": data.require("expert_used_count"),
        "rms_norm_eps": data.require("attention.layer_norm_rms_epsilon"),
        "rope_theta": 10000.0 if (base := data.get("rope.freq_base")) is None else base,
        "tie_word_embeddings": not data.has("output.weight"),
        "attention_bias": any(name.endswith(".attn_q.bias") for name in file.tensors),
        "eos_token_id": _ends(file),
        "bos_token_id": file.value("tokenizer.ggml.bos_token_id"),
    }
    if (head_dim := data.get("attention.key_length")) is not None:
        common["head_dim"] = head_dim
    return common | family.config(data)


def _ends(file: GgufFile) -> object:
    """What ends a text, a turn or a message, all of which end a generation; None if nothing is named."""
    named = [file.value(f"tokenizer.ggml.{end}_token_id") for end in ("eos", "eot", "eom")]
    return list(dict.fromkeys(end for end in named if end is not None)) or None


def _head_dim(data: Metadata) -> object:
    """Channels of a head, all of which RoPE turns."""
    stated = data.get("attention.key_length")
    width, heads = data.require("embedding_length"), data.require("attention.head_count")
    if stated is not None or not isinstance(width, int) or not isinstance(heads, int) or heads < 1:
        return stated
    return width // heads


_LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "short_conv.in_proj": "shortconv.in_proj",
    "short_conv.out_proj": "shortconv.out_proj",
    "short_conv.conv": "shortconv.conv",
    "feed_forward.router": "ffn_gate_inp",
    "feed_forward.gate_proj": "ffn_gate",
    "feed_forward.up_proj": "ffn_up",
    "feed_forward.down_proj": "ffn_down",
    "feed_forward.shared_expert.gate_proj": "ffn_gate_shexp",
    "feed_forward.shared_expert.up_proj": "ffn_up_shexp",
    "feed_forward.shared_expert.down_proj": "ffn_down_shexp",
}
_EXPERTS = {
    "feed_forward.experts.gate_up": ("ffn_gate_exps.weight", "ffn_up_exps.weight"),
    "feed_forward.experts.down": ("ffn_down_exps.weight",),
}
_PLACE = re.compile(r"model\.layers\.(\d+)\.(.+)")


def names_of(family: GgufFamily, module: str, part: str) -> tuple[str, ...]:
    """What a GGUF file calls a tensor of ours, whose outputs are those of one or two of its tensors.

    Args:
        family: The architecture.
        module: Our name of the module, such as ``model.layers.0.self_attn.q_proj``, or of experts.
        part: ``weight`` or ``bias``.
    """
    top = {
        "model.embed_tokens": "token_embd.weight",
        "lm_head": "output.weight",
        "model.norm": family.final_norm,
    }
    if module in top:
        return (top[module],)
    place = _PLACE.fullmatch(module)
    assert place is not None, module
    layer, relative = f"blk.{place[1]}.", place[2]
    if relative in _EXPERTS:
        return tuple(layer + name for name in _EXPERTS[relative])
    if relative == "feed_forward.expert_bias":
        return (f"{layer}exp_probs_b.bias",)
    return (f"{layer}{_LAYER_NAMES[relative]}.{part}",)
