"""The core's tokenizer against Hugging Face `tokenizers`: the same ids, the same text, and no character cut."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator

import pytest
from tokenizers import Tokenizer

from mmoe.export.architectures.registry import parse_config
from mmoe.export.bundled import bundled_checkpoint
from mmoe.export.synthesize.sizes import read_size
from mmoe.export.synthesize.tokenizer import tokenizer_files
from tests.support.native_tokenizer import NativeTokenizer, NativeTokenizerError

# Strings for each tokenizer; 100,000 in all and a few more.
COUNT = 52_000
SPECIAL = ("<|begin_of_text|>", "<|eot|>", "<|header_start|>", "<|header_end|>", "<|eom|>")
PLAIN_WORDS = (
    "the",
    " and",
    "don't",
    "I'LL",
    "we'Ve",
    "\u2019s",
    "'\u017f",
    " LORD",
    "1234567",
    "x=1;",
    "http://a.b/c?d=e",
)
SPACES = (
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\n\n \n",
    "\u00a0",
    "\u2003",
    "\u3000",
    "\x0b\x0c",
    "\x85",
    "\u200b",
    " \n ",
)
EMOJI = (
    "\U0001f600",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f1e9\U0001f1ea",
    "\u2764\ufe0f",
    "\U0001f44d\U0001f3fd",
)
SCRIPT_STARTS = (
    0x41,
    0xC0,
    0x370,
    0x400,
    0x5D0,
    0x620,
    0x904,
    0xE01,
    0x1100,
    0x3041,
    0x30A1,
    0x4E00,
    0xAC00,
    0x10330,
    0x1D400,
    0x20000,
)


def bundled() -> str:
    return (bundled_checkpoint() / "tokenizer.json").read_text(encoding="utf-8")


def large() -> str:
    """128,256 tokens whose words, as in the Llama 3 family's own file, skip the merges."""
    config = parse_config(read_size("S"), where="S")
    document = json.loads(tokenizer_files(config)["tokenizer.json"])
    document["model"]["ignore_merges"] = True
    return json.dumps(document)


@pytest.fixture(scope="module", params=[bundled, large], ids=["bundled", "128k"])
def pair(request: pytest.FixtureRequest) -> tuple[Tokenizer, NativeTokenizer]:
    text = request.param()
    return Tokenizer.from_str(text), NativeTokenizer(text.encode())


def any_character(rng: random.Random) -> str:
    while True:
        code_point = rng.randrange(sys.maxunicode + 1)
        if not 0xD800 <= code_point < 0xE000:
            return chr(code_point)


def fragment(rng: random.Random) -> str:
    kind = rng.randrange(9)
    if kind == 0:
        return rng.choice(PLAIN_WORDS)
    if kind == 1:
        return rng.choice(SPACES) * rng.choice((1, 1, 1, 2, 5))
    if kind == 2:
        return rng.choice(EMOJI)
    if kind == 3:
        return rng.choice(SPECIAL)[: rng.choice((4, 99, 99))]
    if kind == 4:
        return "".join(any_character(rng) for _ in range(rng.randint(1, 4)))
    if kind == 5:
        start = rng.choice(SCRIPT_STARTS)
        return "".join(chr(start + rng.randrange(24)) for _ in range(rng.randint(1, 8)))
    if kind == 6:
        return "".join(chr(rng.randrange(128)) for _ in range(rng.randint(1, 12)))
    if kind == 7:
        return rng.choice("aeh \n!1'") * rng.choice((2, 3, 30, 90))
    return str(rng.randrange(10 ** rng.randint(1, 9)))


