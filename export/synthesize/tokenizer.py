"""A byte-level BPE tokenizer of any vocabulary size: the bundled one's merges, then tokens that text never gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmoe.checkpoints.tokenizer import SETTINGS_FILE, TOKENIZER_FILE
from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.models.architectures.config import DecoderConfig
from mmoe.runtime_bindings.python.errors import OptionError

# In the order of the released vocabulary, from <|begin_of_text|> on.
SPECIAL_TOKENS = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|header_start|>",
    "<|header_end|>",
    "<|eom|>",
    "<|eot|>",
)
_NUM_BYTES = 256
_CHAT_TEMPLATE_FILE = "chat_template.jinja"
_SYLLABLES = [consonant + vowel for consonant in "bdfghjklmnprstvz" for vowel in "aeiou"]


def tokenizer_files(config: DecoderConfig) -> dict[str, str]:
    """The tokenizer's files by name, for a model with ``config.vocab_size`` ids, each of which has a token.

    The special tokens stand at `bos_token_id`; without one, behind all others.

    Raises:
        OptionError: the vocabulary has no room for the 256 bytes and the special tokens.
    """
    folder = bundled_checkpoint()
    bundled = json.loads((folder / TOKENIZER_FILE).read_text(encoding="utf-8"))
    settings = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
    settings["model_max_length"] = config.max_position_embeddings
    return {
        TOKENIZER_FILE: json.dumps(_resized(bundled, config), ensure_ascii=False) + "\n",
        SETTINGS_FILE: json.dumps(settings, indent=2) + "\n",
        _CHAT_TEMPLATE_FILE: Path(folder / _CHAT_TEMPLATE_FILE).read_text(encoding="utf-8"),
    }


def bundled_special_ids() -> dict[str, int]:
    """Ids of the bundled tokenizer's special tokens, by text."""
    bundled = json.loads((bundled_checkpoint() / TOKENIZER_FILE).read_text(encoding="utf-8"))
    return {token["content"]: token["id"] for token in bundled["added_tokens"]}


def bundled_ids(config: DecoderConfig) -> dict[int, int]:
    """Ids of `tokenizer_files` whose tokens the bundled tokenizer has, with the ids that they have there."""
    bundled = json.loads((bundled_checkpoint() / TOKENIZER_FILE).read_text(encoding="utf-8"))
    there = bundled["model"]["vocab"] | bundled_special_ids()
    resized = _resized(bundled, config)
    here = resized["model"]["vocab"] | {token["content"]: token["id"] for token in resized["added_tokens"]}
    return {here[text]: there[text] for text in here.keys() & there.keys()}


def _resized(tokenizer: dict[str, Any], config: DecoderConfig) -> dict[str, Any]:
    special = _special_tokens(config)
    free_ids = [token_id for token_id in range(config.vocab_size) if token_id not in special]
    ordinary = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].__getitem__)
    merges = tokenizer["model"]["merges"][: max(0, len(free_ids) - _NUM_BYTES)]
    known = ordinary[: _NUM_BYTES + len(merges)]
    filler = _filler_words(frozenset(ordinary))
    texts = [*known, *(next(filler) for _ in range(len(free_ids) - len(known)))]
    vocab = dict(zip(texts, free_ids, strict=True))
    if min(special) < len(vocab):
        # The tokenizers library numbers added tokens behind the vocabulary, but for those that are in it.
        vocab |= {text: token_id for token_id, text in special.items()}
    model = tokenizer["model"] | {"vocab": vocab, "merges": merges}
    template = tokenizer["added_tokens"][0]
    added = [template | {"id": token_id, "content": text} for token_id, text in special.items()]
    post_processor = tokenizer["post_processor"]
    bos = SPECIAL_TOKENS[0]
    post_processor["special_tokens"][bos]["ids"] = [next(iter(special))]
    return tokenizer | {"model": model, "added_tokens": added, "post_processor": post_processor}


def _special_tokens(config: DecoderConfig) -> dict[int, str]:
    """Special tokens by id; BOS is the first."""
    count, size = len(SPECIAL_TOKENS), config.vocab_size
    first = size - count if config.bos_token_id is None else config.bos_token_id
    if size < _NUM_BYTES + count or first + count > size:
        raise OptionError(
            f"vocab_size is {size}, bos_token_id {config.bos_token_id}: a synthetic tokenizer needs {_NUM_BYTES} ids "
            f"for the bytes and {count} for special tokens from bos_token_id on"
        )
    special = {first + offset: text for offset, text in enumerate(SPECIAL_TOKENS)}
    if first >= _NUM_BYTES:
        # Special tokens that end the vocabulary are followed by reserved ones, as in the released models.
        rest = range(first + count, size)
        special |= {token_id: f"<|reserved_special_token_{n}|>" for n, token_id in enumerate(rest)}
    return special


def _filler_words(taken: frozenset[str]) -> Iterator[str]:
    """Words such as " bodefa", the shortest first, that are not ``taken``; no merge leads to them."""
    shorter = ["\u0120"]  # a space, in the alphabet of byte-level BPE
    while True:
        longer = []
        for word in shorter:
            for syllable in _SYLLABLES:
                longer.append(word + syllable)
                if longer[-1] not in taken:
                    yield longer[-1]
        shorter = longer
