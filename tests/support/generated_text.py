"""Strings that tokenizers get wrong: all scripts, marks, emoji, control characters, long runs, special tokens."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator

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
# Of several combining classes, composing and not, and Hangul's vowels and ends.
MARKS = (
    *("\u0301", "\u0308", "\u0327", "\u0338", "\u0345", "\u05b4", "\u093c", "\u0941"),
    *("\u1161", "\u11a8", "\u200d", "\ufe0f"),
)
SCRIPT_STARTS = (
    0x41,
    0x1C0,
    0xFF10,
    0xFB00,
    0x2160,
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


def any_character(rng: random.Random) -> str:
    while True:
        code_point = rng.randrange(sys.maxunicode + 1)
        if not 0xD800 <= code_point < 0xE000:
            return chr(code_point)


def fragment(rng: random.Random) -> str:
    """A word, spaces, an emoji, a special token or its beginning, any characters, a script, a run or a number."""
    kind = rng.randrange(10)
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
        base = chr(rng.choice((0x61, 0x41, 0x915, 0x5D0, 0xAC00, 0x1100, 0x212B)))
        return base + "".join(rng.choice(MARKS) for _ in range(rng.randint(1, 5)))
    if kind == 8:
        return rng.choice("aeh \n!1'\u0301\u4e2d") * rng.choice((2, 3, 30, 90))
    return str(rng.randrange(10 ** rng.randint(1, 9)))


def broken_utf8(rng: random.Random) -> bytes:
    """A few bytes, most of which begin, go on with or end a character that is none."""
    leads = b"\xc0\xc1\xc2\xe0\xe1\xed\xef\xf0\xf1\xf4\xf5\xff\x80\xbf\x9fa "
    return bytes(rng.choice((rng.randrange(256), rng.choice(leads))) for _ in range(rng.randint(1, 12)))


def generated(count: int, *, seed: int) -> Iterator[str]:
    """``count`` strings of a few fragments each."""
    rng = random.Random(seed)
    for _ in range(count):
        yield "".join(fragment(rng) for _ in range(rng.randint(1, 6)))
