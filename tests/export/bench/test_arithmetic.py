"""Multiply-adds of a prefill, counted token by token and by hand."""

from pathlib import Path

import pytest

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.export.bench.arithmetic import prefill_multiply_adds
from mmoe.export.demo.bundled import bundled_checkpoint
from tests.support.checkpoints import dense_overrides, write_checkpoint


def test_the_bundled_model_by_hand() -> None:
    config = open_checkpoint(bundled_checkpoint()).config
    # 5 layers, hidden 192, 6 + 2 + 2 heads of 32, 4 of 16 experts of width 96, shared width 384, 2,048 rows.
    projections, output = 192 * (192 + 64 + 64), 192 * 192
    blocks = 3 * 192 * (4 * 96 + 384)
    tokens, call = 100, 32
    calls = 4  # 32, 32, 32 and 4 tokens
    expected = tokens * (5 * projections + 4 * (output + blocks)) + calls * (output + blocks + 2048 * 192)
    keys = sum(position + 1 for position in range(tokens))
    expected += 5 * 2 * 6 * 32 * keys
    assert prefill_multiply_adds(config, tokens, max_seq_len=call) == expected


@pytest.mark.parametrize("tokens", [1, 63, 64, 65, 300])
def test_a_window_bounds_what_is_seen(tmp_path: Path, tokens: int) -> None:
    config = open_checkpoint(write_checkpoint(tmp_path / "checkpoint", dense_overrides())).config
    windows = [layer.window for layer in config.layers]
    assert {window is None for window in windows} == {True, False}
    expected, width = 0, config.num_attention_heads * config.head_dim
    projections = config.hidden_size * (width + 2 * config.num_key_value_heads * config.head_dim)
    for index, window in enumerate(windows):
        block = config.layer(index).feed_forward
        behind = config.hidden_size * (width + 3 * block.width)
        for position in range(tokens):
            seen = min(position + 1, window or tokens)
            last = index < len(windows) - 1 or position == tokens - 1
            expected += projections + 2 * width * seen + (behind if last else 0)
    expected += config.vocab_size * config.hidden_size
    assert prefill_multiply_adds(config, tokens, max_seq_len=512) == expected
