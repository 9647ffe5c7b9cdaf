"""Tells a folder that another tool has packed, by its `config.json` alone."""

from __future__ import annotations

from pathlib import Path

from mmoe.models.architectures.config import CONFIG_FILE
from mmoe.models.architectures.config_reader import read_json_object
from mmoe.models.architectures.registry import flat_config

QUANTIZATION_KEY = "quantization_config"


def is_packed_elsewhere(folder: Path) -> bool:
    """Whether a folder's config has a word on how another tool has packed the weights."""
    path = folder / CONFIG_FILE
    return path.is_file() and flat_config(read_json_object(path)).get(QUANTIZATION_KEY) is not None
