"""Settings of users' folders: ends, sampling and RoPE are what transformers reads from the same files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import GenerationConfig, LlamaConfig, PreTrainedTokenizerFast

from mmoe.checkpoints.errors import TokenizerError
from mmoe.models.architectures.registry import load_config
from mmoe.models.architectures.rope_scaling import RopeScaling
from mmoe.models.errors import ConfigError
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from tests.support.users_folders import FOLDERS, edit, load, rope_parameters

END_OF_TURN = 2047


def test_generation_config(bundled: Path) -> None:
    edit(bundled / "config.json", eos_token_id=2040)
    settings = {
        "bos_token_id": 2039,
        "eos_token_id": [2040, 2046, 280],
        "do_sample": True,
        "temperature": 0.6,
    }
    edit(bundled / "generation_config.json", **settings, top_p=0.9, repetition_penalty=1.15)
    expected = GenerationConfig.from_pretrained(bundled)
    found = load(bundled)
    assert found.stop_ids == {*expected.eos_token_id, END_OF_TURN}
    assert (found.sampling.temperature, found.sampling.top_p, found.sampling.repetition_penalty) == (
        expected.temperature,
        expected.top_p,
        expected.repetition_penalty,
    )


def test_the_end_is_named_elsewhere(bundled: Path) -> None:
    edit(bundled / "config.json", eos_token_id=2040)
    edit(bundled / "tokenizer_config.json", eos_token="<|eom|>")
    expected = PreTrainedTokenizerFast.from_pretrained(bundled).eos_token_id
    assert expected == 2046
    assert load(bundled).stop_ids == {2040, expected, END_OF_TURN}


def test_the_end_is_named_in_the_map_of_special_tokens(bundled: Path) -> None:
    edit(bundled / "config.json", eos_token_id=2040)
    edit(bundled / "special_tokens_map.json", eos_token={"content": "<|eom|>", "lstrip": False})
    assert PreTrainedTokenizerFast.from_pretrained(bundled).eos_token_id == 2046
    assert load(bundled).stop_ids == {2040, 2046, END_OF_TURN}


@pytest.mark.parametrize("absent", [True, False])
def test_only_the_generation_config_names_the_end(bundled: Path, absent: bool) -> None:
    config = json.loads((bundled / "config.json").read_text())
    del config["eos_token_id"]
    (bundled / "config.json").write_text(json.dumps(config if absent else {**config, "eos_token_id": None}))
    edit(bundled / "tokenizer_config.json", eos_token=None)
    edit(bundled / "generation_config.json", eos_token_id=[280])
    assert load(bundled).stop_ids == {280, END_OF_TURN}


@pytest.mark.parametrize(
    ("settings", "sampling"),
    [
        ({"do_sample": False, "temperature": 0.6, "top_k": 5, "top_p": 0.5}, SamplingConfig()),
        ({"do_sample": None, "temperature": 0.6}, SamplingConfig()),
        ({"do_sample": True, "top_k": 0}, SamplingConfig(temperature=1.0)),
        ({"do_sample": True, "top_k": 10**6, "temperature": 1}, SamplingConfig(temperature=1.0, top_k=10**6)),
        ({"do_sample": True, "temperature": 0.0}, SamplingConfig()),
    ],
)
def test_sampling_is_applied_only_where_it_is_switched_on(
    bundled: Path, settings: dict[str, object], sampling: SamplingConfig
) -> None:
    edit(bundled / "generation_config.json", **settings)
    assert load(bundled).sampling == sampling


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        ({"num_beams": 4, "no_repeat_ngram_size": 3}, ("num_beams", "no_repeat_ngram_size")),
        ({"suppress_tokens": [5], "stop_strings": ["x"]}, ("stop_strings", "suppress_tokens")),
        ({"num_beams": 1, "typical_p": 1.0, "suppress_tokens": [], "forced_eos_token_id": None}, ()),
        ({"max_new_tokens": 5, "pad_token_id": 3, "transformers_version": "5.24.0", "use_cache": False}, ()),
    ],
)
def test_settings_that_the_runtime_lacks_are_listed(
    bundled: Path, settings: dict[str, object], keys: tuple[str, ...]
) -> None:
    edit(bundled / "generation_config.json", **settings)
    assert load(bundled).sampling_not_applied == keys


@pytest.mark.parametrize(
    "text",
    [
        '{"eos_token_id": "2040"}',
        '{"eos_token_id": [2040, null]}',
        '{"eos_token_id": [[2040]]}',
        '{"eos_token_id": 2040.0}',
        '{"eos_token_id": -1}',
        '{"do_sample": true, "top_k": -1}',
        '{"do_sample": true, "temperature": NaN}',
        '{"do_sample": true, "temperature": Infinity}',
        '{"repetition_penalty": 0}',
        "[]",
        "",
        "\ufeff{}",
    ],
)
def test_a_senseless_generation_config_is_refused_by_name(bundled: Path, text: str) -> None:
    (bundled / "generation_config.json").write_text(text, encoding="utf-8")
    with pytest.raises(TokenizerError, match=r"generation_config\.json: "):
        load(bundled)


@pytest.mark.parametrize("name", ["rope-parameters", "rope-parameters-beside-null"])
def test_rope_parameters(bundled: Path, name: str) -> None:
    expected = load_config(bundled)
    FOLDERS[name].change(bundled)
    found = load_config(bundled)
    assert found == expected
    assert isinstance(found.rope_scaling, RopeScaling)
    assert found.rope_scaling.factor == 16
    # transformers reads the same in a config of a family that it has.
    data = json.loads((bundled / "config.json").read_text())
    theirs = LlamaConfig(**{key: data[key] for key in ("rope_parameters", "rope_scaling") if data.get(key)})
    assert theirs.rope_parameters["factor"] == found.rope_scaling.factor
    assert theirs.rope_parameters["rope_theta"] == found.rope_theta


SCALING = {"rope_type": "llama3", "original_max_position_embeddings": 512}
SCALING |= {"low_freq_factor": 1.0, "high_freq_factor": 1.0}
NESTED = {"model_type": "mobilemoe"}


@pytest.mark.parametrize(
    ("beside", "told"),
    [
        ({"rope_theta": 9.0}, "disagree: 'rope_theta' is 9.0, 'rope_parameters.rope_theta' is"),
        ({"rope_scaling": {**SCALING, "factor": 8.0}}, "disagree: .*factor' is 16.0, .*factor' is 8.0"),
        ({"rope_scaling": {"rope_type": "default"}}, 'disagree: .*rope_type\' is "llama3", .*"default"'),
        ({"torch_dtype": "float16"}, "'torch_dtype' says, 'float16'"),
        (
            {"text_config": {**NESTED, "dtype": "float16"}},
            "disagree: 'dtype' is \"bfloat16\", 'text_config.dtype'",
        ),
        ({"text_config": {**NESTED, "hidden_size": 32}}, "disagree: 'hidden_size'"),
        ({"text_config": {**NESTED, "eos_token_id": [1]}}, "disagree: 'eos_token_id'"),
    ],
)
def test_spellings_that_disagree_are_refused(bundled: Path, beside: dict[str, object], told: str) -> None:
    rope_parameters(bundled, beside=beside)
    with pytest.raises(ConfigError, match=told):
        load_config(bundled)


def test_a_model_that_is_the_text_part_of_another(bundled: Path) -> None:
    expected = load_config(bundled)
    data = json.loads((bundled / "config.json").read_text())
    outer = {"architectures": data.pop("architectures"), "model_type": "picture_reader", "dtype": "bfloat16"}
    (bundled / "config.json").write_text(json.dumps({**outer, "text_config": data}))
    assert load_config(bundled) == expected
