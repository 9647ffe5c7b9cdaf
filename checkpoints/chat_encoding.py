"""Ids of a rendered conversation by Hugging Face's tokenizer: special tokens come from the template alone."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer

from mmoe.runtime_bindings.python.template import Span


def encode_spans(tokenizer: Tokenizer, spans: Iterable[Span]) -> list[int]:
    """Ids of a text whose special tokens are those of the template; their text in a message is plain text.

    Args:
        tokenizer: Its setting for special tokens is changed meanwhile.
        spans: The text, with who wrote what of it.
    """
    added = tokenizer.get_added_tokens_decoder()
    ids: list[int] = []
    # Words of the tokenizer may reach over the seam between the template's text and a message's, so plain text is
    # encoded when a special token, or nothing, follows it.
    plain = ""
    for span in spans:
        if span.is_data:
            plain += span.text
            continue
        end = 0
        found = tokenizer.encode(span.text, add_special_tokens=False)
        for token, (start, stop) in zip(found.ids, found.offsets, strict=True):
            if token in added:
                ids += [*_plain_ids(tokenizer, plain + span.text[end:start]), token]
                plain, end = "", stop
        plain += span.text[end:]
    return ids + _plain_ids(tokenizer, plain)


def _plain_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    tokenizer.encode_special_tokens = True  # Hugging Face's word for: as plain text
    try:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return ids
    finally:
        tokenizer.encode_special_tokens = False
