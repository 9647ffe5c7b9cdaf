"""config.json: every variation is read, every mismatch is one ConfigError that names the file and the key."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.models.architectures.mobilemoe import MobileMoEConfig
from mmoe.models.architectures.registry import load_config, parse_config
from mmoe.models.architectures.rope_scaling import RopeScaling
from mmoe.models.errors import ConfigError
from tests.support.checkpoints import QUANTIZATION, checkpoint_config, write_config

WHERE = "somewhere/config.json"


def parse(overrides: dict[str, object]) -> MobileMoEConfig:
    return parse_config(checkpoint_config(overrides), where=WHERE)


def refusal(config: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(config, where=WHERE)
    return str(caught.value)


def test_released_keys_are_read() -> None:
    config = parse({"eos_token_id": [4, 1], "bos_token_id": 0})
    assert (config.hidden_size, config.intermediate_size, config.intermediate_size_mlp) == (64, 32, 64)
    assert config.eos_token_ids == (4, 1)
    assert config.bos_token_id == 0
    assert config.rope_scaling == RopeScaling(
        factor=16.0, original_max_position_embeddings=256, low_freq_factor=1.0, high_freq_factor=1.0
    )
    assert config.quantization is not None
    assert dataclasses.asdict(config.quantization) == QUANTIZATION


def test_every_layer_kind() -> None:
    config = parse({"num_hidden_layers": 4, "interleave_moe_layer_step": 2, "no_rope_layers": [1, 0, 1, 1]})
    assert [config.is_moe_layer(i) for i in range(4)] == [False, True, False, True]
    assert [config.uses_rope(i) for i in range(4)] == [True, False, True, True]
    assert [config.uses_qk_norm(i) for i in range(4)] == [True, False, True, True]
    assert not any(parse({"use_qk_norm": False}).uses_qk_norm(i) for i in range(2))


@settings(derandomize=True, deadline=None)
@given(experts=st.integers(1, 200), data=st.data(), groups=st.integers(1, 64), factor=st.floats(0.01, 100))
def test_any_sizes(experts: int, data: st.DataObject, groups: int, factor: float) -> None:
    top_k = data.draw(st.integers(1, experts))
    config = parse(
        {
            "num_local_experts": experts,
            "num_experts_per_tok": top_k,
            "hidden_size": 32 * groups,
            "intermediate_size": 16 * groups,
            "intermediate_size_mlp": 32 * groups,
            "routed_scaling_factor": factor,
        }
    )
    assert (config.num_local_experts, config.num_experts_per_tok) == (experts, top_k)
    assert config.routed_scaling_factor == factor


@pytest.mark.parametrize(
    "scaling", [None, {"rope_type": "default"}, {"rope_type": "none"}, {"type": "default"}]
)
def test_rope_without_scaling(scaling: object) -> None:
    assert parse({"rope_scaling": scaling}).rope_scaling is None


def test_eos_may_be_one_id_and_ids_may_be_absent() -> None:
    config = checkpoint_config({"eos_token_id": 7})
    del config["bos_token_id"]
    parsed = parse_config(config, where=WHERE)
    assert parsed.eos_token_ids == (7,)
    assert parsed.bos_token_id is None
    del config["eos_token_id"]
    assert parse_config(config, where=WHERE).eos_token_ids == ()


def test_unknown_keys_are_tolerated_and_quantization_may_be_absent() -> None:
    config = checkpoint_config({"torch_dtype": "bfloat16", "transformers_version": "9.9"})
    del config["quantization"]
    assert parse_config(config, where=WHERE).quantization is None


@pytest.mark.parametrize(
    "key", sorted(set(checkpoint_config()) - {"bos_token_id", "eos_token_id", "quantization"})
)
def test_missing_key_is_named(key: str) -> None:
    config = checkpoint_config()
    del config[key]
    message = refusal(config)
    assert message.startswith(f"{WHERE}: key '{key}' missing")


def test_all_missing_keys_are_named_at_once() -> None:
    config = checkpoint_config()
    del config["head_dim"], config["rope_theta"]
    assert "'head_dim', 'rope_theta' missing" in refusal(config)


@pytest.mark.parametrize("key", sorted(QUANTIZATION))
def test_missing_quantization_key_is_named(key: str) -> None:
    block = {name: value for name, value in QUANTIZATION.items() if name != key}
    assert f"'quantization.{key}' missing" in refusal(checkpoint_config({"quantization": block}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", "mobilemoe-int4-g64"),
        ("group_size", 64),
        ("embedding_group_size", 64),
        ("qmin", -7),
        ("qmax", 8),
        ("symmetric", False),
        ("symmetric", 1),
        ("packed", False),
        ("scale_dtype", "bfloat16"),
        ("linear_group_axis", "out (last dim of [in, out])"),
        ("expert_group_axis", "in (last dim of [E, out, in])"),
    ],
)
def test_other_quantization_is_refused(key: str, value: object) -> None:
    message = refusal(checkpoint_config({"quantization": {**QUANTIZATION, key: value}}))
    assert f"key 'quantization.{key}' is" in message
    assert str(QUANTIZATION[key]).lower() in message.lower()


@pytest.mark.parametrize(
    ("key", "value", "supported"),
    [
        ("model_type", "llama4", '"mobilemoe"'),
        ("architectures", ["Llama4ForCausalLM"], '["MobileMoEForCausalLM"]'),
        ("hidden_act", "gelu", '"silu"'),
        ("attention_bias", True, "false"),
        ("attn_temperature_tuning", True, "false"),
        ("tie_word_embeddings", False, "true"),
        ("layer_types", ["full_attention", "sliding_attention"], "full_attention"),
        ("hidden_size", 48, "multiple of 32"),
        ("hidden_size", "64", "integer"),
        ("hidden_size", True, "integer"),
        ("hidden_size", -32, "at least 1"),
        ("intermediate_size", 24, "multiple of 16"),
        ("intermediate_size_mlp", 80, "multiple of 32"),
        ("head_dim", 15, "multiple of 2"),
        ("head_dim", 6, "multiple of 32"),
        ("num_key_value_heads", 3, "divisor of num_attention_heads = 4"),
        ("num_experts_per_tok", 9, "at most num_local_experts = 8"),
        ("num_experts_per_tok", 0, "at least 1"),
        ("num_local_experts", 2.5, "integer"),
        ("interleave_moe_layer_step", 0, "at least 1"),
        ("no_rope_layers", [1], "a list of 2 integers"),
        ("no_rope_layers", [1, 2], "each one of 0, 1"),
        ("no_rope_layers", [True, 1], "each one of 0, 1"),
        ("rms_norm_eps", 0, "above zero"),
        ("rope_theta", float("inf"), "above zero"),
        ("routed_scaling_factor", None, "above zero"),
        ("routed_scaling_factor", float("nan"), "above zero"),
        ("use_qk_norm", "yes", "true or false"),
        ("norm_topk_prob", 1, "true or false"),
        ("eos_token_id", [], "below vocab_size = 320"),
        ("eos_token_id", [320], "below vocab_size = 320"),
        ("bos_token_id", "<s>", "integer"),
        ("bos_token_id", 320, "below vocab_size = 320"),
        ("rope_scaling", "llama3", "JSON object"),
        ("quantization", "int4", "JSON object"),
    ],
)
def test_unsupported_value_is_named(key: str, value: object, supported: str) -> None:
    message = refusal(checkpoint_config({key: value}))
    assert message.startswith(f"{WHERE}: key '{key}' is ")
    assert supported in message.split("supported: ")[1]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"rope_type": "yarn"}, "rope_type"),
        ({"factor": -1}, "factor"),
        ({"low_freq_factor": 4.0}, "high_freq_factor"),
        ({"original_max_position_embeddings": 0.5}, "original_max_position_embeddings"),
    ],
)
def test_unsupported_rope_scaling_is_named(change: dict[str, object], key: str) -> None:
    scaling = checkpoint_config()["rope_scaling"]
    assert isinstance(scaling, dict)
    message = refusal(checkpoint_config({"rope_scaling": {**scaling, **change}}))
    assert f"key 'rope_scaling.{key}' is" in message


def test_rope_scaling_without_a_key_is_refused() -> None:
    message = refusal(checkpoint_config({"rope_scaling": {"rope_type": "llama3", "factor": 2.0}}))
    assert "'rope_scaling.original_max_position_embeddings'" in message
    assert "'rope_scaling.rope_type' missing" in refusal(checkpoint_config({"rope_scaling": {"factor": 2.0}}))


def test_another_quantization_scheme_is_refused() -> None:
    config = checkpoint_config({"quantization_config": {"quant_method": "gptq"}})
    del config["quantization"]
    assert "key 'quantization_config' is" in refusal(config)


def test_load_reads_the_file(tmp_path: Path) -> None:
    write_config(tmp_path, checkpoint_config())
    assert load_config(tmp_path) == parse({})


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"{", "cannot be read as JSON"), (b"[]", "not a JSON object"), (b"\xff", "cannot be read")],
)
def test_unreadable_file_is_named(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ConfigError, match=told) as caught:
        load_config(tmp_path)
    assert str(tmp_path / "config.json") in str(caught.value)


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.json: file missing"):
        load_config(tmp_path)
