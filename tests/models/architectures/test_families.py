"""Configs of public families: what they say, and that a branch which is not computed is refused by its key."""

from __future__ import annotations

from typing import Any

import pytest

from mmoe.checkpoints.inventory import TensorClass, expected_tensors, tensor_class
from mmoe.models.architectures.description import (
    Attention,
    ExpertBlock,
    GatedBlock,
    Multipliers,
    Pairing,
    QkNorm,
    Score,
    ShortConv,
)
from mmoe.models.architectures.registry import parse_config
from mmoe.models.errors import ConfigError

ROPE = {"rope_theta": 10000.0, "rope_scaling": None}
OLMOE: dict[str, Any] = {
    "architectures": ["OlmoeForCausalLM"], "model_type": "olmoe", "hidden_size": 2048, "intermediate_size": 1024,
    "num_hidden_layers": 16, "num_attention_heads": 16, "num_key_value_heads": 16, "num_experts": 64,
    "num_experts_per_tok": 8, "norm_topk_prob": False, "vocab_size": 50304, "rms_norm_eps": 1e-5, "clip_qkv": None,
    "max_position_embeddings": 4096, "attention_bias": False, "tie_word_embeddings": False, "eos_token_id": 50279,
    "pad_token_id": 1, "hidden_act": "silu", **ROPE,
}  # fmt: skip
QWEN3: dict[str, Any] = {
    "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "hidden_size": 2048, "head_dim": 128,
    "intermediate_size": 6144, "moe_intermediate_size": 768, "num_hidden_layers": 48, "num_attention_heads": 32,
    "num_key_value_heads": 4, "num_experts": 128, "num_experts_per_tok": 8, "norm_topk_prob": True,
    "vocab_size": 151936, "rms_norm_eps": 1e-6, "max_position_embeddings": 40960, "attention_bias": False,
    "tie_word_embeddings": False, "eos_token_id": 151645, "bos_token_id": 151643, "hidden_act": "silu",
    "use_sliding_window": False, "sliding_window": None, "mlp_only_layers": [], "decoder_sparse_step": 1,
    "rope_theta": 1000000.0, "rope_scaling": None,
}  # fmt: skip
GRANITE: dict[str, Any] = {
    "architectures": ["GraniteMoeForCausalLM"], "model_type": "granitemoe", "hidden_size": 1024,
    "intermediate_size": 512, "num_hidden_layers": 24, "num_attention_heads": 16, "num_key_value_heads": 8,
    "num_local_experts": 32, "num_experts_per_tok": 8, "vocab_size": 49155, "rms_norm_eps": 1e-6,
    "max_position_embeddings": 4096, "attention_bias": False, "tie_word_embeddings": True, "eos_token_id": 0,
    "bos_token_id": 0, "hidden_act": "silu", "embedding_multiplier": 12.0, "attention_multiplier": 0.015625,
    "residual_multiplier": 0.22, "logits_scaling": 6.0, **ROPE,
}  # fmt: skip
LFM2: dict[str, Any] = {
    "architectures": ["Lfm2MoeForCausalLM"], "model_type": "lfm2_moe", "hidden_size": 2048, "intermediate_size": 7168,
    "moe_intermediate_size": 1792, "num_hidden_layers": 24, "num_attention_heads": 32, "num_key_value_heads": 8,
    "num_experts": 32, "num_experts_per_tok": 4, "norm_topk_prob": True, "use_expert_bias": True,
    "routed_scaling_factor": 1.0, "norm_eps": 1e-5, "conv_L_cache": 3, "conv_bias": False, "num_dense_layers": 2,
    "vocab_size": 65536, "max_position_embeddings": 128000, "eos_token_id": 7, "bos_token_id": 1,
    "tie_embedding": True, "rope_theta": 1000000.0,
    "layer_types": ["full_attention" if i in (2, 6, 10, 14, 18, 21) else "conv" for i in range(24)],
}  # fmt: skip

