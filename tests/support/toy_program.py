"""A program with the language-model contract and nothing but ATen operators, exported in two seconds.

Its logits depend on every token of the context, and more so on late ones, so a wrong cache row shows.
"""

from pathlib import Path

import torch
from executorch.exir import to_edge
from torch import Tensor, nn

VOCAB_SIZE, HIDDEN_SIZE, MAX_CONTEXT_LEN, MAX_SEQ_LEN = 50, 8, 24, 5
EOS_IDS = [3, 4]


class ToyModel(nn.Module):
    """Logits from the position-weighted mean of the embeddings in the cache."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("embedding", torch.randn(VOCAB_SIZE, HIDDEN_SIZE, generator=generator))
        self.register_buffer("head", torch.randn(HIDDEN_SIZE, VOCAB_SIZE, generator=generator))
        self.register_buffer("cache", torch.zeros(1, MAX_CONTEXT_LEN, HIDDEN_SIZE))

    def forward(self, tokens: Tensor, input_pos: Tensor) -> Tensor:
        rows = input_pos + torch.arange(tokens.shape[1])
        self.cache.index_copy_(1, rows, nn.functional.embedding(tokens, self.embedding))
        places = torch.arange(MAX_CONTEXT_LEN)
        weights = (places < input_pos + tokens.shape[1]) * (places + 1.0)
        return (weights.view(1, 1, -1) @ self.cache).view(1, -1) @ self.head / weights.sum()


def toy_logits(ids: list[int]) -> Tensor:
    """float32 ``[V]``, without a cache."""
    model = ToyModel()
    weights = torch.arange(len(ids)) + 1.0
    return weights @ model.embedding[ids] @ model.head / weights.sum()


def write_toy_program(path: Path, **constants: object) -> Path:
    """Exports the model; `constants` replace constant methods (None leaves one out)."""
    methods = {
        "get_max_seq_len": MAX_SEQ_LEN,
        "get_max_context_len": MAX_CONTEXT_LEN,
        "get_vocab_size": VOCAB_SIZE,
        "get_n_layers": 1,
        "get_bos_id": 1,
        "get_eos_ids": EOS_IDS,
        **constants,
    }
    example = (torch.zeros(1, 2, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))
    shapes = ({1: torch.export.Dim("num_tokens", min=1, max=MAX_SEQ_LEN)}, None)
    exported = torch.export.export(ToyModel(), example, dynamic_shapes=shapes)
    kept = {name: value for name, value in methods.items() if value is not None}
    path.write_bytes(to_edge(exported, constant_methods=kept).to_executorch().buffer)
    return path
