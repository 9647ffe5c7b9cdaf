"""The pictures of the iOS app show its own texts, and there is one of each screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.ios_pictures.page import LOOKS, page
from tools.ios_pictures.scenes import SCENES
from tools.ios_pictures.texts import Texts

ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT / "ios_app" / "App" / "Localizable.xcstrings"


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_has_the_apps_texts_in_each_language(name: str) -> None:
    english, german = Texts(CATALOGUE), Texts(CATALOGUE, "de")
    first, second = (page(SCENES[name], texts, LOOKS["light"]) for texts in (english, german))
    assert english.used == german.used
    assert english.used
    assert first != second
    assert "%lld" not in first + second


def test_a_text_that_the_app_does_not_have_is_refused() -> None:
    with pytest.raises(KeyError, match="Nonsense"):
        Texts(CATALOGUE)("Nonsense")


def test_there_is_a_picture_of_each_scene() -> None:
    folder = ROOT / "docs" / "pictures" / "ios"
    assert {path.stem for path in folder.glob("*.png")} == {
        f"{name}-{look}" for name in SCENES for look in LOOKS
    }
    assert all(path.stat().st_size <= 100_000 for path in folder.glob("*.png"))
