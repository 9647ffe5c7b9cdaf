"""The pictures of the Android app show its own layouts, with every view and text that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.android_pictures.page import page
from tools.android_pictures.resources import Resources
from tools.android_pictures.scenes import SCENES, Scene
from tools.android_pictures.twin import Twin

RES = Path(__file__).parents[2] / "android_app" / "app" / "src" / "main" / "res"


@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
def test_a_scene_fills_views_that_there_are(scene: Scene) -> None:
    for resources in (Resources(RES), Resources(RES, dark=True, language="de", font_scale=1.3)):
        twin = Twin(resources)
        drawn = page(scene, resources, twin, fonts=None)
        assert twin.missing == set()
        assert not re.search(r"@(string|color|drawable)/|%\d\$", drawn), "a reference was not followed"


def test_every_layout_is_in_a_picture() -> None:
    resources = Resources(RES)
    twin = Twin(resources)
    for scene in SCENES:
        page(scene, resources, twin, fonts=None)
    # A rule between two blocks, which none of the answers has.
    assert {path.stem for path in (RES / "layout").glob("*.xml")} - twin.layouts == {"block_rule"}


def test_a_configuration_has_its_own_colours_texts_and_sizes() -> None:
    light, dark = Resources(RES), Resources(RES, dark=True, language="de", font_scale=1.5)
    assert light.colour("@color/accent") != dark.colour("@color/accent")
    assert light.colour("@color/accent") in page(SCENES[0], light, Twin(light), fonts=None)
    assert (light.text("@string/copy"), dark.text("@string/copy")) == ("Copy", "Kopieren")
    assert light.text("@string/copied", "1 MB", "2 MB") == "1 MB of 2 MB"
    assert (light.size("16sp"), dark.size("16sp"), dark.size("16dp")) == ("16px", "24px", "16px")
    assert light.background("@drawable/bubble") == {
        "background": light.colour("@color/bubble"),
        "border-radius": "16px",
    }


def test_the_pictures_that_the_readme_shows_are_there_and_small() -> None:
    root = RES.parents[4]
    readme = (root / "android_app" / "README.md").read_text()
    shown = re.findall(r"\]\(\.\./docs/pictures/android/([\w-]+)\.png\)", readme)
    pictures = {
        path.stem: path.stat().st_size for path in (root / "docs" / "pictures" / "android").glob("*.png")
    }
    looks = ("light", "dark", "large")
    assert set(pictures) == set(shown) == {f"{scene.name}-{look}" for scene in SCENES for look in looks}
    assert max(pictures.values()) <= 100_000
