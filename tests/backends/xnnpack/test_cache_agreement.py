"""What the kind of KV cache alone changes, on the bundled model and its held-out text."""

import dataclasses

import pytest
import torch

from mmoe.backends.xnnpack.attention import attention_component
from mmoe.backends.xnnpack.declaration import KvCache
from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.checkpoints.tokenizer import load_tokenizer
from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.export.verify.text import bundled_text
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE

WINDOW, WINDOWS = 512, 3


def top_tokens(kv_cache: KvCache) -> torch.Tensor:
    """The most probable next token at each position, everything but the cache in float32."""
    checkpoint = open_checkpoint(bundled_checkpoint())
    components = dataclasses.replace(REFERENCE, attention=attention_component(kv_cache))
    decoder = build_decoder(checkpoint, components, max_context_len=WINDOW)
    ids = load_tokenizer(checkpoint.folder, checkpoint.config).encode(bundled_text().content)
    windows = torch.tensor(ids[: WINDOW * WINDOWS]).reshape(WINDOWS, 1, WINDOW)
    start = torch.zeros(1, dtype=torch.int64)
    with torch.no_grad():
        return torch.cat([decoder.all_logits(window, start)[0].argmax(dim=-1) for window in windows])


@pytest.mark.slow
@pytest.mark.parametrize(("kv_cache", "agreement"), [(KvCache.FLOAT16, 0.998), (KvCache.INT8, 0.99)])
def test_a_smaller_cache_chooses_the_same_tokens(kv_cache: KvCache, agreement: float) -> None:
    same = top_tokens(kv_cache) == top_tokens(KvCache.FLOAT32)
    assert len(same) == WINDOW * WINDOWS
    assert same.float().mean() >= agreement
