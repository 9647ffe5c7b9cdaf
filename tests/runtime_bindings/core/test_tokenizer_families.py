"""The core's tokenizer with every family's parts, against Hugging Face `tokenizers`."""

from __future__ import annotations

import os
import random

import pytest
from tokenizers import Tokenizer

from tests.support.generated_text import broken_utf8, generated
from tests.support.native_tokenizer import NativeTokenizer
from tests.support.tokenizer_families import FAMILIES, Family, train
from tools.tokenizer_speed import TimedTokenizer, texts

# Strings for each family; the release check takes 100,000.
COUNT = int(os.environ.get("MMOE_TOKENIZER_STRINGS", "300"))


@pytest.fixture(scope="module", params=FAMILIES.values(), ids=FAMILIES)
def pair(request: pytest.FixtureRequest) -> tuple[Tokenizer, NativeTokenizer]:
    expected = train(request.param)
    return expected, NativeTokenizer(expected.to_str().encode())


@pytest.mark.slow
def test_ids_and_text_are_those_of_the_library(pair: tuple[Tokenizer, NativeTokenizer]) -> None:
    expected, native = pair
    for text in generated(COUNT, seed=11):
        ids = native.encode(text.encode(), add_bos=True)
        assert ids == expected.encode(text).ids, repr(text)
        for skip in (False, True):
            assert native.decode(ids, skip_special=skip).decode() == expected.decode(
                ids, skip_special_tokens=skip
            ), repr(text)


def test_special_tokens_of_a_user_stay_text(pair: tuple[Tokenizer, NativeTokenizer]) -> None:
    expected, native = pair
    expected.encode_special_tokens = True
    try:
        for text in generated(COUNT // 10, seed=12):
            ids = native.encode(text.encode(), parse_special=False)
            assert ids == expected.encode(text, add_special_tokens=False).ids, repr(text)
    finally:
        expected.encode_special_tokens = False


def test_broken_utf8_counts_as_python_and_rust_replace_it(pair: tuple[Tokenizer, NativeTokenizer]) -> None:
    expected, native = pair
    rng = random.Random(13)
    for _ in range(COUNT // 10):
        data = broken_utf8(rng)
        text = data.decode(errors="replace")
        assert native.encode(data) == expected.encode(text, add_special_tokens=False).ids, data


def test_any_ids_stream_as_whole_characters_that_add_up(pair: tuple[Tokenizer, NativeTokenizer]) -> None:
    expected, native = pair
    rng = random.Random(14)
    for _ in range(COUNT // 10):
        ids = [rng.randrange(expected.get_vocab_size() + 3) for _ in range(rng.randint(1, 12))]
        text = expected.decode(ids, skip_special_tokens=False)
        assert "".join(piece.decode() for piece in native.stream(ids)) == text, ids
        assert native.decode(ids, skip_special=False).decode() == text, ids


def test_a_long_text_is_cut_as_short_ones_are(pair: tuple[Tokenizer, NativeTokenizer]) -> None:
    expected, native = pair
    text = "".join(generated(400, seed=15))
    assert native.encode(text.encode()) == expected.encode(text, add_special_tokens=False).ids


@pytest.mark.slow
@pytest.mark.parametrize(
    "run", [" ", "a", "a1", "\n", "\u0301", "\u4e2d", "'", "7", " \u2581", "\U0001f600"], ids=ascii
)
def test_long_runs_are_the_librarys(pair: tuple[Tokenizer, NativeTokenizer], run: str) -> None:
    expected, native = pair
    text = run * (20_000 // len(run)) + "x"
    assert native.encode(text.encode()) == expected.encode(text, add_special_tokens=False).ids


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_no_text_takes_more_than_its_share(family: Family) -> None:
    tokenizer = TimedTokenizer(train(family).to_str().encode())
    # A quarter of a megabyte, once: the slowest is 10 MB/s on an AMD EPYC, at a quadratic pace it would take seconds.
    speeds = {name: tokenizer.speed(text, repeats=1) for name, text in texts(250_000).items()}
    assert min(speeds.values()) > 1, speeds
