"""Decompositions, compositions and combining classes."""

import unicodedata

from tokenizers.normalizers import NFC, NFD, NFKD

from tools.unicode_tables.characters import CHARACTERS

_HANGUL = range(0xAC00, 0xD7A4)  # by arithmetic
_OVERLAY = "\u0334"  # of class 1, the lowest
_ABOVE = "\u0301"  # of class 230
_nfc, _nfd, _nfkd = NFC().normalize_str, NFD().normalize_str, NFKD().normalize_str


def _reorders(first: str, second: str) -> bool:
    return _nfd(first + second) == second + first


def _combining_classes() -> dict[int, int]:
    """Classes other than 0. The numbers are unicodedata's; that they order as the library's do is checked."""
    classes = {}
    for value in CHARACTERS:
        character = chr(value)
        if _nfd(character) != character:
            continue  # only whole decompositions are ordered
        if _reorders(character, _OVERLAY) or _reorders(_ABOVE, character):
            classes[value] = unicodedata.combining(character)
            if classes[value] == 0:
                raise SystemExit(f"U+{value:04X} combines, but Python's older tables do not know how")
    samples = sorted({number: chr(value) for value, number in classes.items()}.items())
    for value, number in classes.items():
        for sample_number, sample in samples:
            if chr(value) != sample and _reorders(chr(value), sample) != (number > sample_number):
                raise SystemExit(f"U+{value:04X} orders otherwise than its class {number} says")
    return classes


def tables() -> dict[str, list[str]]:
    """Rows of the tables that NFC, NFD, NFKC and NFKD need."""
    pool: list[int] = []
    rows: dict[str, list[str]] = {
        "canonical": [],
        "compatible": [],
        "compositions": [],
        "combining_classes": [],
    }
    for value in CHARACTERS:
        if value in _HANGUL:
            continue
        character = chr(value)
        canonical, compatible = _nfd(character), _nfkd(character)
        for name, text in (("canonical", canonical), ("compatible", compatible)):
            if text != (character if name == "canonical" else canonical):
                rows[name].append(f"{{0x{value:X}, {len(pool)}, {len(text)}}},")
                pool.extend(map(ord, text))
        if canonical != character and _nfc(canonical) == character:
            first, second = _nfc(canonical[:-1]), canonical[-1]
            if len(first) != 1:
                raise SystemExit(f"U+{value:04X} is not made of two characters")
            rows["compositions"].append(f"{{0x{ord(first):X}, 0x{ord(second):X}, 0x{value:X}}},")
    rows["compositions"].sort(key=lambda row: [int(part, 16) for part in row.strip("{},").split(", ")])
    rows["decomposed"] = [f"0x{value:X}," for value in pool]
    rows["combining_classes"] = [
        f"{{0x{value:X}, {number}}}," for value, number in _combining_classes().items()
    ]
    return rows
