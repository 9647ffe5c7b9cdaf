"""Tells a folder that another tool has packed, by its `config.json`."""

from __future__ import annotations

from pathlib import Path

from mmoe.checkpoints.errors import CheckpointError
from mmoe.checkpoints.shards import TensorFiles
from mmoe.models.architectures.config import CONFIG_FILE
from mmoe.models.architectures.config_reader import read_json_object
from mmoe.models.architectures.registry import flat_config

QUANTIZATION_KEY = "quantization_config"

# Where older versions of other tools say it: AutoGPTQ and AutoAWQ beside config.json, compressed-tensors in it.
_OLDER_FILES = {"quantize_config.json": "gptq", "quant_config.json": "awq"}
_OLDER_KEY = "compression_config"
_PACKED = ".qzeros"


def is_packed_elsewhere(folder: Path) -> bool:
    """Whether a folder's config has a word on how another tool has packed the weights.

    Raises:
        CheckpointError: it is said where older versions of such tools said it.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        return False
    described = flat_config(read_json_object(path))
    if described.get(QUANTIZATION_KEY) is not None:
        return True
    if described.get(_OLDER_KEY) is not None:
        raise CheckpointError(f"{path}: '{_OLDER_KEY}' is what '{QUANTIZATION_KEY}' was called; rename it")
    for name, method in _OLDER_FILES.items():
        if (folder / name).is_file() and any(
            tensor.endswith(_PACKED) for tensor in TensorFiles(folder).specs
        ):
            raise CheckpointError(
                f"{path}: has no '{QUANTIZATION_KEY}', though {name} beside it says how the weights are packed; "
                f'put what is in that file there, with "quant_method": "{method}"'
            )
    return False
