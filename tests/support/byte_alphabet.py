"""The bytes of byte-level tokens by GPT-2's alphabet, written down once more."""

from __future__ import annotations

from tokenizers import Tokenizer

# A byte that prints as a Latin-1 character is that character; the others follow 255 in their order.
PRINTED = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
BYTE_OF = {chr(byte): byte for byte in PRINTED} | {
    chr(256 + rank): byte for rank, byte in enumerate(sorted(set(range(256)) - set(PRINTED)))
}


def byte_level_bytes(tokenizer: Tokenizer) -> dict[int, bytes]:
    """The bytes of every id; an added token has those of its text."""
    added = tokenizer.get_added_tokens_decoder()
    return {
        token: text.encode() if token in added else bytes(BYTE_OF[character] for character in text)
        for text, token in tokenizer.get_vocab(with_added_tokens=True).items()
    }
