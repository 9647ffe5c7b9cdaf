"""The second architecture: what its config says becomes layers, tensors and sizes; what it does not say is refused."""

from __future__ import annotations

import pytest

from mmoe.checkpoints.inventory import expected_tensors
from mmoe.export.synthesize.sizes import dense_config
from mmoe.models.architectures.config import DecoderConfig
from mmoe.models.architectures.description import Attention, GatedBlock, LayerDescription, QkNorm, Rope
from mmoe.models.architectures.registry import ARCHITECTURES, parse_config
from mmoe.models.cache_rows import Lengths
from mmoe.models.errors import ConfigError
from tests.support.checkpoints import checkpoint_config, dense_overrides

WHERE = "somewhere/config.json"


def dense(**overrides: object) -> DecoderConfig:
    return parse_config(checkpoint_config(dense_overrides(**overrides)), where=WHERE)


def refusal(**overrides: object) -> str:
    with pytest.raises(ConfigError) as caught:
        dense(**overrides)
    return str(caught.value)


def test_the_architectures_are_told_apart() -> None:
    assert type(dense()) is ARCHITECTURES["MobileLLMP1ForCausalLM"]
    assert type(parse_config(checkpoint_config(), where=WHERE)) is ARCHITECTURES["MobileMoEForCausalLM"]
    message = refusal(architectures=["GPT2LMHeadModel"])
    assert 'supported: ["MobileMoEForCausalLM"] or ["MobileLLMP1ForCausalLM"]' in message


def test_layers_are_described() -> None:
    config = dense(no_rope_layers=[1, 1, 0, 1], attn_temperature_tuning=False)
    block, norm = GatedBlock(width=64), QkNorm.PER_HEAD_AFTER_ROPE
    rope = Rope(theta=config.rope_theta, scaling=config.rope_scaling)
    assert config.layers == (
        LayerDescription(mixer=Attention(rope=rope, qk_norm=norm), feed_forward=block),
        LayerDescription(mixer=Attention(rope=rope, qk_norm=norm, window=100), feed_forward=block),
        LayerDescription(mixer=Attention(rope=None, qk_norm=QkNorm.NONE, window=100), feed_forward=block),
        LayerDescription(mixer=Attention(rope=rope, qk_norm=norm), feed_forward=block),
    )
    assert config.active_experts == 1


def test_full_size_has_the_published_number_of_parameters() -> None:
    """1.08 billion, in 30 layers of which 21 see a window (the model card's 3:1)."""
    config = parse_config(dense_config(), where=WHERE).as_packed()
    packed = [spec for spec in expected_tensors(config).values() if spec.dtype == "U8"]
    assert round(sum(2 * spec.num_bytes for spec in packed) / 1e9, 2) == 1.08
    assert sum(layer.window == 512 for layer in config.layers) == 21
    lengths = Lengths(max_context_len=8192, max_seq_len=512)
    rows = [lengths.cache_rows(layer.window) for layer in config.layers]
    assert set(rows) == {1024, 8192}
    # The model card counts 40 MB of int8 keys and values at 8K instead of 117; ours is the ring of 1,024 rows.
    assert sum(rows) * 2 * 4 * 64 == 48_758_784


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"layer_types": ["full_attention"] * 3}, "a list of 4"),
        ({"layer_types": ["full_attention"] * 3 + ["chunked_attention"]}, '"sliding_attention"'),
        ({"layer_types": "sliding_attention"}, "a list of strings"),
        ({"sliding_window": 0}, "at least 1"),
        ({"no_rope_layers": [1, 1, 1, 0], "attn_temperature_tuning": True}, "'attn_temperature_tuning'"),
        ({"quantization": {"format": "mobilemoe-int4-g32"}}, "missing"),
        ({"tie_word_embeddings": False}, "'tie_word_embeddings'"),
    ],
)
def test_what_is_not_supported_is_refused(overrides: dict[str, object], message: str) -> None:
    found = refusal(**overrides)
    assert found.startswith(WHERE)
    assert message in found


def test_a_format_of_the_other_architecture_is_refused() -> None:
    block = checkpoint_config()["quantization"]
    assert 'supported: "mobilellm-int4-g32"' in refusal(quantization=block)


@pytest.mark.parametrize(
    ("window", "max_seq_len", "context", "rows"),
    [
        (512, 512, 8192, 1024),
        (512, 1, 8192, 512),
        (512, 2, 8192, 768),
        (100, 64, 100, 256),
        (None, 9, 77, 77),
    ],
)
def test_rows_of_a_ring(window: int | None, max_seq_len: int, context: int, rows: int) -> None:
    assert Lengths(max_context_len=context, max_seq_len=max_seq_len).cache_rows(window) == rows
