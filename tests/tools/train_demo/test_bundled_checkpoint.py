"""The bundled checkpoint is small, balanced and has learnt its source."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmoe.checkpoints.checkpoint import Checkpoint, open_checkpoint
from mmoe.checkpoints.tokenizer import load_tokenizer
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE

_DEMO = Path(__file__).parents[3] / "export" / "demo"
_ROWS = 4


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return open_checkpoint(_DEMO / "checkpoint")


@pytest.fixture(scope="module")
def held_out(checkpoint: Checkpoint) -> Tensor:
    """int64 ``[4, 512]``: held-out text in rows that begin with BOS."""
    tokenizer = load_tokenizer(checkpoint.folder, checkpoint.config)
    ids = torch.tensor(tokenizer.encode((_DEMO / "held_out.txt").read_text()))
    length = checkpoint.config.max_position_embeddings - 1
    rows = ids[1 : 1 + _ROWS * length].view(_ROWS, length)
    return torch.cat((ids[:1].expand(_ROWS, 1), rows), dim=1)


def test_it_is_small_and_its_embedding_a_small_part(checkpoint: Checkpoint) -> None:
    assert sum(file.stat().st_size for file in _DEMO.rglob("*") if file.is_file()) <= 3.9e6
    embedding = sum(
        checkpoint.tensor(f"model.embed_tokens.{name}").nbytes for name in ("qweight", "weight_scale")
    )
    assert embedding <= 0.07 * checkpoint.total_bytes


def test_it_predicts_text_that_it_never_saw(checkpoint: Checkpoint, held_out: Tensor) -> None:
    decoder = build_decoder(checkpoint, REFERENCE, max_context_len=held_out.shape[1])
    start = torch.zeros(1, dtype=torch.int64)
    with torch.no_grad():
        losses = [F.cross_entropy(decoder.all_logits(row[None], start)[0, :-1], row[1:]) for row in held_out]
    assert torch.stack(losses).mean().exp() < 24
