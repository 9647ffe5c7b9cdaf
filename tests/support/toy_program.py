"""An artifact whose program has the language-model contract and nothing but ATen operators, exported in two seconds.

Its logits depend on every token of the context, and more so on late ones, so a wrong cache row shows.
"""

import hashlib
import json
from pathlib import Path

import torch
from executorch.exir import to_edge
from torch import Tensor, nn

from mmoe.export.demo.bundled import bundled_checkpoint

VOCAB_SIZE, HIDDEN_SIZE, MAX_CONTEXT_LEN, MAX_SEQ_LEN = 270, 8, 24, 5
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


def write_toy_artifact(folder: Path, **constants: object) -> Path:
    """Exports the model into a folder with a manifest and a tokenizer; `constants` replace constant methods.

    None leaves one out. Returns the path of the program.
    """
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
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(_tokenizer())
    return replace_program(folder, to_edge(exported, constant_methods=kept).to_executorch().buffer)


def replace_program(folder: Path, program: bytes) -> Path:
    """Writes other bytes as the program, and the manifest that belongs to them."""
    path = folder / "model.pte"
    path.write_bytes(program)
    manifest = {
        "format_version": 1,
        "backend": {"name": "xnnpack"},
        "versions": {"executorch": "1.5.1"},
        "architecture": {"num_hidden_layers": 1},
        "runtime": {"vocab_size": VOCAB_SIZE, "bos_id": 1, "stop_ids": EOS_IDS},
        "files": {"model.pte": {"bytes": len(program), "sha256": hashlib.sha256(program).hexdigest()}},
    }
    (folder / "mmoe.json").write_text(json.dumps(manifest))
    return path


def _tokenizer() -> str:
    """The bundled tokenizer without its merges: a token for each byte."""
    document = json.loads((bundled_checkpoint() / "tokenizer.json").read_text(encoding="utf-8"))
    by_id = sorted(document["model"]["vocab"], key=document["model"]["vocab"].__getitem__)
    document["model"] |= {"vocab": {token: index for index, token in enumerate(by_id[:256])}, "merges": []}
    document |= {"added_tokens": [], "post_processor": None}
    return json.dumps(document)
