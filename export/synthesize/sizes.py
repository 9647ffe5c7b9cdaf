"""`config.json` of the released sizes, and of any other size a user describes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from mmoe.export.bundled import bundled_checkpoint
from mmoe.export.config import CONFIG_FILE
from mmoe.export.config_reader import read_json_object
from mmoe.export.errors import OptionError

# Vocabulary ids of the family's special tokens, from the released tokenizer.
_BOS_ID = 128000
_END_OF_TEXT_ID = 128001
_EOT_ID = 128008


class ModelSize(StrEnum):
    """The released MobileMoE models (arXiv 2605.27358)."""

    S = "S"
    M = "M"
    L = "L"


# hidden_size, num_hidden_layers, num_attention_heads, intermediate_size, intermediate_size_mlp
_DIMENSIONS = {
    ModelSize.S: (768, 20, 12, 384, 1536),
    ModelSize.M: (1024, 26, 16, 512, 2048),
    ModelSize.L: (1280, 32, 20, 640, 2560),
}


def released_config(size: ModelSize) -> dict[str, Any]:
    """The `config.json` of a released model.

    What does not depend on the size is the bundled checkpoint's, which follows the released ones.
    """
    hidden, layers, heads, expert_width, shared_width = _DIMENSIONS[size]
    config = read_json_object(bundled_checkpoint() / CONFIG_FILE)
    config |= {
        "vocab_size": 128256,
        "hidden_size": hidden,
        "intermediate_size": expert_width,
        "intermediate_size_mlp": shared_width,
        "num_attention_heads": heads,
        "num_key_value_heads": 4,
        "head_dim": 64,
        "max_position_embeddings": 8192,
        "rope_theta": 500000.0,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 16.0,
            "original_max_position_embeddings": 8192,
            "low_freq_factor": 1.0,
            "high_freq_factor": 1.0,
        },
        "num_local_experts": 60,
        "num_experts_per_tok": 4,
        "bos_token_id": _BOS_ID,
        "eos_token_id": [_END_OF_TEXT_ID, _EOT_ID],
    }
    return with_layers(config, layers)


def with_layers(config: dict[str, Any], layers: int) -> dict[str, Any]:
    """The same model with another number of layers, all with RoPE and full attention.

    Raises:
        OptionError: there are no layers.
    """
    if layers < 1:
        raise OptionError(f"layers must be at least 1, not {layers}")
    return config | {
        "num_hidden_layers": layers,
        "no_rope_layers": [1] * layers,
        "layer_types": ["full_attention"] * layers,
    }


def read_size(size: str) -> dict[str, Any]:
    """The config that ``size`` stands for: S, M, L, or a path of a `config.json` or of a folder that has one.

    Raises:
        OptionError: it is none of them.
        ConfigError: the file is not a JSON object.
    """
    if size.upper() in ModelSize.__members__:
        return released_config(ModelSize(size.upper()))
    path = Path(size).expanduser()
    path = path / CONFIG_FILE if path.is_dir() else path
    if not path.is_file():
        raise OptionError(f"size is {size!r}: it must be S, M, L or the path of a {CONFIG_FILE}")
    return read_json_object(path)
