"""The trained stand-ins of public families, which `tools/train_stand_ins` made."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import torch
import transformers
from compressed_tensors.compressors.pack_quantized import PackedQuantizationCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from safetensors.torch import load_file, save_file

from mmoe.export.verify.text import bundled_text

FOLDER = Path(__file__).parents[1] / "data" / "stand_ins"
NAMES = ("granitemoeshared", "lfm2_moe", "olmoe", "qwen3_moe")


def in_transformers(name: str, scratch: Path) -> transformers.PreTrainedModel:
    """A stand-in as `transformers` computes it, with the weights that `compressed-tensors` unpacks, in float32.

    Args:
        name: Of its folder.
        scratch: An empty folder for the unpacked model.
    """
    stored = load_file(FOLDER / name / "model.safetensors")
    config = json.loads((FOLDER / name / "config.json").read_text())
    (group,) = config.pop("quantization_config")["config_groups"].values()
    scheme = QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(**group["weights"]))
    dense = {}
    for key, tensor in stored.items():
        module, _, part = key.rpartition(".")
        if part == "weight_packed":
            state = {
                part: stored[f"{module}.{part}"] for part in ("weight_packed", "weight_scale", "weight_shape")
            }
            state["weight_scale"] = state["weight_scale"].float()
            dense[f"{module}.weight"] = PackedQuantizationCompressor.decompress(state, scheme)["weight"]
        elif part not in ("weight_scale", "weight_shape"):
            dense[key] = tensor.float()
    save_file(dense, scratch / "model.safetensors", metadata={"format": "pt"})
    (scratch / "config.json").write_text(json.dumps(config))
    model: transformers.PreTrainedModel = transformers.AutoModelForCausalLM.from_pretrained(
        scratch, dtype=torch.float32
    )
    model.eval()
    return model


def write_first_layers(folder: Path, name: str, layers: int) -> Path:
    """A stand-in cut off behind its first layers, for what takes long for each of them."""
    shutil.copytree(FOLDER / name, folder)
    config = json.loads((folder / "config.json").read_text())
    config["num_hidden_layers"] = layers
    if config.get("layer_types"):
        config["layer_types"] = config["layer_types"][:layers]
    (folder / "config.json").write_text(json.dumps(config))
    left = re.compile(r"model\.layers\.(\d+)\.")
    tensors = load_file(FOLDER / name / "model.safetensors")
    kept = {
        key: tensor
        for key, tensor in tensors.items()
        if not (match := left.match(key)) or int(match[1]) < layers
    }
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def held_out_ids(folder: Path, count: int) -> list[int]:
    """The first ids of the held-out text, the one that begins a text included."""
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    ids: list[int] = tokenizer.encode(bundled_text().content)[:count]
    return ids
