"""Tokens that a checkpoint's settings have and its tokenizer.json lacks: Hugging Face adds them when it loads both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Tokenizer

from mmoe.checkpoints.errors import TokenizerError
from mmoe.checkpoints.special_tokens import DECODER_KEY, SETTINGS_FILE, SpecialTokens, token_of
from mmoe.checkpoints.text_files import read_json

_OLD_FILE = "added_tokens.json"


def add_listed_tokens(tokenizer: Tokenizer, folder: Path, special: SpecialTokens) -> bool:
    """Adds what the settings list to a tokenizer, where it is not an added token already.

    A token that the vocabulary has keeps its id and becomes one wherever its text stands; others get the next ids.

    Args:
        tokenizer: What tokenizer.json holds.
        folder: Of the checkpoint.
        special: Tokens that its settings name.

    Returns:
        Whether there was anything to add.

    Raises:
        TokenizerError: a file is unreadable, or says another id than the one that Hugging Face gives the token.
    """
    before = {repr(token) for token in tokenizer.get_added_tokens_decoder().values()}
    listed = [(token, place) for token, place in _listed(folder, special) if repr(token) not in before]
    known = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    known |= {token.content for token, _ in listed}
    named = [
        token for token in (*special.named.values(), *special.extra) if token is not None and token.content
    ]
    adding = [token for token, _ in listed]
    for token in named:
        if token.content not in known:
            known.add(token.content)
            adding.append(token)
    tokenizer.add_tokens(adding)
    for token, (path, stated) in listed:
        found = tokenizer.token_to_id(token.content)
        if token.content and found != stated:
            raise TokenizerError(
                f"{path}: gives {token.content!r} the id {stated}, but Hugging Face's library {found}, as "
                "tokenizer.json lacks it; save the tokenizer again with that library"
            )
    return bool(adding)


def _listed(folder: Path, special: SpecialTokens) -> Iterator[tuple[AddedToken, tuple[Path, int]]]:
    """Tokens of which a file says the id, by id: each with that file and that id."""
    path = folder / SETTINGS_FILE
    settings = read_json(path) or {}
    if DECODER_KEY in settings:
        by_id = settings[DECODER_KEY]
        if not isinstance(by_id, dict) or not all(key.isdecimal() for key in by_id):
            raise TokenizerError(f"{path}: key '{DECODER_KEY}' is not an object of tokens by id")
        for key in sorted(by_id, key=int):
            yield token_of(by_id[key], f"{DECODER_KEY}.{key}", path), (path, int(key))
        return
    path = folder / _OLD_FILE
    ids = read_json(path) or {}
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in ids.values()):
        raise TokenizerError(f"{path}: is not an object of ids by token")
    specials = {token.content for token in (*special.named.values(), *special.extra) if token is not None}
    for content, value in sorted(ids.items(), key=lambda item: (item[1], item[0])):
        is_special = content in specials
        assert isinstance(value, int)
        yield AddedToken(content, special=is_special, normalized=not is_special), (path, value)
