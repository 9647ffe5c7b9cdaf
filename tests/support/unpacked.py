"""A packed checkpoint written out in bfloat16, as Base, SFT and some QAT models are released."""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from mmoe.checkpoints.checkpoint import Checkpoint
from tests.support.float64_model import unpack

# How the packed parts of a matrix are called, and the matrix itself.
_NAMES = ((".qweight", ".weight_scale", ".weight"), ("_qweight", "_scale", "_proj"))


def unpacked_tensors(checkpoint: Checkpoint, *, noise: float = 0.0, seed: int = 0) -> dict[str, torch.Tensor]:
    """The tensors by their bfloat16 names; `noise` is the deviation of each weight, relative to its group's scale."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name in checkpoint.specs:
        for values_end, scale_end, end in _NAMES:
            if name.endswith(values_end):
                stem = name.removesuffix(values_end)
                scale = checkpoint.tensor(stem + scale_end).numpy()
                exact = unpack(checkpoint.tensor(name).numpy(), scale)
                deviation = np.repeat(scale.astype(np.float64), 32, axis=-1)
                exact += noise * deviation * rng.standard_normal(exact.shape)
                tensors[stem + end] = torch.from_numpy(exact).float().bfloat16()
                break
        else:
            if not name.endswith("_scale"):
                tensors[name] = checkpoint.tensor(name).bfloat16()
    return tensors


def write_unpacked(folder: Path, checkpoint: Checkpoint, *, noise: float = 0.0) -> Path:
    """Writes such a checkpoint, with the tokenizer of the packed one."""
    folder.mkdir(parents=True)
    for path in checkpoint.folder.iterdir():
        if path.suffix in (".json", ".jinja"):
            shutil.copyfile(path, folder / path.name)
    config = json.loads((checkpoint.folder / "config.json").read_text(encoding="utf-8"))
    del config["quantization"]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(unpacked_tensors(checkpoint, noise=noise), folder / "model.safetensors")
    return folder
