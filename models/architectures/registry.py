"""Which config class reads which `config.json`: told by its `architectures`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mmoe.models.architectures.config import CONFIG_FILE, DecoderConfig
from mmoe.models.architectures.config_reader import ConfigReader, read_json_object
from mmoe.models.architectures.mobilellm_pro import MobileLLMProConfig
from mmoe.models.architectures.mobilemoe import MobileMoEConfig

ARCHITECTURES: Mapping[str, type[DecoderConfig]] = {
    kind.ARCHITECTURE: kind for kind in (MobileMoEConfig, MobileLLMProConfig)
}


def load_config(folder: Path) -> DecoderConfig:
    """Reads ``folder/config.json``.

    Raises:
        ConfigError: when the file is absent, is not JSON, or describes something unsupported.
    """
    path = folder / CONFIG_FILE
    return parse_config(read_json_object(path), where=str(path))


def parse_config(data: Mapping[str, object], *, where: str) -> DecoderConfig:
    """Validates the parsed `config.json`; keys that are not known are tolerated.

    Args:
        data: the JSON object.
        where: what messages call the file.

    Raises:
        ConfigError: on the first key that is missing, of the wrong kind, or unsupported.
    """
    reader = ConfigReader(data, where=where)
    reader.require_keys(("architectures",))
    names = reader.strings("architectures")
    if len(names) != 1 or names[0] not in ARCHITECTURES:
        reader.refuse("architectures", " or ".join(f'["{name}"]' for name in ARCHITECTURES))
    return ARCHITECTURES[names[0]].read(reader)
