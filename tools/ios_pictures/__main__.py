"""Takes the pictures: every screen light, dark, and with a large font.

    python -m tools.ios_pictures [FOLDER]

Needs Chromium and the package playwright. They are twins of the SwiftUI screens and not their rendering: the texts are
the app's, the figures examples.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from .page import HEIGHT, LOOKS, WIDTH, page
from .scenes import SCENES
from .texts import Texts

MOST_BYTES = 100_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.ios_pictures", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/pictures/ios"))
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("chromium is missing", file=sys.stderr)
        return 1
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for name, scene in SCENES.items():
            for kind, look in LOOKS.items():
                tab.set_content(page(scene, Texts(), look))
                picture = arguments.folder / f"{name}-{kind}.png"
                tab.screenshot(path=picture)
                if picture.stat().st_size > MOST_BYTES:
                    print(f"{picture} has {picture.stat().st_size} bytes", file=sys.stderr)
                    return 1
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
