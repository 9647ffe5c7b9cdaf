"""Writes a trained model as a packed checkpoint, `mobilemoe-int4-g32`."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor

from tools.train_demo.model import TrainableDecoder
from tools.train_demo.tokenizer import BOS, EOS, EOT, save_tokenizer, special_id
from tools.train_demo.weights import GroupedWeight


def packed_tensors(model: TrainableDecoder) -> dict[str, Tensor]:
    """The checkpoint's tensors, by the names of the released checkpoints."""
    tensors = {"model.norm.weight": model.norm.weight.detach().bfloat16()}
    _add(tensors, "model.embed_tokens", model.embed_tokens)
    for index, layer in enumerate(model.decoder_layers()):
        prefix = f"model.layers.{index}"
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{prefix}.{name}.weight"] = getattr(layer, name).weight.detach().bfloat16()
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            _add(tensors, f"{prefix}.self_attn.{name}", getattr(layer.self_attn, name))
        prefix += ".feed_forward"
        for name in ("gate_proj", "up_proj", "down_proj"):
            _add(tensors, f"{prefix}.shared_expert.{name}", getattr(layer.shared_expert, name))
        tensors[f"{prefix}.router.weight"] = layer.experts.router.weight.detach()
        tensors[f"{prefix}.expert_bias"] = layer.experts.router.bias.bfloat16()
        for name in ("gate_up", "down"):
            qweight, scale = getattr(layer.experts, name).packed()
            tensors[f"{prefix}.experts.{name}_qweight"] = qweight
            tensors[f"{prefix}.experts.{name}_scale"] = scale
    return tensors


def write_checkpoint(model: TrainableDecoder, tokenizer: Tokenizer, folder: Path) -> None:
    """Writes `model.safetensors`, `config.json` and the tokenizer's files into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        save_file(packed_tensors(model), folder / "model.safetensors", metadata={"format": "pt"})
    config = model.shape.config_json(
        bos_token_id=special_id(tokenizer, BOS),
        eos_token_ids=[special_id(tokenizer, EOS), special_id(tokenizer, EOT)],
    )
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_tokenizer(tokenizer, folder, max_length=model.shape.max_position_embeddings)


def _add(tensors: dict[str, Tensor], prefix: str, weight: GroupedWeight) -> None:
    tensors[f"{prefix}.qweight"], tensors[f"{prefix}.weight_scale"] = weight.packed()
