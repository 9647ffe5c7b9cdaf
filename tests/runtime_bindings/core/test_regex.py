"""The core's regular expressions against Python's `regex` module and against the library of `tokenizers`."""

from __future__ import annotations

import random
import time

import pytest
import regex
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from tests.support.generated_text import generated
from tests.support.native_tokenizer import NativeTokenizerError, regex_matches
from tests.support.tokenizer_families import CL100K_NEWER, DEEPSEEK_WORDS, KIMI, LLAMA_3, O200K, THOUSANDS

# Characters that all Unicode versions and both libraries put into the same classes.
CHARACTERS = (
    "abksABK12 \t\r\n'.-_\u00e9\u00c9\u0301\u0663\u4e2d\u3042\u00a0\u017f\u212a\u2164\u01c5\U0001f600"
)
SETS = (
    *("a", "b", "1", " ", "\n", ".", r"\n", r"\r", r"\t", r"\.", r"\x61", r"\u4e2d"),
    *(
        r"\p{L}",
        r"\p{N}",
        r"\p{Lu}",
        r"\p{Ll}",
        r"\p{Lt}",
        r"\p{M}",
        r"\p{P}",
        r"\p{S}",
        r"\p{Han}",
        r"\P{L}",
    ),
    *(r"\p{^L}", r"\s", r"\S", r"\d", r"\D", r"[ab]", r"[^ab]", r"[^\s\p{L}\p{N}]", r"[a-k1\-]", r"[-a]"),
    *(r"[\p{L}&&[^a]]", r"[a[12]b]", r"[^a[12]]", r"[\p{L}\p{M}&&[^\p{Han}]]", r"(?i:k)", r"(?i:[as])"),
)
LOOKS = (r"(?!\S)", r"(?=\s)", r"(?=[ab1])", r"(?!a)", r"(?![^\n])", r"$", r"\z")


