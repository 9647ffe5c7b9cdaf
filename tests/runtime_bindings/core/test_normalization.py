"""The core's normalization forms against Python's `unicodedata` and against `tokenizers`."""

from __future__ import annotations

import functools
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import normalizers

from tests.support.generated_text import generated
from tests.support.native_tokenizer import NORMALIZATION_FORMS, normalize

ALL_CHARACTERS = [chr(value) for value in range(sys.maxunicode + 1) if not 0xD800 <= value < 0xE000]


@pytest.mark.slow
@pytest.mark.parametrize("form", NORMALIZATION_FORMS)
def test_every_character_alone_is_the_librarys(form: str) -> None:
    library = getattr(normalizers, form)()
    # U+2028 does not decompose, combine or compose, so it keeps the characters apart.
    text = "\u2028".join(ALL_CHARACTERS)
    assert normalize(form, text).split("\u2028") == library.normalize_str(text).split("\u2028")


@functools.cache
def agreed() -> list[str]:
    """Characters that decompose or combine, as Python's version of Unicode and the library's both see them."""
    libraries = [getattr(normalizers, form)().normalize_str for form in NORMALIZATION_FORMS]
    found = []
    for character in ALL_CHARACTERS:
        forms = [unicodedata.normalize(form, character) for form in NORMALIZATION_FORMS]
        if not unicodedata.combining(character) and all(text == character for text in forms):
            continue
        # Between a mark above and an overlay, so that both must know the same combining class.
        marked = f"\u0301{character}\u0334"
        forms += [unicodedata.normalize(form, marked) for form in NORMALIZATION_FORMS]
        if forms == [library(text) for text in (character, marked) for library in libraries]:
            found.append(character)
    return found


def texts() -> st.SearchStrategy[str]:
    letters = st.sampled_from("aeo\u1100\u1161\u11a8\uac00\u0915")
    return st.text(st.one_of(st.sampled_from(agreed()), letters), max_size=12)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(st.deferred(texts))
def test_sequences_are_unicodedatas(text: str) -> None:
    for form in NORMALIZATION_FORMS:
        assert normalize(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("form", NORMALIZATION_FORMS)
def test_generated_text_is_the_librarys(form: str) -> None:
    library = getattr(normalizers, form)()
    for text in generated(5000, seed=31):
        assert normalize(form, text) == library.normalize_str(text)
