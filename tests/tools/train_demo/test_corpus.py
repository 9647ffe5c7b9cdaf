"""Chapters from printed text, and the three parts that must never share one."""

import pytest

from tools.train_demo.corpus import Chapter, join, read_corpus


def _printed(chapters: int) -> str:
    return "\n".join(f"\nBook {n}\n\n  1 First of {n}.\n  2 Second of {n}." for n in range(chapters)) + "\n"


def test_chapters_lose_their_verse_numbers() -> None:
    corpus = read_corpus(
        "\nJude 1\n\n  1 Jude, the servant,\n  2 Mercy unto you.\n\n2 John 1\n\n  1 The elder\n"
    )
    assert corpus.train == (
        Chapter("Jude 1", ("Jude, the servant,", "Mercy unto you.")),
        Chapter("2 John 1", ("The elder",)),
    )
    assert join(corpus.train) == "Jude 1\n\nJude, the servant,\nMercy unto you.\n\n2 John 1\n\nThe elder\n"


def test_parts_are_disjoint_and_complete() -> None:
    corpus = read_corpus(_printed(1189))
    titles = [
        chapter.title for part in (corpus.train, corpus.validation, corpus.held_out) for chapter in part
    ]
    assert sorted(titles) == sorted(f"Book {n}" for n in range(1189))
    assert len(corpus.held_out) == 14
    assert len(corpus.validation) == 10


def test_a_line_out_of_place_is_named() -> None:
    with pytest.raises(ValueError, match="verse of Jude 1, got 'stray'"):
        read_corpus("\nJude 1\n\n  1 Jude\nstray\n")
