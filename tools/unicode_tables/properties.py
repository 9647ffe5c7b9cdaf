"""General categories, scripts, and what the library's own splitters take for a word or for punctuation."""

from tokenizers import Regex
from tokenizers.pre_tokenizers import PreTokenizer, Punctuation, Split, Whitespace

from tools.unicode_tables.characters import CHARACTERS, ranges

# What is in none of them is unassigned (Cn) or a surrogate (Cs), which no text has.
_KINDS = {"L": "ultmo", "M": "nce", "N": "dlo", "P": "cdseifo", "S": "mcko", "Z": "slp", "C": "cfo"}
_CATEGORIES = [group + kind for group, kinds in _KINDS.items() for kind in kinds]
_PUNCTUATION_CATEGORIES = [name for name in _CATEGORIES if name.startswith("P")]
_WORD_CATEGORIES = [*(name for name in _CATEGORIES if name[0] in "LM"), "Nd", "Pc"]
_SCRIPTS = (
    *("Arabic", "Cyrillic", "Devanagari", "Greek", "Han", "Hangul", "Hebrew"),
    *("Hiragana", "Katakana", "Latin", "Thai"),
)
_ALL = "".join(map(chr, CHARACTERS))


def matching(character_class: str) -> set[int]:
    """Characters that a class of the library's regular expressions holds."""
    split = Split(Regex(f"{character_class}+"), "removed", invert=True)
    return {ord(character) for piece, _ in split.pre_tokenize_str(_ALL) for character in piece}


def _cut_from_letters(splitter: PreTokenizer) -> set[int]:
    """Characters that ``splitter`` does not leave in one piece with letters around them."""
    return {value for value in CHARACTERS if len(splitter.pre_tokenize_str(f"a{chr(value)}a")) > 1}


def tables() -> dict[str, list[str]]:
    """Rows of `categories` and `properties`."""
    categories = {name: matching(rf"\p{{{name}}}") for name in _CATEGORIES}
    rows = sorted((*span, name) for name, found in categories.items() for span in ranges(found))

    def union(names: list[str]) -> set[int]:
        return set().union(*(categories[name] for name in names))

    properties = {f"k{name}": matching(rf"\p{{{name}}}") for name in _SCRIPTS}
    properties["kWhiteSpace"] = matching(r"\s")
    # The two regular expression libraries inside `tokenizers` differ in what a word is; only what the categories do
    # not say is stored.
    properties["kOtherWord"] = matching(r"\w") - union(_WORD_CATEGORIES)
    plain_word = set(CHARACTERS) - _cut_from_letters(Whitespace())
    properties["kOtherPlainWord"] = plain_word - union(_WORD_CATEGORIES)
    punctuation = _cut_from_letters(Punctuation("isolated"))
    properties["kOtherPunctuation"] = punctuation - union(_PUNCTUATION_CATEGORIES)
    properties["kNoPunctuation"] = union(_PUNCTUATION_CATEGORIES) - punctuation
    if union(_WORD_CATEGORIES) - plain_word or union(_WORD_CATEGORIES) - matching(r"\w"):
        raise SystemExit("a word no longer holds every letter, mark, digit and connector")
    return {
        "categories": [f"{{0x{first:X}, 0x{last:X}, k{name}}}," for first, last, name in rows],
        "properties": [
            f"{{0x{first:X}, 0x{last:X}, Property::{name}}},"
            for name, found in properties.items()
            for first, last in ranges(found)
        ],
    }
