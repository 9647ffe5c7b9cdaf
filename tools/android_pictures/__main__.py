"""Takes the pictures: every screen light, dark, and with the font that Android's settings call the largest.

    python -m tools.android_pictures [FOLDER] [--fonts FOLDER]

Needs Chromium and the package playwright. The figures in the pictures are examples, not measurements.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from .page import HEIGHT, WIDTH, page
from .resources import Resources
from .scenes import SCENES
from .twin import Twin

RES = Path("android_app/app/src/main/res")
LARGEST = 1.3
MOST_BYTES = 100_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.android_pictures", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/pictures/android"))
    parser.add_argument(
        "--fonts",
        type=Path,
        help="a folder with Roboto-Regular.ttf and its kin (Debian: fonts-roboto-unhinted)",
    )
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("chromium is missing", file=sys.stderr)
        return 1
    arguments.folder.mkdir(parents=True, exist_ok=True)
    looks = {
        "light": Resources(RES),
        "dark": Resources(RES, dark=True),
        "large": Resources(RES, font_scale=LARGEST),
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--allow-file-access-from-files"]
        )
        source = arguments.folder / "page.html"
        for look, resources in looks.items():
            tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            for scene in SCENES:
                # From a file, so that the fonts may be read.
                source.write_text(page(scene, resources, Twin(resources), arguments.fonts), encoding="utf-8")
                tab.goto(source.resolve().as_uri())
                picture = arguments.folder / f"{scene.name}-{look}.png"
                tab.screenshot(path=picture)
                if picture.stat().st_size > MOST_BYTES:
                    print(f"{picture} has {picture.stat().st_size} bytes", file=sys.stderr)
                    return 1
            tab.close()
        source.unlink()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
