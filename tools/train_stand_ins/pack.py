"""Writes a trained model as `compressed-tensors` has it: int4 matrices by the names of released files."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from safetensors.torch import load_file, save_file
from torch import Tensor

from tools.train_stand_ins.grid import GridModel

_TEXTS = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def write_checkpoint(grid: GridModel, tokenizer: Path, folder: Path) -> None:
    """Writes weights and config, and copies the tokenizer's files from another folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors, config = packed_tensors(grid)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    for name in _TEXTS:
        shutil.copyfile(tokenizer / name, folder / name)


def packed_tensors(grid: GridModel) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the config of the packed checkpoint.

    Released files call and cut tensors otherwise than the modules do, which `transformers` knows. It is given the
    integers in the place of the matrices, and the scales spread over their groups: both are cut as the weights are.
    """
    integers, scales = grid.integers_and_scales()
    spread = {
        name: scale.float().repeat_interleave(grid.group_size, dim=-1) for name, scale in scales.items()
    }
    q, config = _released(grid.model, integers)
    scale, _ = _released(grid.model, spread)
    matrices = _renamed(grid.model, set(integers))
    tensors = {}
    for name, values in q.items():
        if name not in matrices:
            tensors[name] = values.bfloat16() if name == "model.embed_tokens.weight" else values
            continue
        module = name.removesuffix(".weight")
        tensors[f"{module}.weight_packed"] = pack_to_int32(values.to(torch.int8), 4)
        tensors[f"{module}.weight_scale"] = scale[name][..., :: grid.group_size].half().contiguous()
        tensors[f"{module}.weight_shape"] = torch.tensor(values.shape)
    return tensors, config | {"quantization_config": _quantization(grid.group_size)}


def _released(
    model: torch.nn.Module, replaced: dict[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The model's tensors by the names of released files, some of them replaced; and its config."""
    kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(kept | replaced)
    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch, save_original_format=True)
        tensors = load_file(Path(scratch) / "model.safetensors")
        config = json.loads((Path(scratch) / "config.json").read_text())
    model.load_state_dict(kept)
    return tensors, config


def _renamed(model: torch.nn.Module, names: set[str]) -> set[str]:
    """What released files call these tensors: those that change with them."""
    marked = {name: torch.full_like(model.state_dict()[name], 3.0) for name in names}
    return {name for name, tensor in _released(model, marked)[0].items() if bool((tensor == 3).all())}


def _quantization(group_size: int) -> dict[str, Any]:
    weights = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": group_size}
    return {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "config_groups": {
            "group_0": {
                "targets": ["Linear"],
                "weights": weights | {"actorder": None},
                "input_activations": None,
            }
        },
        "ignore": [],
    }
