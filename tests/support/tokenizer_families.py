"""Tokenizers as model families have them, with small vocabularies trained on the spot."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from tokenizers import AddedToken, Tokenizer, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from mmoe.export.demo.bundled import bundled_checkpoint
from tests.support.generated_text import SPECIAL, generated

LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_2 = LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN_3_5 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
)
CL100K_NEWER = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEKKEN = O200K.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "").replace("{1,3}", "")
KIMI = (
    r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DEEPSEEK_WORDS = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Thousands from the right, as some newer families group them.
THOUSANDS = r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"

Part = dict[str, object]


def split(pattern: str, behavior: str = "Isolated", *, invert: bool = False, kind: str = "Regex") -> Part:
    """A `Split` step."""
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def byte_level(*, use_regex: bool = False, add_prefix_space: bool = False) -> Part:
    """A `ByteLevel` step."""
    flags = {"add_prefix_space": add_prefix_space, "trim_offsets": True, "use_regex": use_regex}
    return {"type": "ByteLevel", **flags}


def metaspace(prepend_scheme: str, *, cuts: bool = True) -> Part:
    """A `Metaspace` step or decoder."""
    return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": prepend_scheme, "split": cuts}


def replace(pattern: str, content: str, *, kind: str = "String") -> Part:
    """A `Replace` normaliser or decoder."""
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


DIGITS: Part = {"type": "Digits", "individual_digits": True}
PIECES = (replace("\u2581", " "), {"type": "ByteFallback"}, {"type": "Fuse"})
STRIP_ONE: Part = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
BYTE_TOKENS = tuple(f"<0x{byte:02X}>" for byte in range(256))


@dataclass(frozen=True)
class Family:
    """The parts of a tokenizer.json; `Sequence`s where there is more than one step."""

    cut: tuple[Part, ...]
    normalize: tuple[Part, ...] = ()
    decode: tuple[Part, ...] = (byte_level(),)
    model: Part = field(default_factory=dict)
    tokens: tuple[str, ...] = ()
    added: tuple[AddedToken, ...] = ()


def sentence_piece(
    *, cut: tuple[Part, ...] = (), normalize: tuple[Part, ...] = (), decode: tuple[Part, ...] = PIECES
) -> Family:
    """As SentencePiece's BPE comes to Hugging Face: bytes stand in for unknown characters."""
    model: Part = {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
    return Family(cut, normalize, decode, model, tokens=("<unk>", *BYTE_TOKENS))


SPACE_RUNS = tuple(AddedToken(" " * count, normalized=True, special=False) for count in range(24, 1, -1))
ODD_TOKENS = (
    AddedToken("<L>", lstrip=True, special=True, normalized=False),
    AddedToken("<R>", rstrip=True, special=True, normalized=False),
    AddedToken("LORD", single_word=True, special=False, normalized=True),
    AddedToken("don", single_word=True, lstrip=True, rstrip=True, special=False, normalized=False),
    AddedToken("\u00c5", special=False, normalized=True),
)

FAMILIES = {
    "gpt2": Family((byte_level(use_regex=True),)),
    "gpt2-prefix": Family((byte_level(use_regex=True, add_prefix_space=True),)),
    "neox-olmo": Family((byte_level(use_regex=True),), ({"type": "NFC"},), added=SPACE_RUNS),
    "starcoder-granite": Family((DIGITS, byte_level(use_regex=True))),
    "llama3-lfm2": Family((split(LLAMA_3), byte_level()), model={"ignore_merges": True}),
    "llama4-gpt4o": Family((split(O200K), byte_level()), model={"ignore_merges": True}),
    "qwen2": Family((split(QWEN_2), byte_level()), ({"type": "NFC"},)),
    "qwen3.5": Family((split(QWEN_3_5), byte_level()), ({"type": "NFC"},)),
    "olmo2-cl100k": Family((split(CL100K), byte_level())),
    "cl100k-newer": Family((split(CL100K_NEWER, "Removed", invert=True), byte_level())),
    "tekken": Family((split(TEKKEN), byte_level())),
    "kimi": Family((split(KIMI), byte_level())),
    "deepseek": Family(
        (
            split(r"\p{N}{1,3}"),
            split(r"[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"),
            split(DEEPSEEK_WORDS),
            byte_level(),
        )
    ),
    "deepseek-coder": Family(
        (
            *(
                split(r"[\r\n]"),
                split(r"\s?\p{L}+"),
                split(r"\s?\p{P}+"),
                split(r"[\u4e00-\u9fff\u0800-\u4e00]+"),
            ),
            *(split(r"\s+$"), DIGITS, byte_level()),
        )
    ),
    "thousands": Family((split(THOUSANDS), split(LLAMA_3), byte_level())),
    "llama2": sentence_piece(
        normalize=({"type": "Prepend", "prepend": "\u2581"}, replace(" ", "\u2581")),
        decode=(*PIECES, STRIP_ONE),
    ),
    "mistral": sentence_piece(cut=(metaspace("first", cuts=False),), decode=(*PIECES, STRIP_ONE)),
    "metaspace-stripped": sentence_piece(
        normalize=(
            *({"type": "Strip", "strip_left": True, "strip_right": False}, {"type": "NFKC"}),
            *(
                replace(r"[xe]\s|a", "", kind="Regex"),
                replace("3", "two "),
                {"type": "Prepend", "prepend": "a"},
            ),
        ),
        cut=(metaspace("first"),),
    ),
    "gemma": sentence_piece(
        normalize=(replace(" ", "\u2581"),), cut=(split(" ", "MergedWithPrevious", kind="String"),)
    ),
    "metaspace-always": sentence_piece(cut=(metaspace("always"),), decode=(metaspace("always"),)),
    "metaspace-never": sentence_piece(cut=(metaspace("never"),), decode=(metaspace("never"),)),
    "unknown-fused": Family(
        ({"type": "Whitespace"},),
        decode=(),
        model={"unk_token": "<unk>", "fuse_unk": True},
        tokens=("<unk>",),
    ),
    "unknown-single": Family(
        ({"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Contiguous"}),
        decode=(),
        model={"unk_token": "<unk>"},
        tokens=("<unk>",),
    ),
    "folded": Family(
        (split(r"\s+", "Removed"), byte_level()),
        ({"type": "NFKC"}, {"type": "Lowercase"}, replace(r"\p{Mn}+|[aeiou]{3,}", "*", kind="Regex")),
    ),
    "decomposed": Family((byte_level(use_regex=True),), ({"type": "NFKD"},)),
    "stripped": Family(
        (byte_level(use_regex=True, add_prefix_space=True),),
        ({"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "NFD"}),
    ),
    "contiguous": Family((split(r"\p{L}", "Contiguous"), byte_level())),
    "merged-with-previous": Family((split(r"[\p{P}\s]", "MergedWithPrevious"), byte_level())),
    "merged-with-next": Family((split(r"[\p{P}\s]", "MergedWithNext"), byte_level())),
    "merged-inverted": Family((split(r"\p{Lu}\p{Ll}*?", "MergedWithNext", invert=True), byte_level())),
    "previous-inverted": Family((split(r"\d+|\W", "MergedWithPrevious", invert=True), byte_level())),
    "odd-tokens": Family(
        (byte_level(use_regex=True),), ({"type": "NFC"}, {"type": "Lowercase"}), added=ODD_TOKENS
    ),
}


def train(family: Family, *, vocab_size: int = 1200) -> Tokenizer:
    """A tokenizer of ``family`` with a vocabulary for generated and bundled text."""
    tokenizer = Tokenizer(BPE(**family.model))
    parts = json.loads(tokenizer.to_str())
    parts["normalizer"] = {"type": "Sequence", "normalizers": family.normalize} if family.normalize else None
    parts["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": family.cut} if family.cut else None
    parts["decoder"] = {"type": "Sequence", "decoders": family.decode} if family.decode else None
    if len(family.decode) == 1:
        parts["decoder"] = family.decode[0]
    tokenizer = Tokenizer.from_str(json.dumps(parts))
    is_byte_level = any(part["type"] == "ByteLevel" for part in family.cut)
    trainer = BpeTrainer(
        vocab_size=vocab_size,
        show_progress=False,
        special_tokens=list(family.tokens),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if is_byte_level else [],
        limit_alphabet=1000 if is_byte_level else 300,
    )
    tokenizer.train_from_iterator([*generated(4000, seed=7), *_bundled_words()], trainer)
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.add_tokens(list(family.added))
    return tokenizer


def _bundled_words() -> list[str]:
    """The words of the bundled vocabulary, in pairs: English text of a kind."""
    bundled = Tokenizer.from_file(str(bundled_checkpoint() / "tokenizer.json"))
    words = [bundled.decode([index]) for index in range(256, bundled.get_vocab_size(with_added_tokens=False))]
    return [first + second for first, second in zip(words, words[::-1], strict=True)] * 3
