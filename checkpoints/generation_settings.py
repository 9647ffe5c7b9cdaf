"""`generation_config.json`: what ends generation, and how its author samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.text_files import read_json
from mmoe.models.architectures.config_reader import ConfigReader
from mmoe.models.errors import ConfigError
from mmoe.runtime_bindings.python.errors import OptionError
from mmoe.runtime_bindings.python.sampling import SamplingConfig

GENERATION_FILE = "generation_config.json"

# What else chooses tokens in transformers, and the value with which it does not.
_NOT_APPLIED: Mapping[str, object] = {
    **dict.fromkeys(("num_beams", "typical_p", "encoder_repetition_penalty", "guidance_scale"), 1),
    **dict.fromkeys(
        (
            *("bad_words_ids", "begin_suppress_tokens", "constraints", "dola_layers", "epsilon_cutoff"),
            *("eta_cutoff", "exponential_decay_length_penalty", "force_words_ids", "forced_bos_token_id"),
            *("forced_eos_token_id", "min_length", "min_new_tokens", "no_repeat_ngram_size", "penalty_alpha"),
            *("sequence_bias", "stop_strings", "suppress_tokens", "top_h", "watermarking_config"),
        ),
        None,
    ),
}


@dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """What the file says; without one, nothing.

    Attributes:
        eos_token_ids: Ids that end generation.
        sampling: How to choose tokens: greedy unless `do_sample` is true, as in transformers, where a temperature
            alone changes nothing. What is not set is not applied; transformers itself would sample from 50 tokens.
        not_applied: Keys of settings that would choose other tokens and that the runtime does not have.
    """

    eos_token_ids: tuple[int, ...] = ()
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    not_applied: tuple[str, ...] = ()


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
        return GenerationSettings(
            eos_token_ids=eos,
            sampling=_sampling(reader),
            not_applied=tuple(
                key for key, neutral in _NOT_APPLIED.items() if data.get(key) and data[key] != neutral
            ),
        )
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
