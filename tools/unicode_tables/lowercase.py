"""Lower case, character by character."""

from tokenizers.normalizers import Lowercase

from tools.unicode_tables.characters import CHARACTERS


def tables() -> dict[str, list[str]]:
    """Rows of `lowercase`: a character and one or two that it becomes (0: one only)."""
    lowercase = Lowercase()
    rows = []
    for value in CHARACTERS:
        lower = lowercase.normalize_str(chr(value))
        if lower != chr(value):
            first, second = map(ord, lower.ljust(2, "\0"))
            rows.append(f"{{0x{value:X}, 0x{first:X}, 0x{second:X}}},")
    return {"lowercase": rows}