ERNIE: dict[str, Any] = {
    "architectures": ["Ernie4_5_MoeForCausalLM"], "model_type": "ernie4_5_moe", "hidden_size": 2560,
    "intermediate_size": 12288, "moe_intermediate_size": 1536, "num_hidden_layers": 28, "num_attention_heads": 20,
    "num_key_value_heads": 4, "moe_num_experts": 64, "moe_k": 6, "moe_num_shared_experts": 2,
    "moe_layer_start_index": 1, "moe_layer_end_index": 27, "moe_layer_interval": 1, "vocab_size": 103424,
    "rms_norm_eps": 1e-5, "max_position_embeddings": 131072, "eos_token_id": 2, "bos_token_id": 1,
    "use_bias": False, "tie_word_embeddings": True, "hidden_act": "silu", "rope_theta": 500000.0,
}  # fmt: skip


def parameters(config: dict[str, Any]) -> tuple[float, float]:
    """Billions in all, and of a single token; a table that is only looked up counts all the same."""
    parsed = parse_config(config, where="config.json")
    total = routed = 0
    for name, spec in expected_tensors(parsed).items():
        count = spec.num_bytes // 2
        total += count
        routed += count if tensor_class(name) is TensorClass.EXPERTS else 0
    return total / 1e9, (total - routed + routed * float(parsed.active_experts)) / 1e9


@pytest.mark.parametrize(
    ("config", "total", "active"),
    [(OLMOE, 6.92, 1.28), (QWEN3, 30.5, 3.35), (GRANITE, 1.33, 0.43), (LFM2, 8.34, 1.56)],
    ids=["OLMoE-1B-7B", "Qwen3-30B-A3B", "Granite-1B-A400M", "LFM2-8B-A1B"],
)
def test_released_models_have_their_published_size(
    config: dict[str, Any], total: float, active: float
) -> None:
    assert parameters(config) == pytest.approx((total, active), rel=0.01)


def test_olmoe_is_described() -> None:
    layer = parse_config(OLMOE, where="config.json").layer(15)
    assert isinstance(layer.mixer, Attention)
    assert isinstance(layer.feed_forward, ExpertBlock)
    assert layer.mixer.qk_norm is QkNorm.WHOLE
    routing = layer.feed_forward.routing
    assert (routing.score, routing.divides_by_sum) == (Score.SOFTMAX, False)
    assert layer.feed_forward.shared is None


def test_qwen3_layers_may_be_dense() -> None:
    config = parse_config(QWEN3 | {"decoder_sparse_step": 2, "mlp_only_layers": [3]}, where="config.json")
    blocks = [type(config.layer(index).feed_forward) for index in range(6)]
    assert blocks == [GatedBlock, ExpertBlock, GatedBlock, GatedBlock, GatedBlock, ExpertBlock]


def test_granite_scales_what_flows() -> None:
    config = parse_config(GRANITE, where="config.json")
    assert config.multipliers == Multipliers(embedding=12.0, residual=0.22, logits=1 / 6)
    mixer = config.layer(0).mixer
    assert isinstance(mixer, Attention)
    assert (mixer.scale, mixer.qk_norm) == (1 / 64, QkNorm.NONE)


def test_lfm2_mixes_in_two_ways() -> None:
    config = parse_config(LFM2, where="config.json")
    assert config.tie_word_embeddings
    kinds = [type(layer.mixer) for layer in config.layers]
    assert kinds[:4] == [ShortConv, ShortConv, Attention, ShortConv]
    assert kinds.count(Attention) == 6
    assert isinstance(config.layer(1).feed_forward, GatedBlock)
    assert isinstance(config.layer(2).feed_forward, ExpertBlock)


def test_ernie_begins_with_a_dense_layer_and_shares_two_experts() -> None:
    config = parse_config(ERNIE, where="config.json")
    assert config.layer(0).feed_forward == GatedBlock(width=12288)
    block, mixer = config.layer(1).feed_forward, config.layer(1).mixer
    assert isinstance(block, ExpertBlock)
    assert block.shared == GatedBlock(width=2 * 1536)
    assert (block.routing.score, block.routing.selection_bias) == (Score.SOFTMAX, True)
    assert isinstance(mixer, Attention)
    assert mixer.rope is not None
    assert mixer.rope.pairing is Pairing.ADJACENT