class PatternMaker:
    """Random patterns of the syntax that the core knows."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def pattern(self) -> str:
        """A pattern whose matches are not empty."""
        return "|".join(self.sequence(2) for _ in range(self.rng.randint(1, 3)))

    def sequence(self, depth: int) -> str:
        """Something solid with what may be empty around it."""
        before = "".join(self.optional(depth) for _ in range(self.rng.randint(0, 2)))
        behind = "".join(
            self.rng.choice((self.optional, self.solid))(depth) for _ in range(self.rng.randint(0, 2))
        )
        return before + self.solid(depth) + behind

    def solid(self, depth: int) -> str:
        """What takes at least one character."""
        kind = self.rng.randrange(6) if depth > 0 else 0
        if kind <= 2:
            return self.rng.choice(SETS)
        if kind == 3:
            return f"(?:{'|'.join(self.sequence(depth - 1) for _ in range(self.rng.randint(1, 3)))})"
        return f"(?:{self.solid(depth - 1)})" + self.rng.choice(("+", "+?", "{2}", "{1,3}", "{2,}", "{1,2}?"))

    def optional(self, depth: int) -> str:
        """What may take none."""
        kind = self.rng.randrange(4) if depth > 0 else self.rng.randrange(2)
        if kind == 0:
            return self.rng.choice(LOOKS)
        if kind == 1:
            return self.rng.choice(SETS) + self.rng.choice(("?+", "*+", "++", "?", "*", "*?", "??", "{0,2}"))
        if kind == 2:
            return f"(?:{self.solid(depth - 1)})" + self.rng.choice(("?", "*", "*?", "??", "{,2}"))
        return f"(?{self.rng.choice('=!')}{self.sequence(depth - 1)})"


@pytest.mark.slow
def test_matches_are_those_of_a_backtracking_matcher() -> None:
    maker = PatternMaker(seed=1)
    compared = 0
    for _ in range(500):
        pattern = maker.pattern()
        compiled = regex.compile(pattern, regex.VERSION1 | regex.MULTILINE)
        try:
            regex_matches(pattern, "")
        except NativeTokenizerError as refusal:
            # The only limit that these patterns can meet.
            assert "looks ahead in too many places" in str(refusal)  # noqa: PT017
            continue
        for _ in range(4):
            text = "".join(maker.rng.choices(CHARACTERS, k=maker.rng.randint(1, 20)))
            try:
                expected = [match.span() for match in compiled.finditer(text, timeout=0.1)]
            except TimeoutError:  # what backtracking does with some patterns
                continue
            assert regex_matches(pattern, text) == expected, (pattern, text)
            compared += 1
    assert compared > 1750


FAMILY_PATTERNS = (LLAMA_3, O200K, CL100K_NEWER, KIMI, DEEPSEEK_WORDS, THOUSANDS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern",
    [
        *FAMILY_PATTERNS,
        *(
            r"a{1,3}+",
            r"\x{1F600}+",
            r"(?>a+)b",
            r"(?>a?)a",
            r"a{,2}b",
            r"\h+",
            r"\H",
            r"\w+",
            r"\W",
            r"\d+$",
        ),
        *(r"\s++$|\s", r"(a|ab)(c|bcd)", r"[\]\[]+", r"[a\]]", r"a.c", r"\Aa"[2:], r"\p{Hangul}+|\p{Zs}"),
        *(r"(?i:don)'", r"(?=(?=a).b)ab", r"(?!(?!a))[a-c]", r"\p{Latin}+|\p{Cyrillic}+", r"[\w&&[^\d_]]+"),
    ],
)
def test_syntax_means_what_it_means_to_tokenizers(pattern: str) -> None:
    isolated = Split(Regex(pattern), "removed", invert=True)
    for text in [*generated(400, seed=21), "abcd aaab aab ab\n12\r\n]a[ Don't \uac00\u1100", "a" * 9 + "b"]:
        assert regex_matches(pattern, text) == [place for _, place in isolated.pre_tokenize_str(text)]


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        (r"(a)\1", r"\1"),
        (r"(?<=a)b", "(?<="),
        (r"(?<!a)b", "(?<!"),
        (r"(?<name>a)", "(?<n"),
        (r"^a", "^ at this place"),
        (r"\Aa", r"\A"),
        (r"\ba", r"\b"),
        (r"a\Z", r"\Z"),
        (r"\Ka", r"\K"),
        (r"\X", r"\X"),
        (r"\R", r"\R"),
        (r"(?i)a", "(?i)"),
        (r"(?m:.)", "(?m:"),
        (r"a*", "matches of no characters"),
        (r"(?:a?)*b", "a repeat of what may match nothing"),
        (r"(?:ab)++", "a possessive repeat of more than one character"),
        (r"(?>ab|a)b", "(?>...)"),
        (r"(?i:stress)", "case-insensitive st"),
        (r"(?i:\u00e9)", "beyond ASCII"),
        (r"(?i:[\p{L}])", "a case-insensitive class"),
        (r"[[:alpha:]]", "[:...:]"),
        (r"\p{Klingon}", "the property Klingon"),
        (r"a{2}?", "{n}?"),
        (r"a{x", "{ that begins no repeat"),
        (r"a{1001}", "more than 1000 repeats"),
        (r"(a", "a ( without its )"),
        (r"a)", "a ) without its ("),
        (r"[a", "an end in the middle"),
        (r"[]a]", "] as the first of a set"),
        (r"[b-a]", "whose end is before its beginning"),
        (r"+a", "+ at this place"),
        (r"\xff", "no ASCII character"),
        ("(" * 60 + "a" + ")" * 60, "nested so deeply"),
        ("[" * 60 + "a" + "]" * 60, "nested so deeply"),
        (r"((a{1000}){1000})", "too many repeats"),
        (r"(?:a|b)*a(?:a|b){20}c", "too large an automaton"),
        ("|".join(rf"a(?={word}x)" for word in "bcde"), "looks ahead in too many places"),
    ],
)
def test_what_it_does_not_know_is_refused_by_name(pattern: str, named: str) -> None:
    with pytest.raises(NativeTokenizerError, match="status 11: the pattern") as refusal:
        regex_matches(pattern, "")
    assert named in str(refusal.value)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\s+$", " " * 200_000 + "x"),
        (r"a*b|a", "a" * 200_000),
        (r"(?:aa)*b|a", "a" * 200_001),
        (r"a(?=a*b)", "a" * 200_000),
        (r"\p{L}+(?!\p{L}*!)", "\u4e2d" * 60_000 + "!"),
        (r"\u00e9*\u4e2d|\u00e9", "a" + "\u00e9" * 80_000),
        *((pattern, " \t" * 100_000 + "x") for pattern in FAMILY_PATTERNS),
        *((pattern, "a1" * 100_000) for pattern in FAMILY_PATTERNS),
        *((pattern, "\n" * 200_000) for pattern in FAMILY_PATTERNS),
        *((pattern, "e\u0301\u0327" * 40_000) for pattern in FAMILY_PATTERNS),
    ],
)
def test_no_text_takes_more_than_linear_time(pattern: str, text: str) -> None:
    start = time.process_time()
    regex_matches(pattern, text)
    # About 0.05 s; looking at the run again at every place would be 4e10 steps.
    assert time.process_time() - start < 5
