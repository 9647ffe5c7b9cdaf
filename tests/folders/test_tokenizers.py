"""Tokenizers of users' folders: the runtime's ids are those of Hugging Face's libraries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.runtime_reader import require_readable
from mmoe.checkpoints.tokenizer import load_tokenizer
from mmoe.export.convert.carried import carried_files
from mmoe.models.architectures.registry import load_config
from mmoe.runtime_bindings.python.tokenizer import CoreTokenizer
from tests.support.generated_text import generated
from tests.support.users_folders import FOLDERS, edit, load, tokenizer_parts

NORMALIZERS: dict[str, list[dict[str, object]]] = {
    "NFKC and lower case": [{"type": "NFKC"}, {"type": "Lowercase"}],
    "prepended and replaced": [
        {"type": "Prepend", "prepend": "x"},
        {"type": "Replace", "pattern": {"String": "1"}, "content": "one "},
    ],
    "nested": [{"type": "Sequence", "normalizers": [{"type": "NFC"}]}, {"type": "Lowercase"}],
    "none at all": [],
}


def assert_same_ids(folder: Path) -> None:
    runtime = CoreTokenizer((folder / "tokenizer.json").read_bytes())
    expected = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer = load(folder)
    for text in generated(300, seed=3):
        ids = expected.encode(text).ids
        assert tokenizer.encode(text) == ids, repr(text)
        assert runtime.encode(text.encode(), add_bos=True) == ids, repr(text)


@pytest.mark.parametrize("name", ["nfc-normalizer", "gpt2-split", "digits-split"])
def test_parts_of_other_families(bundled: Path, name: str) -> None:
    FOLDERS[name].change(bundled)
    assert_same_ids(bundled)


@pytest.mark.parametrize("steps", NORMALIZERS.values(), ids=NORMALIZERS)
def test_sequences_of_normalizers(bundled: Path, steps: list[dict[str, object]]) -> None:
    tokenizer_parts(normalizer={"type": "Sequence", "normalizers": steps})(bundled)
    assert_same_ids(bundled)


def test_leftovers_of_training_cut_nothing(bundled: Path) -> None:
    plain = load(bundled).encode("In the beginning God created")
    tokenizer_parts(
        truncation={"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
        padding={"strategy": {"Fixed": 20}, "direction": "Left", "pad_to_multiple_of": None}
        | {"pad_id": 4, "pad_type_id": 0, "pad_token": "<|eot|>"},
    )(bundled)
    assert load(bundled).encode("In the beginning God created") == plain
    require_readable(bundled, load(bundled))


ODD_TEXT = "a <|image|>b  [PAD]<|eot|> <|eot|>x<|other|>"
IMAGE = {"content": "<|image|>", "lstrip": True, "rstrip": False, "single_word": False, "normalized": False}


@pytest.mark.parametrize(
    "files",
    [
        {"tokenizer_config.json": {"pad_token": "[PAD]"}},
        {"tokenizer_config.json": {"additional_special_tokens": ["<|image|>", "[PAD]"]}},
        {"tokenizer_config.json": {"extra_special_tokens": ["<|image|>"]}},
        {"tokenizer_config.json": {"extra_special_tokens": {"image_token": "<|image|>"}}},
        {"tokenizer_config.json": {"image_token": "<|image|>", "unk_token": "[PAD]"}},
        {"tokenizer_config.json": {"added_tokens_decoder": {"2048": {**IMAGE, "special": True}}}},
        {
            "tokenizer_config.json": {
                "added_tokens_decoder": {"2047": {**IMAGE, "content": "<|eot|>", "special": True}}
            }
        },
        {"special_tokens_map.json": {"pad_token": {**IMAGE, "content": "[PAD]"}}},
        {"special_tokens_map.json": {"additional_special_tokens": ["<|image|>"]}},
        {
            "tokenizer_config.json": {"added_tokens_decoder": {}},
            "special_tokens_map.json": {"additional_special_tokens": ["<|image|>"]},
        },
        {"added_tokens.json": {"<|other|>": 2049, "<|image|>": 2048}},
        {"tokenizer_config.json": {"eos_token": "the"}},
    ],
)
def test_tokens_that_only_the_settings_have(bundled: Path, files: dict[str, dict[str, Any]]) -> None:
    edit(bundled / "config.json", vocab_size=2080)
    for name, keys in files.items():
        edit(bundled / name, **keys)
    theirs = PreTrainedTokenizerFast.from_pretrained(bundled)
    tokenizer = load(bundled)
    for text in (ODD_TEXT, "the other", *generated(50, seed=4)):
        assert tokenizer.encode(text) == theirs(text)["input_ids"], repr(text)
    # An app gets one file that says it all.
    written = carried_files(bundled, tokenizer)["tokenizer.json"]
    assert CoreTokenizer(written).encode(ODD_TEXT.encode(), add_bos=True) == theirs(ODD_TEXT)["input_ids"]
    (bundled / "tokenizer.json").write_bytes(written)
    assert load(bundled).encode(ODD_TEXT) == theirs(ODD_TEXT)["input_ids"]


def test_a_special_token_that_is_only_a_word_of_the_vocabulary(bundled: Path) -> None:
    data = json.loads((bundled / "tokenizer.json").read_text())
    first, *added = data["added_tokens"]
    vocabulary = {**data["model"], "vocab": {**data["model"]["vocab"], first["content"]: first["id"]}}
    tokenizer_parts(added_tokens=added, model=vocabulary)(bundled)
    edit(bundled / "tokenizer_config.json", pad_token=first["content"])
    text = f"a{first['content']}b"
    ids = PreTrainedTokenizerFast.from_pretrained(bundled)(text)["input_ids"]
    assert ids[2] == first["id"]
    assert load(bundled).encode(text) == ids


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"added_tokens.json": {"<|image|>": 2060}},
            r"added_tokens\.json: gives '<\|image\|>' the id 2060, .* 2048",
        ),
        (
            {"added_tokens.json": {"<|image|>": "2048"}},
            r"added_tokens\.json: is not an object of ids by token",
        ),
        ({"tokenizer_config.json": {"added_tokens_decoder": []}}, "'added_tokens_decoder' is not an object"),
        (
            {"tokenizer_config.json": {"added_tokens_decoder": {"x": "y"}}},
            "'added_tokens_decoder' is not an object",
        ),
        (
            {"tokenizer_config.json": {"added_tokens_decoder": {"2048": {**IMAGE, "lstrip": 1}}}},
            r"'added_tokens_decoder\.2048\.lstrip' is neither true nor false",
        ),
        (
            {"tokenizer_config.json": {"extra_special_tokens": "<|image|>"}},
            "'extra_special_tokens' is neither a list",
        ),
        (
            {"tokenizer_config.json": {"extra_special_tokens": [3]}},
            r"'extra_special_tokens\[0\]' is neither a text",
        ),
        ({"tokenizer_config.json": {"split_special_tokens": True}}, "'split_special_tokens' is set"),
        (
            {"tokenizer_config.json": {"pad_token": "[PAD]"}, "config.json": {"vocab_size": 2048}},
            "ids up to 2048",
        ),
    ],
)
def test_settings_that_contradict_the_tokenizer_are_refused(
    bundled: Path, files: dict[str, dict[str, Any]], told: str
) -> None:
    for name, keys in ({"config.json": {"vocab_size": 2080}} | files).items():
        edit(bundled / name, **keys)
    with pytest.raises(TokenizerError, match=told):
        load(bundled)


@pytest.mark.parametrize(
    "parts",
    [
        {"normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True}},
        # On these two Hugging Face's own reader panics.
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
        {"model": {"continuing_subword_prefix": "##"}},
        {"model": {"end_of_word_suffix": "</w>"}},
        {"model": {"dropout": 0.5}},
        {
            "pre_tokenizer": {
                "type": "Split",
                "pattern": {"Regex": "(?<=a)b"},
                "behavior": "Isolated",
                "invert": False,
            }
        },
        {
            "pre_tokenizer": {
                "type": "Split",
                "pattern": {"Regex": "(a*)*b"},
                "behavior": "Isolated",
                "invert": False,
            }
        },
        {"decoder": None},
    ],
)
def test_what_the_runtime_cannot_do_is_refused(bundled: Path, parts: dict[str, Any]) -> None:
    data = json.loads((bundled / "tokenizer.json").read_text())
    tokenizer_parts(**{k: {**data[k], **v} if k == "model" else v for k, v in parts.items()})(bundled)
    with pytest.raises(
        TokenizerError, match=r"tokenizer\.json: (the runtime cannot read this|is not a readable) tokenizer"
    ):
        require_readable(bundled, load(bundled))


def test_a_panic_of_the_library_is_an_error_like_any_other(bundled: Path) -> None:
    tokenizer_parts(normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"})(bundled)
    with pytest.raises(TokenizerError, match=r"tokenizer\.json: is not a readable tokenizer"):
        load_tokenizer(bundled, load_config(bundled))
