"""The released models' dimensions, and files of their size that take no space on the disk."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from mmoe.checkpoints.inventory import expected_tensors
from mmoe.models.architectures.registry import parse_config
from tests.support.checkpoints import checkpoint_config, write_config

_COMMON: dict[str, object] = {
    "vocab_size": 128256,
    "num_key_value_heads": 4,
    "head_dim": 64,
    "num_local_experts": 60,
    "num_experts_per_tok": 4,
    "max_position_embeddings": 8192,
}


def _released(
    hidden: int, layers: int, heads: int, expert_width: int, shared_width: int
) -> dict[str, object]:
    return _COMMON | {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": expert_width,
        "intermediate_size_mlp": shared_width,
    }


# Config overrides by model, for `checkpoint_config`.
RELEASED_MODELS = {
    "S": _released(768, 20, 12, 384, 1536),
    "M": _released(1024, 26, 16, 512, 2048),
    "L": _released(1280, 32, 20, 640, 2560),
}


def write_sparse_checkpoint(folder: Path, model: str) -> Path:
    """A checkpoint of the size of a released model whose tensors are holes in a sparse file, read as zeros."""
    folder.mkdir(parents=True, exist_ok=True)
    config = checkpoint_config(RELEASED_MODELS[model])
    write_config(folder, config)
    header, offset = {}, 0
    for name, spec in expected_tensors(parse_config(config, where=model)).items():
        end = offset + spec.num_bytes
        header[name] = {"dtype": spec.dtype, "shape": list(spec.shape), "data_offsets": [offset, end]}
        offset = end
    encoded = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        file.truncate(8 + len(encoded) + offset)
    return folder
