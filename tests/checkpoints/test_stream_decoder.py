"""Streaming: the pieces joined are the whole, and no piece ends inside a character."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.checkpoints.tokenizer import ChatTokenizer, load_tokenizer
from mmoe.models.architectures.registry import parse_config
from tests.support.checkpoints import checkpoint_config
from tests.support.tokenizers import EOT_ID, write_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ChatTokenizer:
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder)
    return load_tokenizer(folder, parse_config(checkpoint_config(), where="config.json"))


def pieces(tokenizer: ChatTokenizer, ids: list[int]) -> list[str]:
    decoder = tokenizer.stream_decoder()
    return [*(decoder.push(token) for token in ids), decoder.flush()]


@settings(derandomize=True, deadline=None, max_examples=300)
@given(text=st.text(st.sampled_from("né€🙂\ufffd the") | st.characters(exclude_characters="|")))
def test_text_streams_in_whole_characters(tokenizer: ChatTokenizer, text: str) -> None:
    streamed = pieces(tokenizer, tokenizer.encode(text))
    assert "".join(streamed) == text
    if "\ufffd" not in text:
        assert not any("\ufffd" in piece for piece in streamed)


@settings(derandomize=True, deadline=None, max_examples=1000)
@given(ids=st.lists(st.integers(0, 300), max_size=30))
def test_any_tokens_stream_to_what_they_decode_to(tokenizer: ChatTokenizer, ids: list[int]) -> None:
    assert "".join(pieces(tokenizer, ids)) == tokenizer.decode(ids)


def test_broken_bytes_are_kept_back_for_one_token_only(tokenizer: ChatTokenizer) -> None:
    euro = tokenizer.encode("€")[1:]
    assert len(euro) == 3
    assert pieces(tokenizer, [euro[0]] * 3) == ["", "\ufffd", "\ufffd", "\ufffd"]
    assert pieces(tokenizer, euro) == ["", "", "€", ""]
    assert pieces(tokenizer, [euro[0], EOT_ID, *euro[1:]]) == ["", "", "", "€", ""]


def test_the_end_of_a_stream_shows_what_was_kept_back(tokenizer: ChatTokenizer) -> None:
    decoder = tokenizer.stream_decoder()
    assert decoder.push(tokenizer.encode("🙂")[1]) == ""
    assert decoder.flush() == "\ufffd"
    assert decoder.flush() == ""
