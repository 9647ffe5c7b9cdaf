"""Small random models of public families, made and saved by `transformers`: the oracle of what they compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

# Wide enough for whole groups of 32, small enough for a tenth of a second.
SIZES: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "eos_token_id": 5,
    "bos_token_id": 1,
    "num_experts_per_tok": 3,
}


def make_model(family: str, *, seed: int = 0, **options: Any) -> transformers.PreTrainedModel:
    """A model of ``family`` (as in `OlmoeForCausalLM`) whose every parameter is random, norms and biases included."""
    config = getattr(transformers, f"{family}Config")(**SIZES | options)
    torch.manual_seed(seed)
    model: transformers.PreTrainedModel = getattr(transformers, f"{family}ForCausalLM")(config).float().eval()
    tied = {"lm_head.weight"} if config.tie_word_embeddings else set()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            if "inv_freq" in name or name in tied:
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            is_norm = "norm" in name
            tensor.copy_(1 + 0.2 * noise if is_norm else noise * _deviation(name, tensor))
    return model


def save_model(model: transformers.PreTrainedModel, folder: Path, *, as_in_memory: bool = False) -> Path:
    """Saves it under the names of released files or, as transformers 5 has them, of the modules."""
    model.save_pretrained(folder, save_original_format=not as_in_memory)
    return folder


def _deviation(name: str, tensor: torch.Tensor) -> float:
    """Keeps activations near one, and the router decided."""
    if tensor.dim() == 1:
        return 0.3
    if "embed" in name or "lm_head" in name or "conv.conv" in name:
        return 0.5
    if "router" in name or name.endswith("gate.weight"):
        return 0.25
    return float(tensor.shape[-1] ** -0.5)
