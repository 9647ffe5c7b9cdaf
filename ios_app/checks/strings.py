"""Checks that the screens' texts are in the catalogue, in every language of it.

    python strings.py ios_app/App

SwiftUI looks a literal up by itself; one that is not there stays English.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

VIEWS = "Text|Button|Label|ProgressView|Section|TextField|SecureField|navigationTitle|figure|alert|Stepper"
LANGUAGES = ("de",)


def main() -> int:
    folder = Path(sys.argv[1])
    catalogue = json.loads((folder / "Localizable.xcstrings").read_text())["strings"]
    faults = [
        f"{text}: not in {language}"
        for text, entry in catalogue.items()
        for language in LANGUAGES
        if not entry["localizations"].get(language, {}).get("stringUnit", {}).get("value")
    ]
    used = set()
    for path in sorted(folder.glob("*.swift")):
        for text in re.findall(rf'\b(?:{VIEWS})\(\s*"((?:[^"\\]|\\.)*)"', path.read_text()):
            # The only things that are interpolated are whole numbers; a text that is nothing else needs no translation.
            key = re.sub(r"\\\([^)]*\)", "%lld", text)
            used.add(key)
            if key not in catalogue and key.replace("%lld", "").strip():
                faults.append(f"{path.name}: {key!r} is not in the catalogue")
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults or len(used) < 20 else 0


sys.exit(main())