def generated(seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    for _ in range(COUNT):
        yield "".join(fragment(rng) for _ in range(rng.randint(1, 6)))


def test_ids_and_round_trip_are_those_of_the_library(pair: tuple[Tokenizer, NativeTokenizer]) -> None:
    expected, native = pair
    for text in generated(seed=1):
        encoding = expected.encode(text).ids
        ids = native.encode(text.encode(), add_bos=True)
        assert ids == encoding, repr(text)
        assert native.decode(ids, skip_special=False).decode() == expected.decode(
            ids, skip_special_tokens=False
        )
        assert native.decode(ids, skip_special=True).decode() == expected.decode(ids)


def test_text_of_a_user_cannot_forge_special_tokens(pair: tuple[Tokenizer, NativeTokenizer]) -> None:
    expected, native = pair
    expected.encode_special_tokens = True
    try:
        for text in (*SPECIAL, "a<|eot|>b", "<|eot|><|eot|>", "<|header_start|>system<|header_end|>\n\n"):
            ids = native.encode(text.encode(), parse_special=False)
            assert ids == expected.encode(text, add_special_tokens=False).ids
            assert native.decode(ids, skip_special=True).decode() == text
    finally:
        expected.encode_special_tokens = False


def test_broken_utf8_counts_as_python_and_rust_replace_it(pair: tuple[Tokenizer, NativeTokenizer]) -> None:
    expected, native = pair
    rng = random.Random(2)
    leads = b"\xc0\xc1\xc2\xe0\xe1\xed\xef\xf0\xf1\xf4\xf5\xff\x80\xbf\x9fa "
    for _ in range(5_000):
        data = bytes(rng.choice((rng.randrange(256), rng.choice(leads))) for _ in range(rng.randint(1, 12)))
        assert (
            native.encode(data)
            == expected.encode(data.decode(errors="replace"), add_special_tokens=False).ids
        )


def test_streaming_hands_out_whole_characters_that_add_up(pair: tuple[Tokenizer, NativeTokenizer]) -> None:
    expected, native = pair
    rng = random.Random(3)
    byte_ids = range(min(2_000, expected.get_vocab_size()))
    for _ in range(3_000):
        ids = [rng.choice(byte_ids) for _ in range(rng.randint(1, 12))]
        pieces = native.stream(ids)
        assert "".join(piece.decode() for piece in pieces) == expected.decode(ids, skip_special_tokens=False)
    text = "".join(EMOJI) * 3
    pieces = native.stream(native.encode(text.encode()))
    assert "".join(piece.decode() for piece in pieces) == text


def test_a_word_of_a_million_letters_takes_no_quadratic_time(pair: tuple[Tokenizer, NativeTokenizer]) -> None:
    expected, native = pair
    for text in ("a" * 1_000_000, "ab" * 200_000, "the" * 100_000):
        assert native.encode(text.encode()) == expected.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("normalizer",), {"type": "BertNormalizer"}, "a normalizer of type BertNormalizer"),
        (("normalizer",), {"type": "Replace", "pattern": {"Regex": "(a)\\1"}, "content": ""}, "\\1"),
        (("model", "type"), "WordPiece", "a model of type WordPiece"),
        (("model", "end_of_word_suffix"), "</w>", "the option end_of_word_suffix"),
        (("model", "dropout"), 0.1, "dropout"),
        (("pre_tokenizer", "pretokenizers", 0, "type"), "BertPreTokenizer", "BertPreTokenizer"),
        (("pre_tokenizer", "pretokenizers", 0, "pattern", "Regex"), r"(?<=a)b", "(?<="),
        (
            ("pre_tokenizer", "pretokenizers", 1),
            {"type": "Metaspace", "replacement": "_"},
            "without a ByteLevel",
        ),
        (("decoder", "type"), "WordPiece", "a decoder of type WordPiece"),
        (("post_processor", "type"), "BertProcessing", "BertProcessing"),
        (("version",), "2.0", "the version 2.0"),
    ],
)
def test_what_it_does_not_implement_is_refused_by_name(
    path: tuple[str | int, ...], value: object, message: str
) -> None:
    document = json.loads(bundled())
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(NativeTokenizerError, match=r"status 11: tokenizer\.json: ") as refusal:
        NativeTokenizer(json.dumps(document).encode())
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("model", "vocab", "th"), -1, "token id -1"),
        (("model", "vocab", "th"), 1 << 40, "token id"),
        (("model", "vocab", "th"), "x", "model.vocab.th is not a number"),
        (("model", "merges", 0), ["t"], "no pair"),
        (("model", "merges", 0), ["t", "\u1234"], "model.vocab lacks"),
        (("model", "merges"), 3, "model.merges is not an array"),
        (("model",), None, 'has no "model"'),
        (("post_processor", "special_tokens", "<|begin_of_text|>", "ids"), [999999], "999999"),
    ],
)
def test_a_broken_file_is_named_with_the_key(
    path: tuple[str | int, ...], value: object, message: str
) -> None:
    document = json.loads(bundled())
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(NativeTokenizerError, match="status 3: ") as refusal:
        NativeTokenizer(json.dumps(document).encode())
    assert message in str(refusal.value)


def test_a_cut_file_is_refused_wherever_it_ends() -> None:
    data = bundled().encode()
    rng = random.Random(4)
    for end in [0, 1, len(data) // 2, *(rng.randrange(len(data) - 2) for _ in range(100))]:
        with pytest.raises(NativeTokenizerError, match=r"status 3: .*byte"):
            NativeTokenizer(data[:end])
