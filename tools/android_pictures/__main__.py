"""Takes the pictures: every screen light, dark, and with the font that Android's settings call the largest.

    python -m tools.android_pictures [FOLDER] [--fonts FOLDER]

Needs Chromium and the package playwright. The figures in the pictures are examples, not measurements.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.pictures import chromium, take

from .page import HEIGHT, WIDTH, page
from .resources import Resources
from .scenes import SCENES
from .twin import Twin

RES = Path("android_app/app/src/main/res")
LARGEST = 1.3


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.android_pictures", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/pictures/android"))
    parser.add_argument(
        "--fonts",
        type=Path,
        help="a folder with Roboto-Regular.ttf and its kin (Debian: fonts-roboto-unhinted)",
    )
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    looks = {
        "light": Resources(RES),
        "dark": Resources(RES, dark=True),
        "large": Resources(RES, font_scale=LARGEST),
    }
    # From a file, so that the fonts may be read.
    source = arguments.folder / "page.html"
    with chromium("--allow-file-access-from-files") as browser:
        for look, resources in looks.items():
            tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            for scene in SCENES:
                source.write_text(page(scene, resources, Twin(resources), arguments.fonts), encoding="utf-8")
                tab.goto(source.resolve().as_uri())
                take(tab, arguments.folder / f"{scene.name}-{look}.png")
            tab.close()
        source.unlink()


if __name__ == "__main__":
    main()
