"""Streams of the core up to stop strings, over every family's tokenizer: what is shown, when, and what is kept."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest
from tokenizers import Tokenizer

from tests.support.first_stop import cut, held_back
from tests.support.generated_text import generated
from tests.support.native_tokenizer import NativeTokenizer
from tests.support.tokenizer_families import FAMILIES, train


@pytest.fixture(scope="module", params=FAMILIES.values(), ids=FAMILIES)
def pair(request: pytest.FixtureRequest) -> tuple[Tokenizer, NativeTokenizer]:
    expected = train(request.param)
    return expected, NativeTokenizer(expected.to_str().encode())


def parts(text: str, rng: random.Random) -> list[str]:
    """A few strings that are in the text, or nearly."""
    found = []
    for _ in range(rng.randint(1, 4)):
        begin = rng.randrange(len(text))
        part = text[begin : begin + rng.randint(1, 8)]
        found.append(part if rng.random() < 0.6 else part + rng.choice(("x", "é", "🙂", part)))
    return found


def check(native: NativeTokenizer, ids: Sequence[int], specials: set[int], rng: random.Random) -> None:
    # The text of special tokens is no text; the library's stream is what test_tokenizer_families.py compares.
    shown_ids = [token for token in ids if token not in specials]
    whole = [piece.decode() for piece in native.stream(shown_ids)]
    text = "".join(whole)
    if not text:
        return
    stops = parts(text, rng)
    pieces = [piece.decode() for piece in native.stream_until(ids, stops)]
    assert "".join(pieces) == cut(text, stops), (ids, stops)
    # Shown as soon as it can be: after each token, all but what may be the beginning of a stop.
    so_far = list(itertools.accumulate(whole[:-1], initial=""))
    shown = 0
    for taken, visible in enumerate(itertools.accumulate(pieces[:-1]), start=1):
        shown += ids[taken - 1] not in specials
        until_now = so_far[shown]
        if cut(until_now, stops) != until_now or any(stop in until_now for stop in stops):
            assert taken == len(pieces) - 1, "the text ends with the token that completes a stop"
        else:
            assert visible == until_now.removesuffix(held_back(until_now, stops)), (ids, stops, taken)


@pytest.mark.slow
def test_any_ids_end_before_the_first_stop(pair: tuple[Tokenizer, NativeTokenizer]) -> None:
    expected, native = pair
    specials = {token for token, added in expected.get_added_tokens_decoder().items() if added.special}
    rng = random.Random(21)
    for _ in range(100):
        check(
            native,
            [rng.randrange(expected.get_vocab_size() + 3) for _ in range(rng.randint(1, 14))],
            specials,
            rng,
        )


@pytest.mark.slow
def test_any_tokenization_of_a_text_ends_at_the_same_place(pair: tuple[Tokenizer, NativeTokenizer]) -> None:
    expected, native = pair
    specials = {token for token, added in expected.get_added_tokens_decoder().items() if added.special}
    rng = random.Random(22)
    for text in generated(150, seed=23):
        # Encoded in random parts: the same text in other tokens.
        places = sorted(rng.sample(range(len(text) + 1), min(len(text), 3)))
        cuts = itertools.pairwise([0, *places, len(text)])
        ids = [
            token
            for begin, end in cuts
            for token in expected.encode(text[begin:end], add_special_tokens=False).ids
        ]
        check(native, ids, specials, rng)
