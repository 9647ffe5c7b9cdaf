"""config.json as transformers 4 and 5 spell it, against what transformers itself makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from transformers import LlamaConfig

from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.registry import flat_config, parse_config
from mmoe.models.architectures.rope_scaling import RopeScaling
from mmoe.models.errors import ConfigError
from tests.support.checkpoints import checkpoint_config

LLAMA3 = {
    "rope_type": "llama3",
    "factor": 16.0,
    "original_max_position_embeddings": 128,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
}
THETA = {"rope_theta": 500000.0}
ROPE_KEYS = ("rope_theta", "rope_scaling", "rope_parameters")


def config_without(*keys: str, **changes: object) -> dict[str, object]:
    """The small model's config.json with keys dropped, then set."""
    config = checkpoint_config()
    for key in keys:
        config.pop(key, None)
    return config | changes


def parse(data: dict[str, object]) -> DecoderConfig:
    return parse_config(data, where="config.json")


def refusal(data: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(data)
    return str(caught.value)


@pytest.mark.parametrize(
    "spelling",
    [
        {"rope_theta": 500000.0, "rope_scaling": LLAMA3},
        {"rope_theta": 500000.0, "rope_scaling": None},
        {"rope_theta": 500000, "rope_scaling": {"type": "llama3", **LLAMA3}},
        {"rope_parameters": {**LLAMA3, **THETA}},
        {"rope_parameters": {**LLAMA3, **THETA}, "rope_scaling": None},
        {"rope_parameters": {**LLAMA3, **THETA}, "rope_scaling": None, "rope_theta": None},
        {"rope_parameters": {"rope_type": "default", **THETA}},
        {"rope_parameters": THETA},
        {"rope_parameters": LLAMA3, "rope_theta": 500000.0},
        {"rope_parameters": None, "rope_scaling": LLAMA3, "rope_theta": 500000.0},
        {"rope_parameters": {**LLAMA3, **THETA}, "rope_scaling": {**LLAMA3, **THETA}, "rope_theta": 500000.0},
        {"rope_parameters": {**LLAMA3, **THETA, "partial_rotary_factor": 1.0}},
    ],
)
def test_every_spelling_of_rope_is_read_as_transformers_reads_it(spelling: dict[str, Any]) -> None:
    expected = LlamaConfig(
        **{key: value for key, value in spelling.items() if value is not None}
    ).rope_parameters
    found = parse(config_without(*ROPE_KEYS, **spelling))
    assert found.rope_theta == expected["rope_theta"] == 500000.0
    if expected["rope_type"] == "default":
        assert found.rope_scaling is None
    else:
        assert found.rope_scaling == RopeScaling(
            factor=expected["factor"],
            original_max_position_embeddings=expected["original_max_position_embeddings"],
            low_freq_factor=expected["low_freq_factor"],
            high_freq_factor=expected["high_freq_factor"],
        )


def test_one_block_for_each_type_of_layer_is_one_block_if_they_agree() -> None:
    block = {**LLAMA3, **THETA}
    both = {"full_attention": block, "sliding_attention": block}
    found = parse(config_without(*ROPE_KEYS, rope_parameters=both))
    assert found == parse(config_without(*ROPE_KEYS, rope_parameters=block))
    both["sliding_attention"] = {**block, "rope_theta": 10000.0}
    message = refusal(config_without(*ROPE_KEYS, rope_parameters=both))
    assert "'rope_parameters.full_attention.rope_theta' is 500000.0" in message
    assert "'rope_parameters.sliding_attention.rope_theta' is 10000.0" in message


@pytest.mark.parametrize(
    ("spelling", "names"),
    [
        (
            {"rope_parameters": {**LLAMA3, **THETA}, "rope_theta": 10000.0},
            ("'rope_theta' is 10000.0", "'rope_parameters.rope_theta' is 500000.0"),
        ),
        (
            {"rope_parameters": {**LLAMA3, **THETA}, "rope_scaling": {**LLAMA3, "factor": 8.0}},
            ("'rope_parameters.factor' is 16.0", "'rope_scaling.factor' is 8.0"),
        ),
        (
            {"rope_parameters": {"rope_type": "default", **THETA}, "rope_scaling": LLAMA3},
            ("'rope_parameters.rope_type' is \"default\"", "'rope_scaling.rope_type' is \"llama3\""),
        ),
        (
            {"rope_parameters": {**LLAMA3, **THETA}, "original_max_position_embeddings": 64},
            (
                "'rope_parameters.original_max_position_embeddings' is 128",
                "'original_max_position_embeddings' is 64",
            ),
        ),
        (
            {"rope_parameters": {**LLAMA3, **THETA, "type": "yarn"}},
            ("'rope_parameters.type' is \"yarn\"", "'rope_type'"),
        ),
    ],
)
def test_two_spellings_that_disagree_are_both_named(
    spelling: dict[str, object], names: tuple[str, str]
) -> None:
    message = refusal(config_without(*ROPE_KEYS, **spelling))
    for name in names:
        assert name in message


@pytest.mark.parametrize(
    "spelling",
    [
        {"rope_parameters": {**LLAMA3, **THETA, "partial_rotary_factor": 0.5}},
        {"rope_parameters": {**LLAMA3, **THETA}, "partial_rotary_factor": 0.5},
    ],
)
def test_rope_on_some_channels_only_is_refused(spelling: dict[str, object]) -> None:
    assert "partial_rotary_factor' is 0.5" in refusal(config_without(*ROPE_KEYS, **spelling))


def test_dtype_may_be_spelt_twice_but_not_differently() -> None:
    expected = parse(checkpoint_config())
    for spelling in (
        {"dtype": "bfloat16"},
        {"torch_dtype": "torch.bfloat16", "dtype": "bfloat16"},
        {"torch_dtype": "float16", "dtype": None},
    ):
        assert parse(checkpoint_config(spelling)) == expected
    message = refusal(checkpoint_config({"dtype": "bfloat16", "torch_dtype": "float16"}))
    assert "'dtype' is \"bfloat16\"" in message
    assert "'torch_dtype' says, 'float16'" in message


def test_null_means_what_transformers_makes_of_it() -> None:
    fields = {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": None, "head_dim": None}
    expected = LlamaConfig(**fields)
    found = parse(checkpoint_config({**fields, "layer_types": None, "eos_token_id": None}))
    assert (found.num_key_value_heads, found.head_dim) == (expected.num_key_value_heads, expected.head_dim)
    assert found.eos_token_ids == ()


def test_the_text_part_of_a_larger_model() -> None:
    expected = parse(checkpoint_config())
    nested = checkpoint_config()
    outer = {key: nested.pop(key) for key in ("architectures", "eos_token_id", "quantization")}
    outer["model_type"] = "something_that_sees"
    data = {**outer, "text_config": {**nested, "eos_token_id": None}}
    assert parse(data) == expected
    assert parse(flat_config(data)) == expected
    message = refusal({**data, "hidden_size": 128})
    assert "'hidden_size' is 128" in message
    assert "'text_config.hidden_size' is 64" in message
    message = refusal({**data, "text_config": {**nested, "vocab_size": "many"}})
    assert "'text_config.vocab_size' is \"many\"" in message