@pytest.mark.parametrize(
    ("config", "key", "value"),
    [
        (ERNIE, "use_bias", True),
        (ERNIE, "moe_k", 65),
        (ERNIE, "moe_norm_min", 0.5),
        (OLMOE, "clip_qkv", 8.0),
        (OLMOE, "kv_lora_rank", 512),
        (OLMOE, "q_lora_rank", 1536),
        (OLMOE, "partial_rotary_factor", 0.5),
        (
            OLMOE,
            "rope_parameters",
            {"rope_theta": 1e4, "rope_type": "default", "partial_rotary_factor": 0.25},
        ),
        (OLMOE, "n_group", 8),
        (OLMOE, "topk_group", 4),
        (QWEN3, "attention_sinks", True),
        (QWEN3, "add_swa_attention_sink_bias", True),
        (QWEN3, "use_gated_attention", True),
        (GRANITE, "swiglu_limits", [7.0]),
        (GRANITE, "ssm_state_size", 128),
        (OLMOE, "hidden_act", "gelu"),
        (OLMOE, "num_experts_per_tok", 65),
        (OLMOE, "intermediate_size", 1000),
        (QWEN3, "attn_output_gate", True),
        (QWEN3, "mlp_only_layers", [48]),
        (QWEN3, "rope_scaling", {"rope_type": "yarn", "factor": 4.0}),
        (GRANITE, "mamba_d_state", 128),
        (GRANITE, "embedding_multiplier", 0),
        (GRANITE, "layer_types", ["sliding_attention", "full_attention"] * 12),
        (OLMOE, "layer_types", ["mamba"] * 16),
        (LFM2, "layer_types", ["mamba"] * 24),
        (LFM2, "swiglu_limit", 7.0),
        (LFM2, "conv_L_cache", 1),
    ],
)
def test_a_branch_that_is_not_computed_is_refused_by_its_key(
    config: dict[str, Any], key: str, value: object
) -> None:
    with pytest.raises(
        ConfigError, match=rf"config\.json: key '[\w.]*(?:{key}|rope_type|partial_rotary_factor)' is "
    ):
        parse_config(config | {key: value}, where="config.json")


@pytest.mark.parametrize(
    "keys",
    [
        {"n_group": 1, "topk_group": 1},
        {"attn_output_gate": False, "kv_lora_rank": None},
        {"swiglu_limits": []},
    ],
)
def test_a_key_that_asks_for_nothing_is_taken(keys: dict[str, object]) -> None:
    assert parse_config(OLMOE | keys, where="config.json") == parse_config(OLMOE, where="config.json")


@pytest.mark.parametrize(
    ("config", "key"), [(OLMOE, "norm_topk_prob"), (GRANITE, "logits_scaling"), (LFM2, "norm_eps")]
)
def test_a_missing_key_is_named(config: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=rf"key '{key}' missing"):
        parse_config({name: value for name, value in config.items() if name != key}, where="config.json")


def test_a_missing_key_is_named_once() -> None:
    """Though it is one of those that all families have and is asked for by its family's word, too."""
    config = {
        name: value for name, value in OLMOE.items() if name not in ("num_experts_per_tok", "rms_norm_eps")
    }
    with pytest.raises(ConfigError, match=r"keys 'num_experts_per_tok', 'rms_norm_eps' missing"):
        parse_config(config, where="config.json")


def test_an_unknown_family_names_those_that_are_known() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"architectures": ["GptOssForCausalLM"]}, where="config.json")
    for name in (
        "Olmoe",
        "Qwen3Moe",
        "GraniteMoe",
        "GraniteMoeShared",
        "Lfm2Moe",
        "MobileMoE",
        "MobileLLMP1",
    ):
        assert f'["{name}ForCausalLM"]' in str(caught.value)
