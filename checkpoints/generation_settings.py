"""`generation_config.json`: what ends generation, and how its author samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.text_files import read_json
from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.models.errors import ConfigError
from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.sampling import SamplingConfig

GENERATION_FILE = "generation_config.json"


@dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """What the file says; without one, nothing.

    Attributes:
        eos_token_ids: Ids that end generation.
        sampling: How to choose tokens: greedy unless `do_sample` is true, as in transformers, where a temperature
            alone changes nothing. What is not set is not applied; transformers itself would sample from 50 tokens.
    """

    eos_token_ids: tuple[int, ...] = ()
    sampling: SamplingConfig = field(default_factory=SamplingConfig)


def read_generation_settings(folder: Path, *, vocab_size: int) -> GenerationSettings:
    """Reads the file of a checkpoint or artifact folder.

    Args:
        folder: The folder.
        vocab_size: Of the model, for ids.

    Raises:
        TokenizerError: the file is unreadable, or a value is of the wrong kind or outside its range.
    """
    path = folder / GENERATION_FILE
    data = read_json(path)
    if data is None:
        return GenerationSettings()
    reader = ConfigReader(data, where=str(path))
    try:
        eos = (
            () if reader.is_null("eos_token_id") else reader.token_ids("eos_token_id", vocab_size=vocab_size)
        )
        return GenerationSettings(eos_token_ids=eos, sampling=_sampling(reader))
    except ConfigError as error:
        raise TokenizerError(str(error)) from error
    except OptionError as error:
        raise TokenizerError(f"{path}: {error}; correct it or remove it") from error


def _sampling(reader: ConfigReader) -> SamplingConfig:
    penalty = _number(reader, "repetition_penalty", 1.0)
    if reader.is_null("do_sample") or not reader.boolean("do_sample"):
        return SamplingConfig(repetition_penalty=penalty)
    top_k = 0 if reader.is_null("top_k") else reader.integer("top_k", minimum=0)
    return SamplingConfig(
        temperature=_number(reader, "temperature", 1.0),
        top_k=top_k or None,
        top_p=_number(reader, "top_p", 1.0),
        min_p=_number(reader, "min_p", 0.0),
        repetition_penalty=penalty,
    )


def _number(reader: ConfigReader, key: str, default: float) -> float:
    return default if reader.is_null(key) else reader.number(key, minimum=0)
