"""The King James Version, as Debian's `bible` program prints it, in chapters to train, steer and measure on."""

import re
from dataclasses import dataclass

_VERSE = re.compile(r"^  (\d+) (.+)$")
_HELD_OUT_EVERY = 85
_VALIDATION_EVERY = 110


@dataclass(frozen=True)
class Chapter:
    """One chapter: its heading, such as "Genesis 1", and its verses without their numbers."""

    title: str
    verses: tuple[str, ...]

    @property
    def text(self) -> str:
        """Heading, empty line, one verse a line; no newline at the end."""
        return f"{self.title}\n\n" + "\n".join(self.verses)


@dataclass(frozen=True)
class Corpus:
    """Whole chapters, each in exactly one part: only `train` is ever learnt from, `validation` only steers."""

    train: tuple[Chapter, ...]
    validation: tuple[Chapter, ...]
    held_out: tuple[Chapter, ...]


def read_corpus(printed: str) -> Corpus:
    """Splits the output of `bible -l100000 gen1:1-rev22:21` into chapters, and these into the three parts.

    Raises:
        ValueError: if a line is neither a heading nor a verse.
    """
    chapters = _parse(printed)
    parts: dict[str, list[Chapter]] = {"train": [], "validation": [], "held_out": []}
    for index, chapter in enumerate(chapters):
        # phases chosen so that the two never coincide and reach the whole book, from the law to the letters
        if index % _HELD_OUT_EVERY == _HELD_OUT_EVERY // 2:
            parts["held_out"].append(chapter)
        elif index % _VALIDATION_EVERY == _VALIDATION_EVERY // 4:
            parts["validation"].append(chapter)
        else:
            parts["train"].append(chapter)
    return Corpus(**{name: tuple(part) for name, part in parts.items()})


def join(chapters: tuple[Chapter, ...]) -> str:
    """The chapters as one text, an empty line between them, a newline at the end."""
    return "\n\n".join(chapter.text for chapter in chapters) + "\n"


def _parse(printed: str) -> list[Chapter]:
    chapters: list[Chapter] = []
    title = ""
    verses: list[str] = []
    for line in [*printed.splitlines(), ""]:
        verse = _VERSE.match(line)
        if verse:
            verses.append(verse[2].strip())
        elif line and not verses:
            title = line.strip()
        elif line:
            raise ValueError(f"expected a verse of {title}, got {line!r}")
        elif verses:
            chapters.append(Chapter(title, tuple(verses)))
            verses = []
    return chapters
