"""A packed model against the trainer's own forward pass and against the product's reader and reference model."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from mmoe.checkpoints.checkpoint import open_checkpoint
from mmoe.models.decoder import build_decoder
from mmoe.models.reference import REFERENCE
from mmoe.quant.int4 import dequantize
from tools.train_demo.model import TrainableDecoder
from tools.train_demo.pack import packed_tensors, write_checkpoint
from tools.train_demo.shape import ModelShape
from tools.train_demo.tokenizer import BOS, train_tokenizer

_SHAPE = ModelShape(
    vocab_size=300, hidden_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
    num_local_experts=5, num_experts_per_tok=2, intermediate_size=32, intermediate_size_mlp=64,
    max_position_embeddings=64,
)  # fmt: skip


@pytest.fixture
def model() -> TrainableDecoder:
    torch.manual_seed(0)
    model = TrainableDecoder(_SHAPE, dropout=0.0)
    for router in model.routers():
        router.bias.normal_(0, 0.1)
    model.start_quantization()
    return model


@pytest.fixture
def tokenizer() -> Tokenizer:
    words = [f"{first}{second} " for first in "abcdefgh" for second in "klmnopqr"]
    return train_tokenizer(words, vocab_size=_SHAPE.vocab_size)


def test_packed_values_are_those_of_the_forward_pass(model: TrainableDecoder) -> None:
    tensors = packed_tensors(model)
    layer = model.decoder_layers()[1]
    prefix = "model.layers.1"
    for name, weight in (
        (f"{prefix}.self_attn.q_proj", layer.self_attn.q_proj),
        (f"{prefix}.feed_forward.shared_expert.down_proj", layer.shared_expert.down_proj),
        ("model.embed_tokens", model.embed_tokens),
    ):
        stored = dequantize(tensors[f"{name}.qweight"], tensors[f"{name}.weight_scale"])
        assert torch.equal(stored, weight(torch.float32))
    experts = f"{prefix}.feed_forward.experts"
    stored = dequantize(tensors[f"{experts}.gate_up_qweight"], tensors[f"{experts}.gate_up_scale"])
    assert torch.equal(stored, layer.experts.gate_up(torch.float32))


def test_the_reader_and_the_reference_model_agree_with_the_trainer(
    model: TrainableDecoder, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    write_checkpoint(model, tokenizer, tmp_path)
    checkpoint = open_checkpoint(tmp_path)
    checkpoint.check_values()
    decoder = build_decoder(checkpoint, REFERENCE, max_context_len=_SHAPE.max_position_embeddings)
    tokens = torch.randint(0, _SHAPE.vocab_size, (1, _SHAPE.max_position_embeddings))
    model.dtype, model.int8 = torch.float32, False
    with torch.no_grad():
        expected = model.eval()(tokens)
        torch.testing.assert_close(
            decoder.all_logits(tokens, torch.zeros(1, dtype=torch.int64)), expected, rtol=1e-4, atol=1e-5
        )
    assert checkpoint.config.num_local_experts == _SHAPE.num_local_experts
    assert checkpoint.config.bos_token_id == tokenizer.token_to_id(BOS)
