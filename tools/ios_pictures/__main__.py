"""Takes the pictures: every screen light, dark, and with a large font.

    python -m tools.ios_pictures [FOLDER]

Needs Chromium and the package playwright. They are twins of the SwiftUI screens and not their rendering: the texts are
the app's, the figures examples.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.pictures import chromium, take

from .page import HEIGHT, LOOKS, WIDTH, page
from .scenes import SCENES
from .texts import Texts


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.ios_pictures", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/pictures/ios"))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for name, scene in SCENES.items():
            for kind, look in LOOKS.items():
                tab.set_content(page(scene, Texts(), look))
                take(tab, arguments.folder / f"{name}-{kind}.png")


if __name__ == "__main__":
    main()
