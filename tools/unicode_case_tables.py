"""Prints `runtime_bindings/cpp/core/template/unicode_tables.inc`: `python -m tools.unicode_case_tables > FILE`.

The tables hold what this Python's `str` knows of characters: which are printable, upper, lower or title case, and what
case changes make of them. Run it with Python 3.11; the comment at the top of the tables names its Unicode version.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterable

_SURROGATES = range(0xD800, 0xE000)
_CHARACTERS = [chr(code) for code in range(sys.maxunicode + 1) if code not in _SURROGATES]


def _ranges(holds: Callable[[str], bool]) -> list[str]:
    """`{first, last}` of every run of characters."""
    runs: list[list[int]] = []
    for code in (ord(character) for character in _CHARACTERS if holds(character)):
        if runs and runs[-1][1] == code - 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return [f"{{0x{first:X}, 0x{last:X}}}" for first, last in runs]


def _steps(change: Callable[[str], str]) -> list[str]:
    """`{first, last, step, delta}` of every run of characters that move by the same distance."""
    runs: list[list[int]] = []
    for character in _CHARACTERS:
        changed = change(character)
        if len(changed) != 1 or changed == character:
            continue
        code, delta = ord(character), ord(changed) - ord(character)
        if runs and runs[-1][3] == delta:
            gap = code - runs[-1][1]
            if gap in (1, 2) and (runs[-1][0] == runs[-1][1] or runs[-1][2] == gap):
                runs[-1][1:3] = [code, gap]
                continue
        runs.append([code, code, 1, delta])
    return [f"{{0x{first:X}, 0x{last:X}, {step}, {delta}}}" for first, last, step, delta in runs]


def _specials(change: Callable[[str], str], regular: Callable[[str], str] | None = None) -> list[str]:
    """`{character, "text"}` where the result is more than one character, or not what `regular` gives."""
    rows = []
    for character in _CHARACTERS:
        changed = change(character)
        if changed != regular(character) if regular else len(changed) != 1:
            text = "".join(f"\\x{byte:02X}" for byte in changed.encode())
            rows.append(f'{{0x{ord(character):X}, "{text}"}}')
    return rows


def _is_case_ignorable(character: str) -> bool:
    """Whether a final sigma looks through the character at what is before it, by what `lower` does."""
    looks_through = ("A" + character + "\u03a3").lower().endswith("\u03c2")
    return looks_through and not ("1" + character + "\u03a3").lower().endswith("\u03c2")


def _table(kind: str, name: str, rows: Iterable[str]) -> None:
    print(f"constexpr {kind} {name}[] = {{")
    line = ""
    for row in rows:
        if len(line) + len(row) > 104:
            print("    " + line.rstrip())
            line = ""
        line += row + ", "
    print("    " + line.rstrip())
    print("};")


def main() -> None:
    """Prints the tables."""
    print(f"// Unicode {unicodedata.unidata_version}, by tools/unicode_case_tables.py.")
    _table("Range", "kNotPrintable", _ranges(lambda character: not character.isprintable()))
    _table("Range", "kUpper", _ranges(str.isupper))
    _table("Range", "kLower", _ranges(str.islower))
    _table("Range", "kTitle", _ranges(lambda character: unicodedata.category(character) == "Lt"))
    _table("Range", "kCaseIgnorable", _ranges(_is_case_ignorable))
    _table("Steps", "kToUpper", _steps(str.upper))
    _table("Steps", "kToLower", _steps(str.lower))
    _table("Special", "kSpecialUpper", _specials(str.upper))
    _table("Special", "kSpecialLower", _specials(str.lower))
    _table("Special", "kSpecialTitle", _specials(str.title, str.upper))


if __name__ == "__main__":
    main()
