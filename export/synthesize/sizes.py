"""`config.json` of the released sizes, and of any other size a user describes."""

from __future__ import annotations

import itertools
from enum import StrEnum
from typing import Any

from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.export.synthesize.public_sizes import PUBLIC_SIZES, public_name
from mmoe.models.architectures.config import CONFIG_FILE
from mmoe.models.architectures.config_reader import read_json_object
from mmoe.models.files import as_path
from mmoe.runtime_bindings.python.errors import OptionError

# Vocabulary ids of the family's special tokens, from the released tokenizer.
_BOS_ID = 128000
_END_OF_TEXT_ID = 128001
_EOT_ID = 128008


class ModelSize(StrEnum):
    """The released MobileMoE models (arXiv 2605.27358)."""

    S = "S"
    M = "M"
    L = "L"


DENSE = "MobileLLM-Pro"


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
    """The same model with another number of layers, all with RoPE; layers beyond its own see everything.

    Raises:
        OptionError: there are no layers.
    """
    if layers < 1:
        raise OptionError(f"layers must be at least 1, not {layers}")
    changed: dict[str, Any] = {"num_hidden_layers": layers}
    if "no_rope_layers" in config:
        changed["no_rope_layers"] = [1] * layers
    if "layer_types" in config:
        types = itertools.chain(config["layer_types"], itertools.repeat("full_attention"))
        changed["layer_types"] = list(itertools.islice(types, layers))
    return config | changed


def dense_config() -> dict[str, Any]:
    """The `config.json` of MobileLLM-Pro, as far as it is public.

    Its model card and copies of the file agree on sizes, layer types, window, head_dim and token ids. Assumed after
    its sibling MobileLLM-R1: RoPE and QK-norm in every layer, theta 500,000, eps 1e-5.
    """
    config = {
        "architectures": ["MobileLLMP1ForCausalLM"],
        "vocab_size": 202048,
        "hidden_size": 1280,
        "intermediate_size": 6144,
        "intermediate_size_mlp": 6144,
        "num_attention_heads": 20,
        "num_key_value_heads": 4,
        "head_dim": 64,
        "hidden_act": "silu",
        "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-5,
        "rope_theta": 500000.0,
        "rope_scaling": None,
        # One global layer of four, and the last one.
        "layer_types": (["full_attention"] + ["sliding_attention"] * 3) * 7 + ["full_attention"] * 2,
        "sliding_window": 512,
        "no_rope_layers": [],
        "use_qk_norm": True,
        "attention_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": 200000,
        "eos_token_id": [200001, 200007, 200008],
    }
    return with_layers(config, 30)


def read_size(size: str) -> dict[str, Any]:
    """The config that ``size`` stands for: a released model's name, or the path of a `config.json` or its folder.

    Raises:
        OptionError: it is none of them.
        ConfigError: the file is not a JSON object.
    """
    if size.upper() in ModelSize.__members__:
        return released_config(ModelSize(size.upper()))
    if size.lower() == DENSE.lower():
        return dense_config()
    if (name := public_name(size)) is not None:
        return dict(PUBLIC_SIZES[name])
    path = as_path(size)
    path = path / CONFIG_FILE if path.is_dir() else path
    if not path.is_file():
        names = ", ".join(PUBLIC_SIZES)
        raise OptionError(
            f"size is {size!r}: it must be S, M, L, {DENSE}, {names} or the path of a {CONFIG_FILE}"
        )
    return read_json_object(path)
