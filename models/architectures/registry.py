"""Which config class reads which `config.json`: told by its `architectures`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mmoe.models.architectures.config import CONFIG_FILE, DecoderConfig
from mmoe.models.architectures.config_reader import ConfigReader, read_json_object
from mmoe.models.architectures.ernie45_moe import Ernie45MoEConfig
from mmoe.models.architectures.granite_moe import GraniteMoEConfig, GraniteMoESharedConfig
from mmoe.models.architectures.lfm2_moe import LFM2MoEConfig
from mmoe.models.architectures.mobilellm_pro import MobileLLMProConfig
from mmoe.models.architectures.mobilemoe import MobileMoEConfig
from mmoe.models.architectures.olmoe import OlmoeConfig
from mmoe.models.architectures.qwen3_moe import Qwen3MoEConfig
from mmoe.models.architectures.rope_scaling import ROPE_KEYS, rope_block

ARCHITECTURES: Mapping[str, type[DecoderConfig]] = {
    kind.ARCHITECTURE: kind
    for kind in (
        MobileMoEConfig,
        MobileLLMProConfig,
        OlmoeConfig,
        Qwen3MoEConfig,
        GraniteMoEConfig,
        GraniteMoESharedConfig,
        LFM2MoEConfig,
        Ernie45MoEConfig,
    )
}


_NESTED = "text_config"


def load_config(folder: Path) -> DecoderConfig:
    """Reads ``folder/config.json``.

    Raises:
        ConfigError: when the file is absent, is not JSON, or describes something unsupported.
    """
    path = folder / CONFIG_FILE
    return parse_config(read_json_object(path), where=str(path))


def flat_config(data: Mapping[str, object]) -> dict[str, object]:
    """A parsed `config.json` without the nesting of models that are the text part of another."""
    nested = data.get(_NESTED)
    if not isinstance(nested, dict):
        return dict(data)
    outer = {key: value for key, value in data.items() if key != _NESTED}
    return outer | {key: value for key, value in nested.items() if value is not None or key not in outer}


def parse_config(data: Mapping[str, object], *, where: str) -> DecoderConfig:
    """Validates the parsed `config.json`; keys that are not known are tolerated.

    Args:
        data: the JSON object.
        where: what messages call the file.

    Raises:
        ConfigError: on the first key that is missing, of the wrong kind, or unsupported.
    """
    top = ConfigReader(data, where=where)
    if not top.is_null(_NESTED):
        # The outer model_type names the model that the text model is a part of.
        outer = {key: value for key, value in data.items() if key != "model_type"}
        top = ConfigReader(outer, where=where).beside(top.child(_NESTED))
    reader = top.beside(rope_block(top), ROPE_KEYS)
    reader.require_keys(("architectures",))
    names = reader.strings("architectures")
    if len(names) != 1 or names[0] not in ARCHITECTURES:
        reader.refuse("architectures", " or ".join(f'["{name}"]' for name in ARCHITECTURES))
    return ARCHITECTURES[names[0]].read(reader)
