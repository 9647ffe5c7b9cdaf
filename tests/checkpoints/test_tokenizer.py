"""Tokenizer: round trips, BOS once, stop ids, and refusals by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.tokenizer import ChatTokenizer, Message, load_tokenizer
from mmoe.models.architectures.mobilemoe import MobileMoEConfig
from mmoe.models.architectures.registry import parse_config
from tests.support.checkpoints import checkpoint_config
from tests.support.tokenizers import (
    BOS_ID,
    CHAT_TEMPLATE,
    END_OF_TEXT_ID,
    EOT_ID,
    HEADER_END_ID,
    HEADER_START_ID,
    SPECIAL_TOKENS,
    build_tokenizer,
    write_tokenizer,
)

CONVERSATION = (Message("system", "Be brief."), Message("user", "2 + 2?"))


def config_with(overrides: dict[str, object] | None = None) -> MobileMoEConfig:
    return parse_config(checkpoint_config(overrides), where="config.json")


def load(folder: Path, overrides: dict[str, object] | None = None) -> ChatTokenizer:
    return load_tokenizer(folder, config_with(overrides))


def refusal(folder: Path, overrides: dict[str, object] | None = None) -> str:
    with pytest.raises(TokenizerError) as caught:
        load(folder, overrides)
    return str(caught.value)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ChatTokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder)
    return load(folder)


@settings(derandomize=True, deadline=None)
@given(text=st.text(st.characters(exclude_characters="|", exclude_categories=("Cs",))))
def test_round_trip_of_any_text(tokenizer: ChatTokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert ids[0] == BOS_ID
    assert BOS_ID not in ids[1:]
    assert tokenizer.decode(ids) == text


def test_decoding_does_not_tidy_spaces(tokenizer: ChatTokenizer) -> None:
    code = "if x :\n    y = [ 1 , 2 ] ; don 't ( )  !"
    assert tokenizer.decode(tokenizer.encode(code)) == code


def test_special_tokens_are_shown_on_request(tokenizer: ChatTokenizer) -> None:
    ids = tokenizer.encode("the")
    assert tokenizer.decode(ids, skip_special_tokens=False) == "<|begin_of_text|>the"


def test_ids_without_a_token_decode_to_nothing(tokenizer: ChatTokenizer) -> None:
    assert tokenizer.vocab_size == 288
    assert tokenizer.decode([319]) == ""


def test_stop_ids_are_every_eos_and_the_end_of_turn(tokenizer: ChatTokenizer, tmp_path: Path) -> None:
    assert tokenizer.stop_ids == {END_OF_TEXT_ID, EOT_ID}
    write_tokenizer(tmp_path)
    assert load(tmp_path, {"eos_token_id": 9}).stop_ids == {9, EOT_ID}
    build_tokenizer(special_tokens=("<|begin_of_text|>",)).save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").unlink()
    assert load(tmp_path, {"eos_token_id": [9, 8]}).stop_ids == {8, 9}


def test_chat_prompt(tokenizer: ChatTokenizer) -> None:
    expected = (
        "<|begin_of_text|><|header_start|>system<|header_end|>\n\nBe brief.<|eot|>"
        "<|header_start|>user<|header_end|>\n\n2 + 2?<|eot|>"
        "<|header_start|>assistant<|header_end|>\n\n"
    )
    assert tokenizer.render_chat(CONVERSATION) == expected
    ids = tokenizer.encode_chat(CONVERSATION)
    assert ids.count(BOS_ID) == 1
    assert ids[:2] == [BOS_ID, HEADER_START_ID]
    assert ids.count(EOT_ID) == 2
    assert ids.count(HEADER_END_ID) == 3
    assert tokenizer.decode(ids, skip_special_tokens=False) == expected


@pytest.mark.parametrize(
    ("start", "count"), [("", 0), ("{{ bos_token }}", 1), ("{{ bos_token }}<|begin_of_text|>", 2)]
)
def test_the_template_decides_on_bos(tmp_path: Path, start: str, count: int) -> None:
    write_tokenizer(tmp_path, chat_template=start + "{{ messages[0].content }}")
    tokenizer = load(tmp_path)
    ids = tokenizer.encode_chat([Message("user", "fox")])
    assert ids == [BOS_ID] * count + tokenizer.encode("fox")[1:]
    assert tokenizer.bos_id == BOS_ID


def test_special_tokens_in_a_message_are_text(tokenizer: ChatTokenizer) -> None:
    content = "fox<|eot|>\n<|begin_of_text|> fox"
    ids = tokenizer.encode_chat([Message("user", content)])
    assert [token for token in ids if token < len(SPECIAL_TOKENS)] == [
        *(BOS_ID, HEADER_START_ID, HEADER_END_ID, EOT_ID),
        *(HEADER_START_ID, HEADER_END_ID),
    ]
    assert f"\n\n{content}<|eot|>" in tokenizer.decode(ids, skip_special_tokens=False)
    # What else is encoded with it keeps its tokens.
    assert tokenizer.encode(content).count(EOT_ID) == 1


def test_template_in_the_tokenizer_settings(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, chat_template=None)
    settings_path = tmp_path / "tokenizer_config.json"
    for template in (
        "T {{ bos_token }}",
        [{"name": "tool", "template": "x"}, {"name": "default", "template": "T "}],
    ):
        settings_path.write_text(json.dumps({"chat_template": template, "bos_token": {"content": "<|eot|>"}}))
        assert load(tmp_path).render_chat(CONVERSATION).startswith("T ")
    settings_path.write_text(
        json.dumps({"chat_template": "{{ bos_token }}", "bos_token": {"content": "<|eot|>"}})
    )
    assert load(tmp_path).render_chat(CONVERSATION) == "<|eot|>"
    assert load(tmp_path).bos_id == EOT_ID


def test_template_file_wins_over_the_settings(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, chat_template="from the file")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": "from the settings"}))
    assert load(tmp_path).render_chat(CONVERSATION) == "from the file"


def test_family_template_stands_in(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, chat_template=CHAT_TEMPLATE)
    expected = load(tmp_path).render_chat(CONVERSATION)
    (tmp_path / "chat_template.jinja").unlink()
    (tmp_path / "tokenizer_config.json").unlink()
    assert load(tmp_path).render_chat(CONVERSATION) == expected


def test_base_model_has_no_chat(tmp_path: Path) -> None:
    build_tokenizer(special_tokens=SPECIAL_TOKENS[:2]).save(str(tmp_path / "tokenizer.json"))
    tokenizer = load(tmp_path)
    assert not tokenizer.has_chat_template
    with pytest.raises(TokenizerError, match="has no chat template") as caught:
        tokenizer.encode_chat(CONVERSATION)
    assert str(tmp_path) in str(caught.value)


def test_tokenizer_without_bos(tmp_path: Path) -> None:
    build_tokenizer(special_tokens=SPECIAL_TOKENS[1:]).save(str(tmp_path / "tokenizer.json"))
    tokenizer = load(tmp_path, {"bos_token_id": None})
    assert tokenizer.bos_id is None
    assert tokenizer.decode(tokenizer.encode_chat(CONVERSATION), skip_special_tokens=False).startswith(
        "<|header_start|>system"
    )


def test_leftover_truncation_is_ignored(tmp_path: Path) -> None:
    saved = build_tokenizer()
    saved.enable_truncation(4)
    saved.enable_padding(length=50)
    saved.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load(tmp_path)
    assert len(tokenizer.encode("zyxwvut")) == 8


def test_absent_tokenizer(tmp_path: Path) -> None:
    assert f"{tmp_path / 'tokenizer.json'}: file missing" in refusal(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "{}", '{"model": {"type": "Nonsense"}}'])
def test_unreadable_tokenizer(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    assert "tokenizer.json: is not a readable tokenizer" in refusal(tmp_path)


def test_tokenizer_larger_than_the_model(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    assert "ids up to 287, but the model's vocab_size is 287" in refusal(tmp_path, {"vocab_size": 287})
    load(tmp_path, {"vocab_size": 288})


def test_unreadable_settings(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{")
    assert "tokenizer_config.json: cannot be read as JSON" in refusal(tmp_path)
